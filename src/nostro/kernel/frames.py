"""Bulk frames: the one checked sum, and how a batch of items is split into done and refused. 批量数据框"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from nostro.kernel.money import INT64_MAX, INT64_MIN, MICRO
from nostro.kernel.refusals import Refusal

REFUSED: Final = pl.Schema(
    {
        "reason": pl.String,
        "subject": pl.String,
        "place": pl.String,
        "facts": pl.String,  # a JSON object of texts: what the sentence needs
        "money_minor": pl.Int64,  # at risk; null when it is not known
        "currency": pl.String,
    }
)
"""A frame of refusals. `exceptions.open_all` takes it as it is."""


def total_minor(column: str) -> pl.Expr:
    """The sum of whole minor units in an aggregation, as Int128. Follow with `checked_minor` to come back to Int64.

    Polars, NumPy and Arrow wrap silently when an Int64 sum passes 2^63; Int128 can't for fewer than 2^64 rows.
    """
    return pl.col(column).cast(pl.Int128).sum().alias(column)


def checked_minor(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The frame with Int128 columns cast back to Int64. Refuses with the column and value that does not fit 64 bits."""
    for name in columns:
        wide = frame[name]
        low, high = wide.min(), wide.max()
        for extreme in (low, high):
            if isinstance(extreme, int) and not INT64_MIN <= extreme <= INT64_MAX:
                raise OverflowError(f"the sum of {name} is {extreme} minor units and does not fit 64 bits")
    return frame.with_columns(pl.col(name).cast(pl.Int64) for name in columns)


def sum_minor(values: pl.Series) -> int:
    """The exact sum of a column of whole minor units, as a Python integer that fits 64 bits; else an OverflowError."""
    total = values.cast(pl.Int128).sum()
    whole = int(total) if total is not None else 0
    if not INT64_MIN <= whole <= INT64_MAX:
        raise OverflowError(f"the sum of {values.name or 'the column'} is {whole} minor units and does not fit 64 bits")
    return whole


def sum_by(frame: pl.LazyFrame | pl.DataFrame, by: Sequence[str], *columns: str) -> pl.DataFrame:
    """Checked sums of minor-unit columns by key, ordered by key. Lazy inside: eager group_by is three times slower."""
    summed = frame.lazy().group_by(by).agg(total_minor(name) for name in columns).sort(by).collect()
    return checked_minor(summed, *columns)


def gross_minor(quantity_micro: pl.Expr, price_micro: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """Quantity x price in minor units of a currency of this scale, as Int128, rounded half up once, here.

    Both factors are millionths; the scale is 0 to 8, and another one a mistake of ours. The same as `money.cash_minor`,
    a column at a time. Follow with `checked_minor` to come back to Int64: a product of 64-bit numbers may not fit.
    """
    exact = quantity_micro.cast(pl.Int128) * price_micro.cast(pl.Int128)
    divisor = scale.replace_strict({s: 10 ** (2 * MICRO - s) for s in range(9)}, return_dtype=pl.Int128)
    # Half up is away from zero, as for money in words: -0.5 cent is -1 cent.
    return (exact.abs() + divisor // 2) // divisor * exact.sign()


def refused(
    frame: pl.DataFrame,
    reason: str,
    *,
    subject: pl.Expr,
    facts: Mapping[str, pl.Expr] | None = None,
    place: pl.Expr | None = None,
    money_minor: pl.Expr | None = None,
    currency: pl.Expr | None = None,
) -> pl.DataFrame:
    """One refusal for each row of the frame, in the columns of REFUSED. Facts are cast to text."""
    texts = {name: expression.cast(pl.String).fill_null("") for name, expression in (facts or {}).items()}
    told = pl.struct(e.alias(n) for n, e in texts.items()).struct.json_encode() if texts else pl.lit("{}")
    return frame.select(
        reason=pl.lit(reason),
        subject=subject.cast(pl.String),
        place=(place if place is not None else pl.lit("")).cast(pl.String),
        facts=told,
        money_minor=(money_minor if money_minor is not None else pl.lit(None)).cast(pl.Int64),
        currency=(currency if currency is not None else pl.lit(None)).cast(pl.String),
    )


def refusals(items: Sequence[Refusal]) -> pl.DataFrame:
    """The same columns from single refusals, for what is not bulk."""
    rows = [(r.reason, r.subject, r.place, json.dumps(dict(r.facts), ensure_ascii=False), None, None) for r in items]
    return pl.DataFrame(rows, schema=REFUSED, orient="row")


def filled(template: str, *columns: str | pl.Expr) -> pl.Expr:
    """The template with a column in place of each {}, null where one of them is null.

    What `pl.format` is for, which in Polars 2.1 panics when a filter has left an empty chunk between two others.
    """
    between = template.split("{}")
    assert len(between) == len(columns) + 1, f"{template!r} has not a place for each of {len(columns)} columns"
    parts = [pl.lit(between[0])]
    for column, text in zip(columns, between[1:], strict=True):
        parts += [(pl.col(column) if isinstance(column, str) else column).cast(pl.String), pl.lit(text)]
    return pl.concat_str(parts)
