"""The signature: free of order and split, sharp to a bit, and stable."""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lossctl.batch import Batch, Text
from lossctl.losses.spec import parse_specs
from lossctl.scoring import score
from lossctl.signature import (
    SLICE,
    Hashed,
    Run,
    Signed,
    dispatch,
    escaped,
    hash_rows,
    hashes_of,
    key_words,
    label_word,
    listed,
    merged,
    signature_line,
    text_word,
)
from lossctl.task import Columns, Rules, Task
from lossctl.version import VERSION

Floats = NDArray[np.float64]
numbers = st.lists(st.floats(allow_nan=False), min_size=1, max_size=30)


def of(*columns: Sequence[float]) -> Hashed:
    arrays = [np.array(column, dtype=np.float64) for column in columns]
    return hash_rows(arrays, len(arrays[0]))


def text(cells: Sequence[str]) -> Text:
    names = tuple(dict.fromkeys(cells))
    return Text(np.array([names.index(cell) for cell in cells], dtype=np.intp), names)


@given(numbers, st.randoms(use_true_random=False))
def test_order_split_and_merging_make_no_difference(x: list[float], random: object) -> None:
    shuffled = list(x)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives random.Random
    cut = len(x) // 3
    whole = of(x)
    assert of(shuffled) == whole
    assert of(x[:cut]) + of(x[cut:]) == of(x[cut:]) + of(x[:cut]) == whole
    assert Hashed() + whole == whole + Hashed() == whole


def test_slices_are_no_boundary() -> None:
    x = np.random.default_rng(1).normal(size=3 * SLICE + 5)
    parts = (hash_rows([x[at : at + 777]], len(x[at : at + 777])) for at in range(0, len(x), 777))
    assert sum(parts, Hashed()) == hash_rows([x], len(x))


@given(numbers, st.data())
def test_one_bit_makes_a_difference(x: list[float], data: st.DataObject) -> None:
    bits = np.array(x).view(np.uint64)
    row = data.draw(st.integers(0, len(x) - 1))
    bits[row] ^= np.uint64(1 << data.draw(st.integers(0, 63)))
    changed = bits.view(np.float64)
    assume(not np.isnan(changed).any())
    same = np.array_equal(np.sort(np.array(x) + 0.0), np.sort(changed + 0.0))
    assert (hash_rows([changed], len(x)) == of(x)) == same


def test_minus_zero_is_zero() -> None:
    assert of([-0.0, 1.0]) == of([0.0, 1.0])
    assert label_word("-0") == label_word("0") == label_word("0.0")


def test_rows_that_repeat_count_as_often_as_they_come() -> None:
    assert of([1, 1, 2]) != of([1, 2, 2])
    assert of([1, 1]) != of([2, 2])
    assert of([1, 1, 1]) != of([1])
    assert of([0.0] * 4) != of([0.0] * 5)


def test_columns_have_an_order_and_rows_belong_together() -> None:
    assert of([1, 2], [3, 4]) != of([3, 4], [1, 2])
    assert of([1, 2], [3, 4]) != of([1, 2], [4, 3])
    assert of([1, 2], [1, 2]) != of([1, 2])
    assert of([1], [2], [3]) != of([1], [3], [2])
    assert of([0], [0]) != of([0], [0], [0])


def test_structured_tables_do_not_collide() -> None:
    """Multisets of small whole numbers, counters, steps of a grid, and pairs of them."""
    small = [
        of(rows)
        for size in range(1, 6)
        for rows in itertools.combinations_with_replacement(range(8), size)
    ]
    runs = [of(range(start, start + size)) for start in range(40) for size in range(2, 40)]
    grid = [of([i / 10, j / 10]) for i in range(60) for j in range(i + 1)]
    pairs = [of([i, j], [k, m]) for i, j, k, m in itertools.product(range(6), repeat=4) if i < j]
    steps = [of([i * step for i in range(100)]) for step in range(1, 500)]
    for family in (small, runs, grid, pairs, steps):
        distinct = {(found.rows, found.total) for found in family}
        known = {found.total for found in family}
        assert len(known) == len(distinct)
    assert len({found.total for found in small}) == len(small)
    assert len({found.total for found in runs}) == len(runs)
    assert len({found.total for found in pairs}) == len(pairs)


def test_the_bits_of_a_sum_are_spread_evenly() -> None:
    totals = np.array([of([float(i)]).total for i in range(4096)], dtype=np.uint64)
    shares = [float(np.mean((totals >> np.uint64(bit)) & np.uint64(1))) for bit in range(64)]
    assert min(shares) > 0.45
    assert max(shares) < 0.55


def by_hand(rows: Sequence[Sequence[float]]) -> int:
    """The hash in whole numbers, from the page of SplitMix64."""
    mask, total = 2**64 - 1, 0
    for row in rows:
        x = 0
        for place, cell in enumerate(row, 1):
            (bits,) = struct.unpack("<Q", struct.pack("<d", cell + 0.0))
            x = (x + place * 0x9E3779B97F4A7C15 & mask) ^ bits
            x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
            x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
            x ^= x >> 31
        total += x
    return total & mask


@given(st.lists(st.tuples(*[st.floats(allow_nan=False)] * 3), min_size=1, max_size=8))
def test_the_hash_is_that_of_the_page(rows: list[tuple[float, ...]]) -> None:
    assert of(*zip(*rows, strict=True)).total == by_hand(rows)


def test_golden_values() -> None:
    """The hash of a table is the same in every version, on every machine."""
    assert str(Hashed()) == "0" * 16
    assert str(of([0.0])) == "e220a8397b1dcdaf"  # the first number of SplitMix64 with seed 0
    assert str(of([1.0, 2.0, -3.5])) == "9d6f2e49e5c30984"
    assert str(of([1.0, 2.0], [0.1, 1e300])) == "ac65c8b0c892408a"
    assert str(hash_rows([text(["cat", "dog", "정답", "1.0"])], 4)) == "9c43999b33c5c282"
    assert text_word("cat") == 0x2F989D7B2CDD2733


def test_a_label_that_is_a_number_is_that_number() -> None:
    assert hash_rows([text(["1", "0", "2.50"])], 3) == of([1, 0, 2.5])
    assert hash_rows([text(["true", "False"])], 2) == of([1, 0])
    assert hash_rows([text(["a", "b"])], 2) != hash_rows([text(["a", "a"])], 2)
    assert label_word("1_0") != label_word("10")
    assert label_word("nan") == text_word("nan")


def task_of(spec: str, columns: Columns, rules: Rules | None = None) -> Task:
    return Task(parse_specs(spec)[0].bound, columns, rules or Rules())


def parts_of(
    tasks: Sequence[Task], batch: Batch, keys: Sequence[str] = ()
) -> dict[tuple[object, object], object]:
    scores = [score(task, batch) for task in tasks]
    probes = {p.key: p for at, task in enumerate(tasks) for p in hashes_of(task, at, keys)}
    return {(key, ()): probe.look(scores) for key, probe in probes.items()}


ONE = Columns(("y",), ("p",))
Y, P = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.25, 0.75, 0.125])


def table(y: Floats = Y, keys: Sequence[str] | None = None) -> Batch:
    texts = {"t": text([f"{value:.1f}" for value in y])}
    named = {} if keys is None else {"id": np.array(keys, dtype=object)}
    return Batch(len(y), {"y": y, "p": P[: len(y)], "w": P[: len(y)]}, texts, keys=named)


def test_a_key_is_the_same_whether_or_not_all_keys_are_numbers() -> None:
    cells = ["7", "-3", "0", str(2**63 - 1), str(-(2**63))]
    as_text = key_words(np.array(cells, dtype=object)).tolist()
    assert key_words(np.array(cells, dtype=object).astype(np.int64)).tolist() == as_text
    odd = ["07", "+7", "7.0", "-0", str(2**63), "７", "", "seven"]
    assert not {*as_text} & {*key_words(np.array(odd, dtype=object)).tolist()}
    assert len({*key_words(np.array(odd, dtype=object)).tolist()}) == len(odd)


def test_tasks_over_the_same_columns_share_a_hash() -> None:
    tasks = [task_of("mse", ONE), task_of("mae", ONE), task_of("bce", ONE._replace(weight="w"))]
    parts = merged(parts_of(tasks, table()))
    assert len(parts) == 3  # truth, predictions and weights, once each
    signed = [Signed.of(task, parts) for task in tasks]
    assert len({found.truth for found in signed}) == 1
    assert signed[0].weight is None
    assert signed[2].weight == signed[2].pred  # the same numbers


def test_a_truth_is_the_same_as_text_and_as_numbers() -> None:
    texts = table()
    batch = Batch(4, dict(texts.columns), {"y": texts.texts["t"]})
    tasks = [task_of("bce", ONE), task_of("bce", ONE, Rules(positive="1"))]
    probes = [hashes_of(task, at)[0] for at, task in enumerate(tasks)]
    assert tasks[1].text_truth
    assert probes[0].key == probes[1].key
    scores = [score(task, batch) for task in tasks]
    assert probes[0].look(scores) == probes[1].look(scores)


def test_keys_tie_the_truth_to_its_row() -> None:
    swapped = Y[[1, 0, 2, 3]]
    for keys, ids, same in (((), None, True), (("id",), ["a", "b", "c", "d"], False)):
        found = []
        for y in (Y, swapped):
            tasks = [task_of("mse", ONE)]
            parts = merged(parts_of(tasks, table(y, ids), keys))
            truth = Signed.of(tasks[0], parts, keys).truth
            assert truth is not None
            found.append(truth)
        assert (found[0] == found[1]) == same


def test_the_rows_hashed_are_the_rows_scored() -> None:
    task = task_of("bce", ONE, Rules(ignore="1"))
    plain = task_of("bce", ONE)
    parts = merged(parts_of([task, plain], table()))
    found = Signed.of(task, parts)
    assert found.pred == of([0.25, 0.125])
    assert found.truth == of([0, 0])
    assert Signed.of(plain, parts).pred == of(P.tolist())
    mape = task_of("mape:zero=skip", ONE)
    assert Signed.of(mape, merged(parts_of([mape], table()))).truth == of([1, 1])


def test_groups_add_up() -> None:
    task = task_of("mse", ONE)
    (truth, pred) = hashes_of(task, 0)
    whole = table()
    halves = [whole.part(0, 1), whole.part(1, 4)]
    parts: dict[tuple[object, object], object] = {}
    for name, half in zip("ab", halves, strict=True):
        scores = [score(task, half)]
        parts.update({(probe.key, (name,)): probe.look(scores) for probe in (truth, pred)})
    assert Signed.of(task, merged(parts)) == Signed.of(task, merged(parts_of([task], whole)))


def test_the_line() -> None:
    tasks = [task_of("mse", ONE), task_of("huber:delta=2", ONE)]
    parts = merged(parts_of(tasks, table()))
    signed = [Signed.of(task, parts) for task in tasks]
    line = signature_line(signed, Run("skip", 3, alpha=0.05, seed=12345))
    assert line == (
        f"mse,huber:delta=2.0|y=y|pred=p|w=-|missing=skip:3|n=4|truth={of(Y.tolist())}"
        f"|pred={of(P.tolist())}|alpha=0.05|seed=12345"
        f"|numpy={np.__version__}:{dispatch()}|lossctl={VERSION}"
    )


def test_a_line_of_losses_with_columns_of_their_own() -> None:
    rules = Rules(True, ignore="0", class_weight={"b": 2.0, "a=": 0.5}, normalize=True)
    other = Columns(("y",), ("w",), "w")
    tasks = [task_of("bce", ONE, rules), task_of("focal", other, rules)]
    parts = merged(parts_of([task_of("bce", ONE), task_of("focal", other)], table()))
    plain = [Signed.of(task_of(t.bound.spec, t.columns), parts) for t in tasks]
    signed = [found._replace(task=task) for found, task in zip(plain, tasks, strict=True)]
    run = Run(by=("a b", "c"), cluster="g", key=("id",), batch_size=32)
    fields = signature_line(signed, run).split("|")
    assert fields[0] == (
        "bce:label_smoothing=0.0:eps=0.0:pred=p:w=-,"
        "focal:gamma=2.0:alpha=none:label_smoothing=0.0:pred=w:w=w"
    )
    assert fields[1:9] == [
        "y=y",
        "outputs=sum",
        "ignore=0",
        "class_weight=a%3D:0.5,b:2.0",
        "normalize=yes",
        "key=id",
        "by=a%20b,c",
        "cluster=g",
    ]
    assert fields[9:12] == ["batch_size=32", "missing=error:0", "n=4"]
    assert fields[13] == f"pred={of(P.tolist())}"  # w holds the same numbers as p
    assert fields[14] == f"weights=-,{of(P.tolist())}"


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_names_cannot_break_the_line(a: str, b: str) -> None:
    written = escaped(a)
    assert written.isprintable()
    assert not set(written) & set(' |=,:~"#…\n')
    assert (written == escaped(b)) == (a == b)
    assert written != "-"


def test_long_lists_are_cut_short_and_still_tell_apart() -> None:
    names = [f"p_{i}" for i in range(1000)]
    short = listed(names)
    assert short.startswith("p_0,…,p_999~1000~")
    assert len(short) < 50
    assert short != listed([*names[:500], "q", *names[501:]])
    assert listed(["a,b", "c"]) == "a%2Cb,c"
    assert listed([]) == "-"


def test_dispatch_is_what_numpy_uses_now() -> None:
    from numpy.lib.introspect import opt_func_info

    found = opt_func_info(func_name="^(exp|log)$", signature="float64")
    names = {name for f in found.values() for v in f.values() for name in v["available"].split()}
    optional = sorted(name for name in names if not name.startswith("baseline"))
    levels = dispatch()
    assert levels
    assert not set(levels) & set("|= ")
    code = "from lossctl.signature import dispatch; print(dispatch())"
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(optional)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert not any(f"+{level}" in f"+{done.stdout}" for level in optional)


@pytest.mark.parametrize("k", [1, 3])
def test_no_columns_of_nothing(k: int) -> None:
    assert hash_rows([np.empty(0)] * k, 0) == Hashed()
