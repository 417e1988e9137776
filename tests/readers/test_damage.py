"""A prediction file with one fault gives the number that its text says, or one line of error.

What the text says is the oracle's word: a changed digit is another number, and no reader can tell.
A field that was lost, shifted or joined must be refused.
"""

from __future__ import annotations

import gzip
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from lossctl.errors import ExitCode, LossctlError
from lossctl.evaluation import evaluate_with
from lossctl.options import Options
from lossctl.sources import csv_file, fast

from . import oracle

HEADER = "id,note,y,yhat\n"
NOTES = ("plain", "plain", "plain", "", '"a, b"', '"two\nlines"', '"so ""good"""', '",,"', "déjà")
NOISE = b',\n"5eN\0\r \xff-.'


Damages = Iterator[bytes]


@cache
def clean() -> bytes:
    chance = random.Random(11)
    lines = [HEADER]
    for i in range(1, 151):
        y = chance.gauss(0, 3)
        lines.append(f"{i},{chance.choice(NOTES)},{y:.3f},{y + chance.gauss(0, 1):.6f}\n")
    return "".join(lines).encode()


def places(byte: bytes, quoted: bool = False) -> list[int]:
    """Return where a byte stands outside quotes, or inside."""
    data = clean()
    found = [at for at in range(len(data)) if data[at : at + 1] == byte]
    return [at for at in found if data.count(b'"', 0, at) % 2 == quoted]


def anywhere(count: int, seed: int) -> list[int]:
    """Return so many places, a third of them in the header and the first rows."""
    chance = random.Random(seed)
    head = [chance.randrange(60) for _ in range(count // 3)]
    return head + [chance.randrange(len(clean())) for _ in range(count - len(head))]


def without(start: int, stop: int) -> bytes:
    return clean()[:start] + clean()[stop:]


def deleted() -> Damages:
    for at in anywhere(200, 1):
        yield without(at, at + 1)
    for at in places(b'"')[::3] + places(b'"', quoted=True)[::3]:
        yield without(at, at + 1)


def inserted() -> Damages:
    for byte in NOISE:
        for at in anywhere(25, byte):
            yield clean()[:at] + bytes([byte]) + clean()[at:]


def replaced() -> Damages:
    for byte in NOISE:
        for at in anywhere(25, 256 + byte):
            yield clean()[:at] + bytes([byte]) + clean()[at + 1 :]


def flipped() -> Damages:
    chance = random.Random(2)
    for at in anywhere(200, 3):
        yield clean()[:at] + bytes([clean()[at] ^ 1 << chance.randrange(8)]) + clean()[at + 1 :]


def truncated() -> Damages:
    for at in [*range(1, 40), *anywhere(150, 4), *range(len(clean()) - 40, len(clean()))]:
        yield clean()[:at]


def delimiter_doubled() -> Damages:
    for at in places(b",")[::4]:
        yield clean()[:at] + b"," + clean()[at:]


def delimiter_dropped() -> Damages:
    for at in places(b",")[::4]:
        yield without(at, at + 1)


def lines_joined() -> Damages:
    for at in places(b"\n")[:-1]:
        yield without(at, at + 1)


def line_split() -> Damages:
    for at in places(b",")[1::12]:
        for end in (b"\n", b"\r", b"\r\n"):
            yield clean()[:at] + end + clean()[at + 1 :]


def header_removed() -> Damages:
    yield clean().removeprefix(HEADER.encode())


def header_run_on() -> Damages:
    """The line end after the header becomes something else."""
    body = clean().removeprefix(HEADER.encode())
    for end in (b"\r", b"\r\r", b" ", b",", b"\t", b"\n\r", b"\x0b", b"\x85"):
        yield HEADER.strip().encode() + end + body


def fields() -> list[list[bytes]]:
    """Return the fields of every record as they are written."""
    stops = [0, *(at + 1 for at in places(b"\n"))]
    fences = set(places(b","))
    rows = []
    for start, stop in pairwise(stops):
        cuts = [start, *(at + 1 for at in range(start, stop) if at in fences), stop]
        rows.append([clean()[a : b - 1] for a, b in pairwise(cuts)])
    return rows


def field_moved() -> Damages:
    """A field moves to another row: the file has as many fields as before."""
    chance = random.Random(5)
    for _ in range(120):
        rows = fields()
        giver, taker = chance.sample(range(1, len(rows)), 2)
        field = rows[giver].pop(chance.randrange(4))
        rows[taker].insert(chance.randrange(5), field)
        yield b"".join(b",".join(row) + b"\n" for row in rows)


def stretch_lost() -> Damages:
    """Some bytes in a row are gone, as when a disk loses a sector or a copy skips one."""
    chance = random.Random(6)
    for at in anywhere(150, 7):
        yield without(at, at + chance.choice([2, 3, 5, 20, 64, 512]))


def stretch_repeated() -> Damages:
    chance = random.Random(8)
    for at in anywhere(100, 9):
        yield clean()[:at] + clean()[at : at + chance.choice([2, 3, 20, 64, 512])] + clean()[at:]


def stretch_zeroed() -> Damages:
    for at in anywhere(40, 10):
        length = min(16, len(clean()) - at)
        yield clean()[:at] + bytes(length) + clean()[at + length :]


def archive_truncated() -> Damages:
    packed = gzip.compress(clean(), mtime=0)
    for at in range(2, len(packed), 25):
        yield packed[:at]


def archive_flipped() -> Damages:
    packed = gzip.compress(clean(), mtime=0)
    chance = random.Random(12)
    for at in range(10, len(packed), 12):
        yield packed[:at] + bytes([packed[at] ^ 1 << chance.randrange(8)]) + packed[at + 1 :]


KINDS: dict[Callable[[], Damages], float] = {  # the share that must be refused
    deleted: 0.3,
    inserted: 0.5,
    replaced: 0.5,
    flipped: 0.4,
    truncated: 0.6,
    delimiter_doubled: 1.0,
    delimiter_dropped: 1.0,
    lines_joined: 1.0,
    line_split: 1.0,
    header_removed: 1.0,
    header_run_on: 0.5,
    field_moved: 1.0,
    stretch_lost: 0.5,
    stretch_repeated: 0.5,
    stretch_zeroed: 1.0,
    archive_truncated: 1.0,
    archive_flipped: 1.0,
}


def literally(data: bytes) -> float | None:
    """Return the mean squared error that a text says by the oracle, None where it says none."""
    try:
        found = list(oracle.records(data, ","))
    except oracle.Refused:
        return None
    if len(found) < 2 or len({len(row.fields) for row in found}) > 1:
        return None
    head, *rows = found
    names = [name.decode("utf-8", "replace").strip() for name in head.fields]
    if names.count("y") != 1 or names.count("yhat") != 1:
        return None
    total = Fraction(0)
    endless = False
    for row in rows:
        y = oracle.number(row.fields[names.index("y")])
        yhat = oracle.number(row.fields[names.index("yhat")])
        if y is None or yhat is None or not math.isfinite(y) or not math.isfinite(yhat):
            return None
        square = (y - yhat) * (y - yhat)
        endless |= math.isinf(square)
        total += 0 if endless else Fraction(square)
    return math.inf if endless else float(total / len(rows))


def outcome(path: Path, options: Options) -> float | str:
    """Return the value, or the message of the error after checking its form."""
    try:
        return evaluate_with(str(path), "mse", options).value
    except LossctlError as raised:
        error = raised
    message = str(error)
    assert error.exit_code is ExitCode.INVALID
    assert message.startswith(f"{path}:")
    assert not {"\n", "\r"} & set(message)
    assert len(message.encode()) < len(str(path)) + 300
    return message.removeprefix(str(path))


SMALL = Options(y="y", pred="yhat", value_only=True, threads=1)
FAST = Options(y="y", pred="yhat", value_only=True, threads=1, block_size=1500)


def both_readers(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float | str]:
    """Return what comes of a file read whole by the reference, and in blocks by the fast one."""
    whole = outcome(path, SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(csv_file, "SMALL", 64)
        return [whole, outcome(path, FAST)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_fault_gives_the_number_that_the_text_says_or_one_line(
    kind: Callable[[], Damages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "preds.csv"
    undamaged = literally(clean())
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for number, data in enumerate(kind()):
        path.write_bytes(data)
        expected = literally(data)
        outcomes = both_readers(path, monkeypatch)
        if outcomes[0] != outcomes[1]:
            faults.append(f"{number}: read whole {outcomes[0]}; in blocks {outcomes[1]}")
        for found in outcomes:
            if isinstance(found, str):
                counts["refused"] += 1
                if expected is not None:
                    faults.append(f"{number}: refused, though the text says {expected}: {found}")
            elif found != expected:
                counts["wrong"] += 1
                faults.append(f"{number}: {found}, though the text says {expected}")
            else:
                counts["as before" if found == undamaged else "what the text says"] += 1
    assert not faults, f"{dict(counts)}: {faults[:5]}"
    assert counts["refused"] >= KINDS[kind] * counts.total(), counts


def test_the_fast_reader_reads_the_undamaged_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this, the second reader of these tests might be the first one again."""
    taken: Counter[bool] = Counter()
    parse = fast.parse

    def counted(*arguments: object) -> object:
        parsed = parse(*arguments)  # type: ignore[arg-type]  # passed on as they came
        taken[parsed is not None] += 1
        return parsed

    path = tmp_path / "preds.csv"
    path.write_bytes(clean())
    monkeypatch.setattr(fast, "parse", counted)
    assert both_readers(path, monkeypatch) == [literally(clean())] * 2
    assert taken[False] == 0
    assert taken[True] > 2
