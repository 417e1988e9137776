"""The signature: one line that says what a report was made of, down to the bits of the columns.

A column is hashed row by row: the 64 bits of each number, with 0 for −0, go through the finaliser
of SplitMix64, one column after another, and the hashes of the rows are added modulo 2⁶⁴. So the
order and the split of the rows make no difference, merging is addition, and rows that repeat count
as often as they come. It tells apart what was changed by accident; it is no defence against
somebody who wants two tables to have one hash.

Text is hashed by BLAKE2b of its UTF-8. A label that spells a finite number, ``true`` or ``false``
has the bits of that number, so that a truth is the same whether it was read as labels or as
numbers; the text of a key is taken as it stands.

Sources: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), with the
finaliser of Stafford, "Better bit mixing" (2011), variant 13; RFC 7693 for BLAKE2b.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.scoring import TRUTHS, Scores
from lossctl.task import Rules, Task, number_of
from lossctl.version import VERSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.batch import Batch

    Floats = NDArray[np.float64]
    Words = NDArray[np.uint64]

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2⁶⁴ over the golden ratio: what SplitMix64 counts up by
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SLICE = 1 << 14  # rows at a time: near in the cache
PLAIN = "-_.+*/()[]'$@^&;!?<>{}"  # of ASCII, what stands as it is in a line, besides letters
MANY = 8  # columns beyond which a list is cut short
EMPTY = "-"

What = Literal["y", "pred", "weight"]


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of some rows, and how many there are; ``Hashed()`` is the identity of ``+``."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: Hashed) -> Hashed:
        """Join two sets of rows; the order does not matter."""
        return Hashed(self.rows + other.rows, (self.total + other.total) & MASK)

    def __str__(self) -> str:
        """Return the 16 hexadecimal digits of the hash."""
        return f"{self.total:016x}"


class HashOf(NamedTuple):
    """The probe of the hash of some columns of the task at a place, below those of the key."""

    at: int
    task: Task
    what: What
    keys: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are hashed."""
        columns = self.task.columns
        if self.what == "weight":
            return () if columns.weight is None else (columns.weight,)
        return columns.y if self.what == "y" else columns.pred

    @property
    def key(self) -> Hashable:
        """What the part depends on: probes of one key find one part.

        A truth that is read as text by one loss and as numbers by another is the same truth.
        """
        loss, ignore = self.task.bound.loss, self.task.rules.ignore
        dropped = loss.drop and self.task.bound.params[loss.drop] == "skip"
        left_out: Hashable = None
        if ignore is not None or dropped:
            left_out = (ignore, loss.y if dropped else None, self.task.columns.y)
        return ("hash", self.what == "y", self.names, self.keys, left_out)

    def look(self, scores: Sequence[Scores]) -> Hashed:
        """Return the hash of the rows of a slice that were scored."""
        batch = scores[self.at].batch
        columns: list[Floats | Text | Words] = [key_words(batch.keys[key]) for key in self.keys]
        for name in self.names:
            columns.append(_column(self.task, batch, name, truth=self.what == "y"))
        return hash_rows(columns, batch.size)


def hashes_of(task: Task, at: int, keys: Sequence[str] = ()) -> tuple[HashOf, ...]:
    """Return what to look at for the signature of a task: its truth, predictions and weights.

    ``keys`` are columns of text that say which row is which; without them, the hash does not tell
    a row from another one.
    """
    found = (HashOf(at, task, what, tuple(keys)) for what in ("y", "pred", "weight"))
    return tuple(probe for probe in found if probe.names)


def _column(task: Task, batch: Batch, name: str, *, truth: bool) -> Floats | Text:
    """Return a column as the task reads it."""
    if truth and task.text_truth:
        return batch.texts[name]
    return batch.columns[name]


def hash_rows(columns: Sequence[Floats | Text | Words], rows: int) -> Hashed:
    """Return the hash of rows of one or more columns.

    Text stands for labels; words are taken as they are.
    """
    whole = 0
    words = [_label_words(column) if isinstance(column, Text) else column for column in columns]
    for start in range(0, rows, SLICE):
        stop = min(start + SLICE, rows)
        state = _scratch.state[: stop - start]
        spare = _scratch.spare[: stop - start]
        state.fill(0)
        for place, column in enumerate(words, 1):
            state += np.uint64(place * GOLDEN & MASK)
            part = column[start:stop]
            if part.dtype == np.uint64:
                spare[:] = part
            else:
                np.add(part, 0.0, out=spare.view(np.float64))  # −0 + 0 is 0
            state ^= spare
            _mix(state, spare)
        whole += int(np.add.reduce(state))
    return Hashed(rows, whole & MASK)


def _mix(x: Words, spare: Words) -> None:
    """Mix the bits of every word: a one-to-one map, in place."""
    for shift, factor in ((30, FIRST), (27, SECOND), (31, None)):
        np.right_shift(x, np.uint64(shift), out=spare)
        np.bitwise_xor(x, spare, out=x)
        if factor is not None:
            np.multiply(x, factor, out=x)


class _Scratch(threading.local):
    """Arrays that every thread keeps."""

    def __init__(self) -> None:
        self.state = np.empty(SLICE, dtype=np.uint64)
        self.spare = np.empty(SLICE, dtype=np.uint64)


_scratch = _Scratch()


def key_words(column: Any) -> Words:
    """Return a word for every row of a key: the number that it is, else the hash of its text.

    A whole number is one that is spelled as Python prints it and lies in int64, whether or not
    the other keys are numbers too.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "i":
        return column.view(np.uint64)
    return np.array([_key_word(cell) for cell in column], dtype=np.uint64)


def _key_word(text: str) -> int:
    if len(text) <= 20 and text.removeprefix("-").isdigit() and text.isascii():
        number = int(text)
        if -(1 << 63) <= number < 1 << 63 and str(number) == text:
            return number & MASK
    return text_word(text)


def _label_words(column: Text) -> Words:
    """Return a word for every row of a column of labels."""
    return _spread(column, [label_word(name) for name in column.names])


def _spread(column: Text, words: Sequence[int]) -> Words:
    return np.array(words, dtype=np.uint64)[column.codes]


def text_word(text: str) -> int:
    """Return the 64 bits that stand for a text: the first 8 bytes, little end first, of BLAKE2b."""
    from hashlib import blake2b

    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


@lru_cache(maxsize=1 << 14)
def label_word(label: str) -> int:
    """Return the 64 bits that stand for a label: those of the number that it spells, if any."""
    number = TRUTHS.get(label.strip().lower(), number_of(label))
    if number is None:
        return text_word(label)
    return int(np.array(number + 0.0).view(np.uint64))


def merged(parts: Mapping[Any, object]) -> dict[Hashable, Hashed]:
    """Return the hashes among the parts of a pass, of all groups together, by the probe's key."""
    found: dict[Hashable, Hashed] = {}
    for (key, _), part in parts.items():
        if isinstance(part, Hashed):
            found[key] = found.get(key, Hashed()) + part
    return found


class Signed(NamedTuple):
    """A task of a report, the rows it scored and the hashes of its columns."""

    task: Task
    truth: Hashed | None
    pred: Hashed
    weight: Hashed | None = None

    @staticmethod
    def of(task: Task, parts: Mapping[Hashable, Hashed], keys: Sequence[str] = ()) -> Signed:
        """Take the parts of the probes of a task, which are found under their keys."""
        found = {probe.what: parts[probe.key] for probe in hashes_of(task, 0, keys)}
        return Signed(task, found.get("y"), found["pred"], found.get("weight"))


class Run(NamedTuple):
    """What a report took besides its losses: how rows were read and grouped, and by what chance.

    ``skipped`` counts the rows that lacked a cell. ``alpha`` and ``seed`` are None where nothing
    was decided and nothing was drawn.
    """

    missing: str = "error"
    skipped: int = 0
    key: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    cluster: str | None = None
    batch_size: int | None = None
    alpha: float | None = None
    seed: int | None = None


def signature_line(results: Sequence[Signed], run: Run) -> str:
    """Return the signature of a report, a line without spaces: fields parted by ``|``.

    What all losses share stands once, in fields of its own; where they differ, columns stand in
    the spec of each (``bce:…:pred=prob``), and rows and hashes are listed in the order of the
    specs. Names are written so that nothing in them can be taken for a sign of the line: see
    ``escaped``.
    """
    columns = [_columns_of(result.task) for result in results]
    shared = {name: len({found[name] for found in columns}) == 1 for name in columns[0]}
    specs = []
    for result, found in zip(results, columns, strict=True):
        own = "".join(f":{name}={found[name]}" for name in found if not shared[name])
        specs.append(_spec(result.task) + own)
    fields = [",".join(specs)]
    fields += [f"{name}={columns[0][name]}" for name in columns[0] if shared[name]]
    fields += _rules(results[0].task.rules)
    for name, names in (("key", run.key), ("by", run.by)):
        fields += [f"{name}={','.join(map(escaped, names))}"] if names else []
    fields += [f"cluster={escaped(run.cluster)}"] if run.cluster is not None else []
    fields += [f"batch_size={run.batch_size}"] if run.batch_size is not None else []
    fields.append(f"missing={run.missing}:{run.skipped}")
    fields.append(f"n={_once([str(result.pred.rows) for result in results])}")
    for name, hashes in (
        ("truth", [result.truth for result in results]),
        ("pred", [result.pred for result in results]),
        ("weights", [result.weight for result in results]),
    ):
        if any(hashes):
            fields.append(f"{name}={_once([str(h) if h else EMPTY for h in hashes])}")
    fields += [f"alpha={run.alpha!r}"] if run.alpha is not None else []
    fields += [f"seed={run.seed}"] if run.seed is not None else []
    fields += [f"numpy={np.__version__}:{dispatch()}", f"lossctl={VERSION}"]
    return "|".join(fields)


def _once(values: Sequence[str]) -> str:
    """Return what all share, else all of them."""
    return values[0] if len(set(values)) == 1 else ",".join(values)


def _spec(task: Task) -> str:
    """Return the loss with all of its parameters."""
    bound = task.bound
    params = (
        f":{param.name}={param.spell(bound.params[param.name])}" for param in bound.loss.params
    )
    return bound.loss.name + "".join(params)


def _columns_of(task: Task) -> dict[str, str]:
    columns = task.columns
    found = {"y": listed(columns.y), "pred": listed(columns.pred)}
    found["w"] = EMPTY if columns.weight is None else escaped(columns.weight)
    found["classes"] = listed(columns.classes or ())
    return {name: text for name, text in found.items() if name != "classes" or columns.classes}


def _rules(rules: Rules) -> list[str]:
    """Return the rules that change numbers, where they are not the usual ones."""
    weights = ",".join(
        f"{escaped(label)}:{weight!r}" for label, weight in sorted(rules.class_weight.items())
    )
    return [
        f"{name}={text}"
        for name, text in (
            ("outputs", "sum" if rules.outputs_sum else ""),
            ("positive", "" if rules.positive is None else escaped(rules.positive)),
            ("ignore", "" if rules.ignore is None else escaped(rules.ignore)),
            ("class_weight", weights),
            ("normalize", "yes" if rules.normalize else ""),
        )
        if text
    ]


def listed(names: Sequence[str]) -> str:
    """Return names parted by commas; of many, the first, the last, their number and a hash."""
    texts = [escaped(name) for name in names]
    if not texts:
        return EMPTY
    if len(texts) <= MANY:
        return ",".join(texts)
    return f"{texts[0]},…,{texts[-1]}~{len(texts)}~{text_word(','.join(texts)):016x}"


def escaped(name: str) -> str:
    """Return a name in which nothing can be taken for a sign of the line.

    Letters, digits and other printable signs stand as they are; spaces, the signs ``| = , : ~ " #``
    and ``%``, and what cannot be printed are written as the bytes of their UTF-8, ``%7C`` for
    ``|``. An empty name is ``%``, and one that is ``-`` alone ``%2D``.
    """
    if name in ("", EMPTY):
        return "%2D" if name else "%"
    return "".join(char if _plain(char) else _bytes(char) for char in name)


def _plain(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in PLAIN
    return char.isprintable() and char != "…"


def _bytes(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def dispatch() -> str:
    """Return the instruction set that numpy's exp and log use on this machine.

    Their last bits differ from one to another; ``NPY_DISABLE_CPU_FEATURES`` changes it.
    """
    from numpy.lib.introspect import opt_func_info

    found = opt_func_info(func_name="^(exp|log)$", signature="float64")
    levels = {entry["current"] for loops in found.values() for entry in loops.values()}
    return "+".join(sorted(escaped(level) for level in levels)) or "baseline"


def row_words(columns: Sequence[Text], rows: int) -> Words:
    """Return a word for every row of some columns of text, with the blanks around cells off."""
    state, spare = np.zeros(rows, np.uint64), np.empty(rows, np.uint64)
    for place, column in enumerate(columns, 1):
        state += np.uint64(place * GOLDEN & MASK)
        state ^= _spread(column, [text_word(name.strip(" \t")) for name in column.names])
        _mix(state, spare)
    return state
