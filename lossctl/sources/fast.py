"""The fast reader of CSV: polars parses a block, or the block is declined.

Declining is always sound: the reference reader then decides. What polars would read in silence
and wrongly is looked for here, at a cost far below that of parsing:

- quotes out of place, NUL bytes and lone carriage returns;
- a first cell that begins like a byte order mark or like compressed data;
- rows that are too short: polars fills them with nulls, so the last column is always read, and a
  null in it calls for an exact look at every row;
- rows that are too long: without quotes, where no row is short, the number of delimiters tells;
  with quotes, polars refuses them itself as long as every column is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from lossctl.batch import Text
from lossctl.sources.cut import NEWLINE, misplaced_quote, record_offsets
from lossctl.sources.keys import REPLACEMENT, keys_of
from lossctl.sources.numbers import BLANKS, MISSING, TRUTHS
from lossctl.sources.table import Parsed, Want

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lossctl.sources.table import Keys

PIECE = 1 << 18
# What polars takes off the front of a block (a BOM), or decompresses it for (gzip, zlib, zstd).
MAGIC = (b"\xef\xbb\xbf", b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")


def parse(block: bytes, delimiter: str, width: int, wants: Sequence[Want]) -> Parsed | None:
    """Return the wanted columns of a block, or None where the reference reader must decide."""
    # A search runs at the speed of memory; a count is 40 times slower, so it comes second.
    if b"\0" in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        return None
    if block.startswith(MAGIC):
        return None
    quoted = b'"' in block
    if quoted and misplaced_quote(block, delimiter) is not None:
        return None
    data = np.frombuffer(block, dtype=np.uint8)
    newlines = _count(data, NEWLINE) + (not block.endswith(b"\n"))
    offsets = record_offsets(block) if quoted else None
    size = newlines if offsets is None else len(offsets)

    for attempt in ("typed", "text"):
        typed = attempt == "typed"
        schema: dict[str, Any] = {f"c{index}": pl.String for index in range(width)}
        if typed:
            as_text = {want.position for want in wants if not want.numeric}
            schema.update(
                (f"c{want.position}", pl.Float64) for want in wants if want.position not in as_text
            )
        names = list(schema)
        needed = sorted({want.position for want in wants} | {width - 1})
        frame = _scan(
            block,
            schema,
            names if quoted else [names[index] for index in needed],
            delimiter,
            quoted,
            "utf8" if typed else "utf8-lossy",
        )
        if frame is None:
            continue
        if frame.height != size:
            return None
        if frame[names[-1]].null_count() and (
            quoted or width == 1 or not _all_full(data, delimiter, width)
        ):
            return None
        if not quoted and _count(data, ord(delimiter)) != (width - 1) * size:
            return None
        columns: dict[Want, NDArray[np.float64] | Text] = {}
        keys: dict[Want, Keys] = {}
        for want in wants:
            series = frame[names[want.position]]
            if want.kind == "key":
                key = keys_of(series)
                if key is None:
                    break
                keys[want] = key
                continue
            column = _column(series, want)
            if column is None:
                break
            columns[want] = column
        else:
            plain = offsets is None or newlines == size
            return Parsed(size, columns, newlines, None if plain else offsets, keys=keys)
        if not typed:
            return None
    return None


def _scan(
    block: bytes,
    schema: dict[str, Any],
    names: list[str],
    delimiter: str,
    quoted: bool,
    encoding: Literal["utf8", "utf8-lossy"],
) -> pl.DataFrame | None:
    try:
        frame = pl.scan_csv(
            block,
            has_header=False,
            schema=schema,
            separator=delimiter,
            quote_char='"' if quoted else None,
            encoding=encoding,
        )
        found: pl.DataFrame = frame.select(names).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
    return found


def _count(data: NDArray[np.uint8], byte: int) -> int:
    """Count a byte, in pieces that stay in the cache."""
    same = np.empty(PIECE, dtype=bool)
    count = 0
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE]
        count += int(np.count_nonzero(np.equal(piece, byte, out=same[: len(piece)])))
    return count


def _all_full(data: NDArray[np.uint8], delimiter: str, width: int) -> bool:
    """Whether every row of an unquoted block has ``width`` fields.

    Among delimiters and newlines in their order, every width-th one must be a newline, and no
    other may be.
    """
    separators = data[(data == ord(delimiter)) | (data == NEWLINE)]
    if data[-1] != NEWLINE:
        separators = np.append(separators, np.uint8(NEWLINE))
    if len(separators) % width:
        return False
    ends = separators.reshape(-1, width) == NEWLINE
    return bool(ends[:, -1].all()) and not bool(ends[:, :-1].any())


def _column(series: pl.Series, want: Want) -> NDArray[np.float64] | Text | None:
    if not want.numeric:
        return _text(series)
    if series.dtype == pl.Float64:
        values: NDArray[np.float64] = series.to_numpy()
        return values
    return _numbers(series, labels=want.kind == "binary")


def _numbers(series: pl.Series, *, labels: bool) -> NDArray[np.float64] | None:
    """Return the numbers that text spells, NaN where missing; None where a cell is neither."""
    bare = series.fill_null("").str.strip_chars(BLANKS)
    lower = bare.str.to_lowercase()
    if labels:
        bare = lower.replace(TRUTHS)
    gaps = lower.is_in(list(MISSING))
    values = bare.cast(pl.Float64, strict=False)
    if (values.is_null() & ~gaps).any() or bare.str.contains("_", literal=True).any():
        return None
    numbers: NDArray[np.float64] = values.to_numpy()
    return numbers


def _text(series: pl.Series) -> Text | None:
    """Return the codes of a column of text; None where it holds bytes that are not UTF-8."""
    filled = series.fill_null("")
    names = filled.unique(maintain_order=True)
    codes = filled.replace_strict(names, pl.int_range(len(names), eager=True))
    known = tuple(names.to_list())
    if any(REPLACEMENT in name for name in known):
        return None
    return Text(codes.to_numpy().astype(np.intp, copy=False), known)
