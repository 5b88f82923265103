"""What the firms own when they go live: enough for the day's deliveries and payments, but for faults. 期初余额"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from nostro.kernel.frames import checked_minor
from nostro_street.calendars import weekday_before
from nostro_street.trading import with_gross
from nostro_street.world import BY_MIC, FIRMS, Firm, chance

_LOTS_MORE: Final = 20
_CASH_MORE_MINOR: Final = 100_000_000
Short = Mapping[tuple[str, str], int]
"""(entity, ISIN) -> whole units, or (entity, currency) -> minor units, where a fault wants the firm to lack them."""


def positions(
    seed: int, day: date, instruments: pl.DataFrame, owned: pl.DataFrame, street: pl.DataFrame, short: Short
) -> pl.DataFrame:
    """entity, book, isin, units, cost_e4, currency, account, for every security of a firm's markets, by book.

    owned   entity, book, isin, side, units: what each book bought and sold. No book is short at the end of the day.
    street  the instructions of the day (`entity, isin, direction, units, settle_date`); deliveries are covered
    """
    sold = (
        owned.lazy()
        .group_by("entity", "book", "isin")
        .agg(
            net_sold=pl.col("units").filter(pl.col("side") == "sell").sum()
            - pl.col("units").filter(pl.col("side") == "buy").sum()
        )
        .collect()
    )
    due = (
        street.lazy()
        .filter((pl.col("settle_date") == day) & (pl.col("direction") == "deliver"))
        .group_by("entity", "isin")
        .agg(due=pl.col("units").sum())
        .collect()
    )
    lots = pl.col("mic").replace_strict({mic: market.lot for mic, market in BY_MIC.items()}, return_dtype=pl.Int64)
    own = (pl.col("net_sold").fill_null(0).clip(0) * 6 + 4) // 5
    enough = (pl.col("due").fill_null(0) * 6 + 4) // 5
    frame = (
        _every_holding(instruments)
        .join(sold, on=["entity", "book", "isin"], how="left", maintain_order="left")
        .join(due, on=["entity", "isin"], how="left", maintain_order="left")
        .with_columns(own=own)
        .with_columns(more=(enough - pl.col("own").sum().over("entity", "isin")).clip(0) + lots * _LOTS_MORE)
        .with_columns(total=pl.col("own").sum().over("entity", "isin") + pl.col("more"))
        .with_columns(units=pl.col("own") + _part(pl.col("more")))
    )
    if short:
        wanted = pl.DataFrame(
            [(entity, isin, units) for (entity, isin), units in short.items()],
            schema=["entity", "isin", "short"],
            orient="row",
        )
        frame = frame.join(wanted, on=["entity", "isin"], how="left", maintain_order="left").with_columns(
            units=pl.when(pl.col("short").is_null()).then(pl.col("units")).otherwise(_part(pl.col("short")))
        )
    rng = chance(seed, day, "opening costs")
    ticks = np.rint(rng.uniform(0.8, 1.1, frame.height) * 1000).astype(np.int64)
    priced = frame.with_columns(price_micro=pl.col("close_micro") * pl.Series(ticks) // 1000)
    return (
        with_gross(priced)
        .filter(pl.col("units") > 0)
        .select(
            "entity",
            "book",
            "isin",
            "units",
            cost_e4=pl.col("gross_minor") * 100,
            currency="currency",
            account="account",
        )
    )


def cash(seed: int, day: date, street: pl.DataFrame, short: Short) -> pl.DataFrame:
    """entity, account, currency, amount_minor, sequence, statement: every payment due on the day is covered."""
    due = (
        street.lazy()
        .filter((pl.col("settle_date") == day) & (pl.col("direction") == "receive"))
        .group_by("entity", "currency")
        .agg(due=pl.col("amount_minor").cast(pl.Int128).sum())
        .collect()
    )
    paid = {(entity, currency): int(amount) for entity, currency, amount in due.iter_rows()}
    rng = chance(seed, day, "opening cash")
    rows = []
    for firm in FIRMS:
        for market in (BY_MIC[mic] for mic in firm.markets):
            key = (firm.code, market.currency)
            amount = short.get(key, (paid.get(key, 0) * 5 // 4 // 100_000) * 100_000 + _CASH_MORE_MINOR)
            statement = statement_id(firm, market.currency, weekday_before(day))
            rows.append(
                (firm.code, firm.cash_account(market), market.currency, amount, int(rng.integers(150, 230)), statement)
            )
    return checked_minor(
        pl.DataFrame(
            rows,
            schema={
                "entity": pl.String,
                "account": pl.String,
                "currency": pl.String,
                "amount_minor": pl.Int128,
                "sequence": pl.Int64,
                "statement": pl.String,
            },
            orient="row",
        ),
        "amount_minor",
    )


def statement_id(firm: Firm, currency_or_country: str, day: date) -> str:
    """The id of the statement of one of a firm's accounts on a day, at most sixteen characters."""
    return f"{firm.code}{currency_or_country}{day:%y%m%d}"


def _every_holding(instruments: pl.DataFrame) -> pl.DataFrame:
    """A row for each book and each security of its firm's markets, with the book's share and place among the books."""
    rows = [
        (firm.code, mic, firm.securities_account(BY_MIC[mic]), code, share, at)
        for firm in FIRMS
        for mic in firm.markets
        for at, (code, _, _, share) in enumerate(firm.books)
    ]
    holders = pl.DataFrame(rows, schema=["entity", "mic", "account", "book", "share", "place"], orient="row")
    known = instruments.select("isin", "mic", "currency", "close_micro")
    return holders.join(known, on="mic", how="inner").sort("entity", "isin", "place")


def _part(whole: pl.Expr) -> pl.Expr:
    """A book's part of a whole: its share rounded down, the first book's with what is left."""
    part = (whole * (pl.col("share") * 1000).round().cast(pl.Int64)) // 1000
    left = whole - part.sum().over("entity", "isin")
    return part + pl.when(pl.col("place") == 0).then(left).otherwise(0)
