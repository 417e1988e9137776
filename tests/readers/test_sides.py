"""Several tables as one: in bounded memory by position, and any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lossctl.batch import Batch
from lossctl.binding import make_task, wants_of
from lossctl.engines.local import run
from lossctl.errors import InputError
from lossctl.losses.spec import parse_specs
from lossctl.options import Options, make_options
from lossctl.passes import states_of
from lossctl.sources.csv_file import SMALL, CsvTable, Dialect
from lossctl.sources.sides import sides_of
from lossctl.sources.table import Want
from lossctl.sources.zipped import ZippedTable
from lossctl.state import Plan
from lossctl.tables import Sources, header_of, open_table

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


class Watched(ZippedTable):
    """Keeps the largest number of rows of one table that waited for the others."""

    most = 0

    def place(self, parsed: tuple[int, Any]) -> Iterator[Batch]:
        spans = [side[-1].stop - side[0].start for side in self._waiting if side]
        self.most = max(self.most, *spans, 0)
        yield from super().place(parsed)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("wide", ["pred", "truth"])
def test_by_position_few_rows_wait_however_unequal_the_blocks(
    wide: str, threads: int, write: Write
) -> None:
    n, block = 600_000, 1 << 16  # over 1 MiB: a small file is one block
    note = {"pred": "", "truth": "", wide: "," + "x" * 20}
    head = {name: ",note" if pad else "" for name, pad in note.items()}
    pred = write(f"yhat{head['pred']}\n" + f"1.00000{note['pred']}\n" * n, "pred.csv")
    truth = write(f"y{head['truth']}\n" + f"3.00000{note['truth']}\n" * n, "truth.csv")
    dialect = Dialect(block_size=block)
    with CsvTable([str(pred)], dialect) as one, CsvTable([str(truth)], dialect) as two:
        table = Watched(sides_of({"predictions": one, "truth": two}))
        assert table.names[: 1 + (wide == "pred")] == one.names
        wants = [Want(name, table.names.index(name)) for name in ("yhat", "y")]
        table.want(wants, skip=False)

        def look(batch: Batch) -> tuple[int, float]:
            return batch.size, float((batch.numbers("y") - batch.numbers("yhat")).sum())

        sizes = []
        for size, total in run(table, look, threads):
            assert total == 2.0 * size
            sizes.append(size)
        assert sum(sizes) == n
        assert table.finish() == (n, 0, 0)
    # Of the narrow table: the rows of its first block, and of those that are parsed ahead.
    bound = (SMALL + block) // 8 + (2 * threads + 2) * (block // 8 + 1)
    assert 0 < table.most <= bound < n // 2


def test_by_position_the_rows_beyond_the_shorter_table_are_not_kept(write: Write) -> None:
    n = 600_000
    pred, truth = write("yhat\n1\n2\n", "pred.csv"), write("y\n" + "3\n" * n, "truth.csv")
    dialect = Dialect(block_size=1 << 16)
    with CsvTable([str(pred)], dialect) as one, CsvTable([str(truth)], dialect) as two:
        table = ZippedTable(sides_of({"predictions": one, "truth": two}))
        table.want([Want("yhat", 0), Want("y", 1)], skip=False)
        for block in table.blocks():
            list(table.place(table.parse(block)))
            assert sum(map(len, table._waiting)) <= 4
        with pytest.raises(InputError, match=f"has 2 rows and .*truth.csv has {n}"):
            table.finish()


def three(write: Write) -> Sources:
    base = write("id,yhat,w\n1,2,1\n2,5,1\n3,0,1\n", "base.csv")
    new = write("yhat,id,w\n1,3,0\n3,2,0\n4,1,2\n", "new.csv")
    truth = write("id,y\n2,3\n1,1\n3,1\n", "truth.csv")
    return Sources(str(base), {"candidate": str(new), "truth": str(truth)}, "baseline")


@pytest.mark.parametrize(
    "options", [{"key": ("id",)}, {"key": ("id",), "block_size": 8, "threads": 2}]
)
def test_three_tables(options: dict[str, Any], write: Write) -> None:
    chosen = Options(**options)
    (spec,) = parse_specs("mse")
    with open_table(three(write), chosen) as table:
        assert table.names == (*("id", "yhat", "w", "yhat (candidate)", "w (candidate)", "y"),)
        header = header_of(table, chosen)
        old = make_task(spec, header, chosen)
        new = make_task(spec, header._replace(predictions="candidate"), chosen)
        weighted = chosen._replace(weight="w")
        other = make_task(spec, header._replace(predictions="candidate"), weighted)
        assert (old.columns.y, old.columns.pred) == (("y",), ("yhat",))
        assert (new.columns.y, new.columns.pred) == (("y",), ("yhat (candidate)",))
        assert other.columns.weight == "w (candidate)"
        table.want(wants_of(table.names, [old, new, other], ("id",)), skip=False)
        batches = list(run(table, lambda batch: batch, chosen.threads or 1))

    def column(name: str) -> list[float]:
        return [x for batch in batches for x in batch.numbers(name).tolist()]

    assert column("y") == [1.0, 3.0, 1.0]
    assert column("yhat") == [2.0, 5.0, 0.0]
    assert column("yhat (candidate)") == [4.0, 3.0, 1.0]
    assert column("w (candidate)") == [2.0, 0.0, 0.0]
    ids = [batch.texts["id"].cell(i) for batch in batches for i in range(batch.size)]
    assert ids == ["1", "2", "3"]
    for name, file, line, own in (
        ("yhat", "base.csv", 2, "yhat"),
        ("yhat (candidate)", "new.csv", 4, "yhat"),
        ("y", "truth.csv", 3, "y"),
    ):
        error = batches[0].error(0, name, "rule")
        assert (error.file or "").endswith(file)
        assert (error.line, error.column) == (line, own)


def test_three_tables_through_a_pass(write: Write) -> None:
    found, counts = states_of(
        three(write), parse_specs("mse,r2"), Plan(summaries=True), make_options(key="id")
    )
    assert counts.rows == 3
    assert float(found.states[0, ()].sums.loss) == 1.0 + 4.0 + 1.0


def test_names_that_are_taken_are_told_apart() -> None:
    class Named:
        def __init__(self, *names: str) -> None:
            self.names: Sequence[str] = names

    sides = sides_of(
        {"a": Named("id", "x"), "b": Named("x", "id", "x (c)"), "c": Named("x", "x (c)", "id")},
        ["id"],
    )
    assert [dict(side.inner) for side in sides] == [
        {"id": "id", "x": "x"},
        {"x": "x (b)", "id": "id", "x (c)": "x (c)"},
        {"x": "x (c 2)", "x (c)": "x (c) (c)", "id": "id"},
    ]
