"""Which prices of a vendor's file may be used: of the day, near the last one, and one for each instrument. 行情校验

A price that is not used is missing, and what rests on it waits. The limit is our own: wider than the daily limits of
the markets served (20 % on Shanghai's STAR market), narrower than a two-for-one split.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any, Final

import polars as pl

from nostro.kernel.frames import REFUSED, filled, refused
from nostro.kernel.money import MICRO
from nostro.messages.lines import fault
from nostro.messages.shapes import MessageReason, Parsed
from nostro.reference.rules.static import split

WILD_PERCENT: Final = 25
REASONS: Final = ("price_missing", "price_stale", "price_wild")


def lines_usable(lines: pl.DataFrame, instruments: pl.DataFrame, day: date) -> Parsed:
    """Price lines that can be meant: not of a later day, and in the instrument's own currency where we know it.

    lines        WHERE, isin, day, price_micro, currency
    instruments  isin, currency
    """
    told = lines.join(instruments.select("isin", own="currency"), on="isin", how="left", maintain_order="left")
    errors: dict[int, list[dict[str, Any]]] = defaultdict(list)
    checks = (
        ("day", f"not after {day}", pl.col("day") > day),
        ("currency", "the instrument's own", pl.col("currency") != pl.col("own")),
    )
    for column, rule, broken in checks:
        for ordinal, value in told.filter(broken).select("ordinal", pl.col(column).cast(pl.String)).rows():
            line = str(ordinal + 1)
            errors[ordinal].append(
                fault(
                    MessageReason.CSV_FIELD_INVALID,
                    f"line {line}, column {column}",
                    column=column,
                    line=line,
                    value=value,
                    rule=rule,
                )
            )
    return split(lines, errors)


def close(
    lines: pl.DataFrame, instruments: pl.DataFrame, last: pl.DataFrame, day: date, shut: Collection[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(lines that are the close of the day, REFUSED with subject price/<isin>), both by ISIN.

    lines        usable ones: isin, day, price_micro, currency
    instruments  the golden copy: isin, name, currency, mic
    last         the latest price of an earlier day: isin, price_micro, day
    shut         markets whose exchange was shut that day: their last close stays, nothing is stale or missing
    price_stale when the only line is of an earlier day, price_wild when it is more than WILD_PERCENT from the last, and
    price_missing when there is no line at all. An instrument without a last price is not measured.
    """
    newest = lines.sort("day").unique("isin", keep="last")
    seen = (
        newest.join(last.select("isin", last_micro="price_micro", last_day="day"), on="isin", how="left")
        .join(instruments.select("isin", "name", "mic"), on="isin", how="left")
        .sort("isin")
    )
    told = {"isin": pl.col("isin"), "name": pl.col("name")}
    price = {"price": _written(pl.col("price_micro")), "currency": pl.col("currency")}
    before = {"last": _written(pl.col("last_micro")), "last_day": pl.col("last_day")}
    is_shut = pl.col("mic").is_in(list(shut)).fill_null(False)
    is_stale = (pl.col("day") < day) & ~is_shut
    gap = (pl.col("price_micro").cast(pl.Int128) - pl.col("last_micro")).abs() * 100
    is_wild = (~is_stale & (pl.col("last_micro").cast(pl.Int128) * WILD_PERCENT < gap)).fill_null(False)
    stale = refused(
        seen.filter(is_stale),
        "price_stale",
        subject=filled("price/{}", pl.col("isin")),
        facts={**told, **price, "day": pl.lit(day), "price_day": pl.col("day")},
    )
    wild = refused(
        seen.filter(is_wild),
        "price_wild",
        subject=filled("price/{}", pl.col("isin")),
        facts={**told, **price, **before, "day": pl.col("day"), "percent": pl.lit(WILD_PERCENT)},
    )
    absent = (
        instruments.join(newest, on="isin", how="anti")
        .filter(~is_shut)
        .join(last.select("isin", last_micro="price_micro", last_day="day"), on="isin", how="left")
    )
    missing = refused(
        absent,
        "price_missing",
        subject=filled("price/{}", pl.col("isin")),
        facts={**told, "currency": pl.col("currency"), "day": pl.lit(day), **before},
    )
    usable = seen.filter(~is_stale & ~is_wild).select(lines.columns)
    return usable, pl.concat([stale, wild, missing]).select(*REFUSED).sort("subject")


def _written(micro: pl.Expr) -> pl.Expr:
    digits = micro.cast(pl.String).str.zfill(MICRO + 1)
    return (digits.str.head(-MICRO) + "." + digits.str.tail(MICRO)).str.strip_chars_end("0").str.strip_chars_end(".")
