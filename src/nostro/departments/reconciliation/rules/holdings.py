"""A custodian's statement of holdings against our depot accounts, position by position. 持仓对账"""

from typing import Final

import polars as pl

from nostro.departments.accounting.rules.scales import of_currency
from nostro.departments.reconciliation.rules.amounts import decimal_text
from nostro.kernel.frames import filled, gross_minor, refused, sum_by
from nostro.kernel.money import MICRO

POSITION: Final = ["account", "day", "item"]
LINE: Final = pl.Schema(
    {
        "account": pl.String,
        "currency": pl.String,  # "": a position is counted in units
        "day": pl.Date,
        "statement": pl.Int64,  # null: only we have it
        "item": pl.String,
        "theirs_minor": pl.Int64,  # millionths
        "ours_minor": pl.Int64,
        "reason": pl.String,
    }
)


def compare(theirs: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """LINE rows: every position of both sides once, by account, day and ISIN.

    theirs  account, day, statement, item (the ISIN), quantity_micro; several lines of one ISIN are one position
    ours    account, day, item, quantity_micro, for the accounts and days of which there is a statement

    A position that only one side has is compared with none; nothing on both sides is no line. Breaks: holding_differs.
    """
    one_line = sum_by(theirs, [*POSITION, "statement"], "quantity_micro").rename({"quantity_micro": "theirs_minor"})
    united = one_line.join(
        ours.select(*POSITION, ours_minor="quantity_micro"), on=POSITION, how="full", coalesce=True
    ).filter((pl.col("theirs_minor").fill_null(0) != 0) | (pl.col("ours_minor").fill_null(0) != 0))
    differs = pl.col("theirs_minor").fill_null(0) != pl.col("ours_minor").fill_null(0)
    return (
        united.with_columns(currency=pl.lit(""), reason=pl.when(differs).then(pl.lit("holding_differs")))
        .select(pl.col(name).cast(kind) for name, kind in LINE.items())
        .sort(POSITION)
    )


def told(lines: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """An exception for each break, subject holding/<account>/<isin>: REFUSED with `account` and `account_currency`.

    prices  isin, price_micro, currency: with one, the difference at that price is at risk
    """
    breaks = (
        lines.filter(pl.col("reason").is_not_null())
        .join(prices.select(item="isin", price_micro="price_micro", paid_in="currency"), on="item", how="left")
        .sort(POSITION)
    )
    difference = pl.col("theirs_minor").fill_null(0).cast(pl.Int128) - pl.col("ours_minor").fill_null(0).cast(pl.Int128)
    worth = gross_minor(difference.abs(), pl.col("price_micro"), of_currency("paid_in", breaks["paid_in"]))
    valued = breaks.with_columns(worth=worth.cast(pl.Int64, strict=False))
    return refused(
        valued,
        "holding_differs",
        subject=filled("holding/{}/{}", "account", "item"),
        facts={
            "account": pl.col("account"),
            "isin": pl.col("item"),
            "day": pl.col("day"),
            "theirs": _units(pl.col("theirs_minor").fill_null(0)),
            "ours": _units(pl.col("ours_minor").fill_null(0)),
            "difference": _units(difference),
        },
        money_minor=pl.col("worth"),
        currency=pl.when(pl.col("worth").is_not_null()).then(pl.col("paid_in")),
    ).with_columns(valued.select("account", account_currency="currency"))


def broken(lines: pl.DataFrame) -> pl.DataFrame:
    """`reason` and `subject` of each break among these lines."""
    breaks = lines.filter(pl.col("reason").is_not_null())
    return breaks.select("reason", subject=filled("holding/{}/{}", "account", "item"))


def _units(micro: pl.Expr) -> pl.Expr:
    return decimal_text(micro, pl.lit(MICRO, pl.Int64)).str.strip_chars_end("0").str.strip_suffix(".")
