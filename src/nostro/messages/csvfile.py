"""Market files in CSV, each column typed, every bad line with all its errors. 行情与静态数据文件

The form is RFC 4180 in UTF-8: a header line, commas, fields quoted where they hold a comma, a quote or a line break.
A blank line is no row. Rules named in refusals, with their measure behind a space:

header       column_missing, column_unknown, column_twice, no_header          (the file is one bad row)
file         utf_8                                                             (the file is one bad row)
line         fields 8, quotes, nul_byte, line_bytes_max 1000000
value        iso_date, whole_number, decimal_number, decimals_max 6, fits_64_bits, one_of buy|sell
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.messages.exact import decimal_text, decimals, fits_64_bits, scaled
from nostro.messages.lines import BOM, Lines, Offsets, bad_frame, bad_row, cut, encoding_fault, fault, file_broken
from nostro.messages.shapes import WHERE, MessageReason, Parsed

LINE_BYTES_MAX: Final = 1_000_000
_LF, _CR, _QUOTE, _COMMA = 10, 13, 34, 44
# What a line may be, beginning outside quotes: whole fields, then perhaps a quoted field that is still open.
_PLAIN: Final = rb'[^",\n]*'
_QUOTED: Final = rb'"[^"]*(?:""[^"]*)*'
_FIELD: Final = rb"(?:" + _QUOTED + rb'"|' + _PLAIN + rb")"
_WHOLE: Final = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*")
_OPENS: Final = re.compile(rb"(?:" + _FIELD + rb",)*" + _QUOTED)


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    DATE = "date"  # ISO 8601: 2026-11-24
    INTEGER = "integer"
    DECIMAL = "decimal"  # read to Int64 at 10^scale
    CHOICE = "choice"


_DTYPES: Final[Mapping[Kind, pl.DataType]] = {
    Kind.TEXT: pl.String(),
    Kind.DATE: pl.Date(),
    Kind.INTEGER: pl.Int64(),
    Kind.DECIMAL: pl.Int64(),
    Kind.CHOICE: pl.String(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its kind; whether each line needs a value; a decimal's scale; the values a choice may take.

    `Column("decimal", scale=6)` reads 1.5 as 1,500,000, exactly, and refuses a seventh decimal that is not 0.
    """

    kind: Kind | str
    required: bool = True
    scale: int | None = None
    choices: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        assert self.kind in set(Kind), f"{self.kind!r} is not a kind of column"
        assert (self.scale is not None) == (self.kind == Kind.DECIMAL), "a scale belongs to a decimal, and only there"
        assert self.scale is None or 0 <= self.scale <= 18, "64 bits hold eighteen decimals"
        assert bool(self.choices) == (self.kind == Kind.CHOICE), "choices belong to a choice, and only there"

    @property
    def dtype(self) -> pl.DataType:
        """The column's type in a frame."""
        return _DTYPES[Kind(self.kind)]


def read_csv(data: bytes, columns: Mapping[str, Column]) -> Parsed:
    """The rows of a market file. `good` has WHERE and one column for each name, in the order of `columns`.

    An ordinal is the number of the row after the header, from 1; a bad row keeps its own. An empty field is null.
    Columns may stand in any order, and each must stand in the header, once, with no other beside it.
    """
    assert not set(columns) & set(WHERE), "a column must not bear the name of a place in the file"
    broken = encoding_fault(data)
    if broken is not None:
        return _unreadable(data, columns, broken)
    data, misquoted = _unquote(data)
    octets = np.frombuffer(data, dtype=np.uint8)
    inside = np.logical_xor.accumulate(octets == _QUOTE) if b'"' in data else None
    begin = len(BOM) if data.startswith(BOM) else 0
    lines = cut(octets, begin, _outside(octets, inside, _LF))
    numbers = _line_numbers(octets, lines)
    written = lines.ends > lines.starts
    lines, numbers = Lines(lines.starts[written], lines.ends[written]), numbers[written]
    if not len(lines):
        return _unreadable(data, columns, {"rule": "no_header"})
    header = data[lines.starts[0] : lines.ends[0]].decode("utf-8")
    if int(lines.starts[0]) in misquoted:
        return _unreadable(data, columns, {"rule": "quotes", "line": "1"})
    names = next(csv.reader([header], strict=True))
    wrong = list(_header_faults(names, columns))
    if wrong:
        return _unreadable(data, columns, *wrong)

    lines, numbers = Lines(lines.starts[1:], lines.ends[1:]), numbers[1:]
    broken_lines = _broken_lines(octets, inside, lines, len(names), misquoted)
    whole = np.ones(len(lines), dtype=np.bool_)
    whole[list(broken_lines)] = False
    texts = _texts(data, lines, whole, names, has_blanks=not written.all()).select(*columns)
    where = pl.DataFrame(
        {
            "ordinal": np.flatnonzero(whole) + 1,
            "start": lines.starts[whole],
            "length": (lines.ends - lines.starts)[whole],
            "line": numbers[whole],
        }
    )
    judged = where.hstack(
        texts.lazy()
        .select(
            *(_value(name, column).alias(name) for name, column in columns.items()),
            *(_rule(name, column).alias(f"rule of {name}") for name, column in columns.items()),
        )
        .collect()
    )
    at_fault = judged.select(pl.any_horizontal(pl.col(f"rule of {name}").is_not_null() for name in columns)).to_series()
    good = judged.filter(~at_fault).select(*WHERE, *columns)
    lengths = (lines.ends - lines.starts).tolist()
    bad = [
        bad_row(i + 1, int(lines.starts[i]), lengths[i], [_line_fault(rule, int(numbers[i]), text)])
        for i, (rule, text) in broken_lines.items()
    ]
    rules = judged.filter(at_fault).drop(columns).iter_rows(named=True)
    values = texts.filter(at_fault).iter_rows(named=True)
    for row, value in zip(rules, values, strict=True):
        errors = [
            _field_fault(name, row[f"rule of {name}"], row["line"], value[name] or "")
            for name in columns
            if row[f"rule of {name}"] is not None
        ]
        bad.append(bad_row(row["ordinal"], row["start"], row["length"], errors))
    return Parsed(good=good, bad=bad_frame(bad).sort("ordinal"))


def build_csv(frame: pl.DataFrame, columns: Mapping[str, Column]) -> bytes:
    """The market file of a frame: header, LF, exact decimals with all digits of their scale. Reading gives it back.

    Refuses, with a ValueError that names all of them, columns whose values `read_csv` would refuse.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame has no column {', '.join(missing)}")
    typed = frame.select(pl.col(name).cast(column.dtype) for name, column in columns.items())
    wrong = []
    for name, column in columns.items():
        values = typed[name]
        if column.required and (values.null_count() or (values.dtype == pl.String and values.eq("").any())):
            wrong.append(f"{name}: a value is missing")
        if column.kind == Kind.CHOICE and not set(values.drop_nulls().unique()) <= column.choices | {""}:
            wrong.append(f"{name}: a value is not one of {'|'.join(sorted(column.choices))}")
        if values.dtype == pl.String and values.str.contains("\0", literal=True).any():
            wrong.append(f"{name}: a value holds a NUL")
    if wrong:
        raise ValueError("; ".join(wrong))
    texts = typed.select(_written(name, column).alias(name) for name, column in columns.items())
    returns = any(texts[name].str.contains("\r", literal=True).any() for name in columns)
    if len(columns) == 1:
        # A lone empty field would be a blank line, which is no row; an empty text is written as a pair of quotes.
        texts = texts.with_columns(pl.all().fill_null(""))
    out = io.BytesIO()
    # Polars does not quote a carriage return, and one at the end of a line would be lost with the line's own.
    texts.write_csv(out, line_terminator="\n", quote_style="always" if returns else "necessary")
    return out.getvalue()


def _unreadable(data: bytes, columns: Mapping[str, Column], *facts: Mapping[str, str]) -> Parsed:
    schema = {**WHERE, **{name: column.dtype for name, column in columns.items()}}
    return Parsed(good=pl.DataFrame(schema=schema), bad=file_broken(data, *facts))


def _header_faults(names: list[str], columns: Mapping[str, Column]) -> Iterator[dict[str, str]]:
    for name in columns:
        if name not in names:
            yield {"rule": "column_missing", "column": name, "line": "1"}
    for name in dict.fromkeys(names):
        if name not in columns:
            yield {"rule": "column_unknown", "column": name, "line": "1"}
        if names.count(name) > 1:
            yield {"rule": "column_twice", "column": name, "line": "1"}


def _outside(octets: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_] | None, octet: int) -> Offsets:
    """Where this byte stands outside quotes."""
    found = octets == octet
    if inside is not None:
        found &= ~inside
    return np.flatnonzero(found).astype(np.int64)


def _line_numbers(octets: npt.NDArray[np.uint8], lines: Lines) -> Offsets:
    """The number in the file, from 1, of each record's first line: more than its ordinal where quotes hold breaks."""
    feeds = np.flatnonzero(octets == _LF)
    return np.searchsorted(feeds, lines.starts).astype(np.int64) + 1


def _unquote(data: bytes) -> tuple[bytes, set[int]]:
    """The file with each misquoted line made blank, byte for byte, and where those lines begin.

    A stray quote would turn all that follows inside out. It costs its own line: reading goes on at the next one.
    """
    if b'"' not in data or _is_well_quoted(data):
        return data, set()
    repaired = bytearray(data)
    octets = np.frombuffer(data, dtype=np.uint8)
    begin = len(BOM) if data.startswith(BOM) else 0
    lines = cut(octets, begin, np.flatnonzero(octets == _LF).astype(np.int64))
    owners = np.searchsorted(lines.starts, np.flatnonzero(octets == _QUOTE), side="right") - 1
    quoted, quotes = (array.tolist() for array in np.unique(owners, return_counts=True))
    starts, ends = lines.starts.tolist(), lines.ends.tolist()
    misquoted: set[int] = set()

    at = 0
    while at < len(quoted):
        first = quoted[at]
        start = starts[first]
        if _WHOLE.fullmatch(data, start, ends[first]):
            at += 1
            continue
        # Only a line with an odd number of quotes can close an open field.
        last = at + 1
        while last < len(quoted) and quotes[last] % 2 == 0 and ends[quoted[last]] - start <= LINE_BYTES_MAX:
            last += 1
        if (
            last < len(quoted)
            and _OPENS.fullmatch(data, start, ends[first])
            and _WHOLE.fullmatch(data, start, ends[quoted[last]])
        ):
            at = last + 1
        else:
            misquoted.add(start)
            repaired[start : ends[first]] = b"x" * (ends[first] - start)
            at += 1
    return bytes(repaired), misquoted


def _is_well_quoted(data: bytes) -> bool:
    """Whether each quote opens a field at its beginning, closes it at its end, or is doubled within."""
    octets = np.frombuffer(data[len(BOM) :] if data.startswith(BOM) else data, dtype=np.uint8)
    quotes = np.flatnonzero(octets == _QUOTE)
    if len(quotes) % 2:
        return False
    padded = np.concatenate((np.array([_LF], dtype=np.uint8), octets, np.array([_LF], dtype=np.uint8)))
    opening, closing = quotes[::2], quotes[1::2]
    before, after = padded[opening], padded[closing + 2]
    # A doubled quote closes and opens again at once: the one before it must then be a closing one.
    opens = (before == _COMMA) | (before == _LF)
    opens[1:] |= closing[:-1] + 1 == opening[1:]
    closes = (after == _COMMA) | (after == _LF)
    ends_line = padded[np.minimum(closing + 3, len(padded) - 1)] == _LF
    closes |= (after == _CR) & ends_line
    closes[:-1] |= closing[:-1] + 1 == opening[1:]
    return bool(opens.all() and closes.all())


def _broken_lines(
    octets: npt.NDArray[np.uint8],
    inside: npt.NDArray[np.bool_] | None,
    lines: Lines,
    fields: int,
    misquoted: set[int],
) -> dict[int, tuple[str, str]]:
    """What is wrong with whole lines: index among the rows -> (rule, value shown)."""
    found: dict[int, tuple[str, str]] = {}
    commas = np.searchsorted(_outside(octets, inside, _COMMA), np.concatenate((lines.starts, lines.ends)))
    counts = commas[len(lines) :] - commas[: len(lines)] + 1
    for i in np.flatnonzero(counts != fields).tolist():
        found[i] = (f"fields {fields}", str(counts[i]))
    nuls = np.flatnonzero(octets == 0)
    for i in np.unique(np.searchsorted(lines.starts, nuls, side="right") - 1).tolist():
        if i >= 0:
            found[i] = ("nul_byte", "")
    for i in np.flatnonzero(lines.ends - lines.starts > LINE_BYTES_MAX).tolist():
        found[i] = (f"line_bytes_max {LINE_BYTES_MAX}", str(lines.ends[i] - lines.starts[i]))
    for i in np.flatnonzero(np.isin(lines.starts, np.array(sorted(misquoted), dtype=np.int64))).tolist():
        found[i] = ("quotes", "")
    return found


def _texts(data: bytes, lines: Lines, whole: npt.NDArray[np.bool_], names: list[str], has_blanks: bool) -> pl.DataFrame:
    """The fields of the whole lines as text, an empty one as null."""
    if not whole.any():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    kept = data[lines.starts[0] :]
    if has_blanks or not whole.all():
        # Bytes are kept by the running sum of +1 where a whole line begins and -1 where it ends.
        edges = np.zeros(len(data) + 2, dtype=np.int8)
        np.add.at(edges, lines.starts[whole], 1)
        np.add.at(edges, lines.ends[whole] + 1, -1)
        octets = np.frombuffer(data + b"\n", dtype=np.uint8).copy()
        octets[lines.ends[whole]] = _LF
        kept = octets[np.cumsum(edges, dtype=np.int8)[: len(octets)].astype(np.bool_)].tobytes()
    frame = pl.read_csv(
        io.BytesIO(kept),
        has_header=False,
        new_columns=names,
        schema_overrides=dict.fromkeys(names, pl.String),
        infer_schema=False,
    ).with_columns(pl.when(pl.all() != "").then(pl.all()))
    assert frame.height == whole.sum(), "each whole line is one row"
    return frame


def _value(name: str, column: Column) -> pl.Expr:
    text = pl.col(name)
    match Kind(column.kind):
        case Kind.DATE:
            return text.str.to_date("%Y-%m-%d", strict=False)
        case Kind.INTEGER:
            return text.cast(pl.Int64, strict=False)
        case Kind.DECIMAL:
            return scaled(text, column.scale or 0).cast(pl.Int64, strict=False)
        case _:
            return text


def _rule(name: str, column: Column) -> pl.Expr:
    """The rule each text breaks, or null."""
    text = pl.col(name)
    value = _value(name, column)
    rules: list[tuple[pl.Expr, str]] = []
    match Kind(column.kind):
        case Kind.DATE:
            # The calendar of the library has a year 0; that of Python and of the database begins with 1.
            shaped = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & ~text.str.starts_with("0000")
            rules.append((~shaped | value.is_null(), "iso_date"))
        case Kind.INTEGER:
            rules.append((~text.str.contains(r"^-?[0-9]+$"), "whole_number"))
            rules.append((value.is_null(), "fits_64_bits"))
        case Kind.DECIMAL:
            scale = column.scale or 0
            rules.append((~text.str.contains(r"^-?[0-9]+(\.[0-9]+)?$"), "decimal_number"))
            rules.append((decimals(text) > scale, f"decimals_max {scale}"))
            rules.append((~fits_64_bits(text, scale), "fits_64_bits"))
        case Kind.CHOICE:
            rules.append((~text.is_in(sorted(column.choices)), f"one_of {'|'.join(sorted(column.choices))}"))
        case Kind.TEXT:
            pass
    rule = pl.lit(None, pl.String)
    for broken, named in reversed(rules):
        rule = pl.when(broken).then(pl.lit(named)).otherwise(rule)
    return pl.when(text.is_null()).then(pl.lit("required") if column.required else None).otherwise(rule)


def _field_fault(name: str, rule: str, line: int, value: str) -> dict[str, Any]:
    place = f"line {line}, column {name}"
    if rule == "required":
        return fault(MessageReason.CSV_FIELD_MISSING, place, column=name, line=str(line))
    return fault(MessageReason.CSV_FIELD_INVALID, place, column=name, line=str(line), value=value, rule=rule)


def _line_fault(rule: str, line: int, value: str) -> dict[str, Any]:
    return fault(MessageReason.CSV_FIELD_INVALID, f"line {line}", column="", line=str(line), value=value, rule=rule)


def _written(name: str, column: Column) -> pl.Expr:
    value = pl.col(name)
    if column.kind != Kind.DECIMAL:
        return value.cast(pl.String)
    return decimal_text(value, column.scale or 0)
