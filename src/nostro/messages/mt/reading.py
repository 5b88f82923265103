"""Reads a file of SWIFT messages into columns: each message judged by the tables, each value taken by its place. 报文读取"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from nostro.kernel.money import MICRO, currency_scale
from nostro.messages.lines import bad_frame, bad_row, file_broken
from nostro.messages.mt import tokens
from nostro.messages.mt.tree import Node
from nostro.messages.mt.validate import Layout, layout_of, missing_fault, value_fault
from nostro.messages.shapes import WHERE, Parsed

ABSENT: Final = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value of a row: from which field it comes, and whether the message must have it."""

    column: str
    path: str  # of the sequence, "SETDET/AMT"
    tag: str
    qualifier: str | None = None
    must: bool = True

    @property
    def named(self) -> str:
        """As it is called in a refusal: "98A:SETT"."""
        return f"{self.tag}:{self.qualifier}" if self.qualifier else self.tag


Row = dict[str, int]
"""The place of the field of each column; ABSENT where the message has none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one layout gives: its rows, and what it lacks although the tables allow it."""

    layout: Layout
    rows: tuple[tuple[int, ...], ...]
    lacking: tuple[Wanted, ...]


@dataclass(slots=True)
class Reader:
    """How one kind is read.

    rows_of   the rows of a message of this type and tree, and what it lacks
    typed     texts of the columns to the shape, the same rows; and the values that are none
    """

    columns: tuple[str, ...]
    types: frozenset[str]
    rows_of: Callable[[str, Node], tuple[list[Row], list[Wanted]]]
    schema: pl.Schema
    key: str
    typed: Callable[[pl.DataFrame], tuple[pl.DataFrame, list["BadValue"]]]
    plans: dict[tuple[str, tuple[str, ...]], Plan] = field(default_factory=dict)

    def plan(self, layout: Layout) -> Plan:
        """The plan of a layout, remembered as long as the layout is."""
        known = self.plans.get((layout.mt, layout.heads))
        if known is not None and known.layout is layout:
            return known
        rows, lacking = self.rows_of(layout.mt, layout.tree)
        made = Plan(
            layout, tuple(tuple(row.get(name, ABSENT) for name in self.columns) for row in rows), tuple(lacking)
        )
        if len(self.plans) > 2_000:
            self.plans.clear()
        self.plans[layout.mt, layout.heads] = made
        return made


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value with the right form that is still no date, no amount of its currency, or nothing we know."""

    row: int
    column: str
    rule: str


def read(data: bytes, reader: Reader) -> Parsed:
    """The messages of a file. A message of another type is refused: a file has one kind."""
    empty = pl.DataFrame(schema={**WHERE, **reader.schema})
    places = list(tokens.split_messages(data))
    if places and b"{1:" not in data:
        return Parsed(good=empty, bad=file_broken(data, {"rule": "swift_blocks"}))
    taken: list[tuple[Any, ...]] = []
    bad: dict[int, tuple[int, int, str | None, list[dict[str, Any]]]] = {}
    for ordinal, (start, end) in enumerate(places, 1):
        message = tokens.tokenise(data[start:end].decode("latin-1"))
        plan, faults = _judge(message, reader)
        if faults or plan is None:
            bad[ordinal] = (start, end - start, _key(message, reader, plan), faults)
            continue
        assert message.header is not None
        own = (ordinal, start, end - start, message.header.mt, message.header.sender)
        rests = message.rests
        for row in plan.rows:
            taken.append((*own, *[rests[at] if at >= 0 else None for at in row]))
    schema = pl.Schema({**WHERE, **dict.fromkeys(("mt", "sender", *reader.columns), pl.String())})
    texts = pl.DataFrame(taken, schema=schema, orient="row")
    typed, wrong = reader.typed(texts)
    if wrong:
        ordinals = texts["ordinal"].to_list()
        for one in sorted(wrong, key=lambda w: w.row):
            ordinal = ordinals[one.row]
            start, end = places[ordinal - 1]
            message = tokens.tokenise(data[start:end].decode("latin-1"))
            plan, _ = _judge(message, reader)
            assert plan is not None
            held = bad.setdefault(ordinal, (start, end - start, _key(message, reader, plan), []))
            held[3].append(_wrong_value(message, plan, reader, one, one.row - bisect_left(ordinals, ordinal)))
        typed = typed.filter(~pl.col("ordinal").is_in(list(bad)))
    rows = [
        bad_row(ordinal, start, length, faults, key) for ordinal, (start, length, key, faults) in sorted(bad.items())
    ]
    return Parsed(good=typed.select((*WHERE, *reader.schema)), bad=bad_frame(rows))


def _judge(message: tokens.Message, reader: Reader) -> tuple[Plan | None, list[dict[str, Any]]]:
    if message.faults or message.header is None:
        return None, message.faults
    if message.header.mt not in reader.types:
        wanted = " or ".join(sorted(reader.types))
        return None, [value_fault("2", "", 1, message.header.mt, f"only MT {wanted}")]
    layout = layout_of(message.header.mt, message.heads)
    plan = reader.plan(layout)
    if layout.accepts(message.rests) and not plan.lacking:
        return plan, []
    told = layout.faults(message)
    known = {(f["facts"].get("field", "")[:2], f["facts"].get("sequence")) for f in told}
    told += [missing_fault(want.named, want.path) for want in plan.lacking if (want.tag[:2], want.path) not in known]
    return plan, told


def _key(message: tokens.Message, reader: Reader, plan: Plan | None) -> str | None:
    """The message's own key, when it can still be read; of a broken message, the reference that stands in its text."""
    if plan is None:
        _, _, after = message.raw.partition(":20C::SEME//" if reader.key != "statement" else ":20:")
        return after.split("\n", 1)[0].strip()[:16] or None
    at = plan.rows[0][reader.columns.index(reader.key)] if plan.rows else ABSENT
    return message.rests[at].lstrip("/") if at >= 0 else None


def _wrong_value(message: tokens.Message, plan: Plan, reader: Reader, one: BadValue, row: int) -> dict[str, Any]:
    at = plan.rows[row][reader.columns.index(one.column)]
    paths = {place: node.path for node in plan.layout.tree.walk() for place, _, _ in node.fields}
    tag, _, value = tokens.split_head(message.heads[at], message.rests[at])
    return value_fault(tag, paths.get(at, ""), message.line(at), value, one.rule)


def take(mt_tree: Node, wants: Sequence[Wanted]) -> tuple[Row, list[Wanted]]:
    """One row: the first field of each want in the sequences of its path; and the wants that must be and are not there."""
    row: Row = {}
    lacking = []
    for want in wants:
        found = [node.find(want.tag, want.qualifier) for node in mt_tree.all(want.path)]
        row[want.column] = next((at for at in found if at >= 0), row.get(want.column, ABSENT))
        if want.must and row[want.column] == ABSENT:
            lacking.append(want)
    return row, lacking


# --- values: texts that have the right form already, in bulk


def after_slash(column: str) -> pl.Expr:
    """What stands after the slash that ends a qualifier: "/ABC" is "ABC", "SCHEME/ABC" is "ABC"."""
    return pl.col(column).str.extract(r"(?s)^[^/]*/(.*)$", 1)


def date(column: str) -> pl.Expr:
    """The date of "/20261124..." or null when the calendar has no such day."""
    return after_slash(column).str.head(8).str.to_date("%Y%m%d", strict=False)


def scaled(number: pl.Expr, decimals: pl.Expr | int) -> pl.Expr:
    """Whole units of 10^-decimals of "1234,5" as Int64; null when it does not fit or has more decimals."""
    parts = number.str.splitn(",", 2)
    small = parts.struct.field("field_1").fill_null("").str.strip_chars_end("0")
    width = decimals if isinstance(decimals, pl.Expr) else pl.lit(decimals, pl.Int64)
    exact = (parts.struct.field("field_0") + small.str.pad_end(width, "0")).cast(pl.Int128, strict=False)
    return pl.when(small.str.len_bytes().cast(pl.Int64) <= width).then(exact.cast(pl.Int64, strict=False))


def quantity_micro(column: str) -> pl.Expr:
    """Millionths of "/UNIT/1000,5"."""
    return scaled(pl.col(column).str.extract(r"([0-9]+,[0-9]*)$", 1), MICRO)


def isin(column: str) -> pl.Expr:
    """The ISIN of a 35B; null when it has none."""
    return pl.col(column).str.extract(r"^ISIN ([A-Z0-9]{12})", 1)


def decimals(currency: pl.Expr) -> pl.Expr:
    """Decimals of each currency."""

    def scales(codes: pl.Series) -> pl.Series:
        known = {code: currency_scale(code) for code in codes.drop_nulls().unique().to_list()}
        if not known:
            return pl.Series(codes.name, [None] * len(codes), dtype=pl.Int64)
        return codes.replace_strict(known, default=None, return_dtype=pl.Int64)

    return currency.map_batches(scales, return_dtype=pl.Int64)


def bad_values(frame: pl.DataFrame, rules: Mapping[str, tuple[str, pl.Expr]]) -> list[BadValue]:
    """The rows in which a condition holds: {rule: (column, condition)}."""
    judged = frame.select(condition.fill_null(False).alias(rule) for rule, (_, condition) in rules.items())
    return [
        BadValue(row, column, rule.split(" @")[0])
        for rule, (column, _) in rules.items()
        for row in judged[rule].arg_true().to_list()
    ]
