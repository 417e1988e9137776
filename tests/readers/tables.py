"""Random tables as text, well-formed and damaged, and how two readings of one are compared."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from lossctl.batch import Text
from lossctl.sources.table import Parsed, Want

from .oracle import Cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DELIMITERS = ",;\t|"
SPELLED = (
    *("0", "-0", "+0.0", "1", "-1.5", ".5", "5.", "+.5e-3", "1E5", "1e+05", "007", "1.e3"),
    *("123456789.123456789", "0.1000000000000000055511151231257827", "9007199254740993"),
    *("4.9e-324", "2.4703282292062327e-324", "2.2250738585072011e-308", "1e400", "-1e400"),
    *("1e-400", "1.7976931348623159e308", "0e99999999999", "1e-99999999999", "1" * 330),
    *("inf", "-Infinity", "+INF", "nan", "-nan", "+NaN"),
)
MISSING = ("", "NA", "na", "N/A", "null", "NULL", "None", "none", "nan", "NaN")
ODD = (
    *("1_0", "1d5", "+-1", "1e", "0x1", "１", "٣", "infin", "nan(1)", "1,5", "e5", "--1", "1e+"),
    *(".", "+", "-", "-.e1", "1 2", "1.5.2", "1e5.0", "1f", "true", "NaNs", "-na", "in f", "1\x0b"),
    *("\x0c1", "\u00a01", "1\u2003", "\ufeff1", "x^2", "½", "1\u0301", "∞", "1e١", "N /A", "-"),
)
WORDS = (
    "cat",
    "dog",
    "x",
    "é",
    "정답",
    "a b",
    'say "hi"',
    "a,b;c\td|e",
    "two\nlines",
    "\r\n",
    "\ufeff",
)
DRESSES = [
    (quoted, form) for quoted in (True, False) for form in ["{}"] * 9 + [" {}", "{}\t", "\t{} "]
]
NOISE = b',;\t|\n\r" 0123456789+-.eEinfatNAx_/\x00\x0b\xff\xc3\xa9\xef\xbb\xbf'

signs = st.sampled_from(["", "+", "-"])
digits = st.integers(0, 10**25)
numbers = st.one_of(
    st.sampled_from(SPELLED),
    st.floats(allow_nan=False).map(repr),
    st.floats(-10, 10).map(lambda value: f"{value:.6f}"),
    st.builds("{}{}.{}e{}".format, signs, digits, digits, st.integers(-330, 310)),
)
cells = {
    "numbers": numbers,
    "gaps": st.one_of(numbers, st.sampled_from(MISSING)),
    "words": st.one_of(st.sampled_from(WORDS), st.text(max_size=6), st.sampled_from(MISSING)),
    "odd": st.one_of(numbers, st.sampled_from(ODD)),
}


def examples(count: int) -> settings:
    """Return how many tables a test is to see; a busy machine is no failure."""
    slow = [HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=slow)


@dataclass(frozen=True)
class Table:
    """Some bytes, and what is asked of them."""

    block: bytes
    delimiter: str
    width: int
    wants: tuple[Want, ...]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Return a well-formed table of any dialect; the cells of a numeric column may be odd."""
    delimiter = draw(st.sampled_from(DELIMITERS))
    width = draw(st.integers(1, 6))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    quotes = draw(st.sampled_from(["never", "needed", "some"]))
    kinds = draw(st.lists(st.sampled_from(sorted(cells)), min_size=width, max_size=width))
    if quotes == "never":
        kinds = ["gaps" if kind == "words" else kind for kind in kinds]
    rows = draw(st.lists(st.tuples(*(cells[kind] for kind in kinds)), max_size=6))
    lines = []
    for row in rows:
        fields = [draw(dressed(cell, delimiter, quotes)) for cell in row]
        lines.append(delimiter.join(fields) + end)
        if draw(st.integers(0, 19)) == 0:
            lines.append(end)
    text = "".join(lines)
    if draw(st.booleans()):
        text = text.removesuffix(end)
    wants = draw(st.lists(wanted(width), min_size=1, max_size=4, unique=True))
    return Table(text.encode("utf-8", "surrogatepass"), delimiter, width, tuple(wants))


@st.composite
def dressed(draw: st.DrawFn, cell: str, delimiter: str, quotes: str) -> str:
    """Return a cell as a file has it: with spaces around, in quotes."""
    quoted, form = draw(st.sampled_from(DRESSES))
    special = any(char in cell for char in f'{delimiter}"\r\n')
    if quotes == "never":
        cell = "".join(char for char in cell if char not in f'{delimiter}"\r\n')
    if delimiter == "\t":
        form = form.replace("\t", " ")
    cell = form.format(cell)
    if quotes != "never" and (special or (quotes == "some" and quoted)):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def wanted(width: int) -> st.SearchStrategy[Want]:
    """Return columns of a table of some width, to be read in any way."""
    return st.builds(
        lambda index, kind: Want(f"c{index}", index, kind),
        st.integers(0, width - 1),
        st.sampled_from(["number", "number", "number", "binary", "text", "raw"]),
    )


@st.composite
def damaged(draw: st.DrawFn, most: int = 3) -> Table:
    """Return a table whose bytes were changed in a few places."""
    table = draw(tables())
    block = bytearray(table.block)
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, len(block)))
        byte = draw(st.sampled_from(NOISE))
        match draw(st.sampled_from(["delete", "insert", "replace", "cut", "double"])):
            case "delete":
                del block[at : at + 1]
            case "insert":
                block.insert(at, byte)
            case "replace":
                block[at : at + 1] = bytes([byte])
            case "cut":
                del block[at : at + 8]
            case _:
                block[at:at] = block[at : at + 8]
    return Table(bytes(block), table.delimiter, table.width, table.wants)


def bits(column: NDArray[np.float64] | Text | Cells) -> list[str]:
    """Return a column such that equal means equal to the bit; all NaNs are one."""
    if isinstance(column, Text):
        return [f"'{column.names[code]}'" for code in column.codes]
    cells: Iterable[float | str] = column.tolist() if isinstance(column, np.ndarray) else column
    return [f"'{cell}'" if isinstance(cell, str) else _bits(cell) for cell in cells]


def _bits(value: float) -> str:
    return "NaN" if math.isnan(value) else struct.pack(">d", value).hex()


def columns_of(parsed: Parsed, wants: Sequence[Want]) -> list[list[str]]:
    """Return the wanted columns as bits."""
    columns: Mapping[Want, NDArray[np.float64] | Text] = parsed.columns
    return [bits(columns[want]) for want in wants]


def lines_of(parsed: Parsed) -> list[int]:
    """Return the line of every record, counted from 0."""
    if parsed.offsets is None:
        return list(range(parsed.size))
    return [int(line) for line in parsed.offsets]
