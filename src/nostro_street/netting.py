"""What a CCP owes its member: one obligation for each instrument, settlement date and currency. 净额义务

A net is formed only where quantity and cash run in opposite directions. Where they run the same way, or one of them is
nothing, its buys and its sells stay two obligations (docs/exchange.md).
"""

from typing import Final

import polars as pl

from nostro.kernel.frames import checked_minor

KEY: Final = ("entity", "ccp_bic", "isin", "settle_date", "currency")


def obligations(cleared: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    """KEY, direction, units, cash_minor (both positive) and trades, ordered by KEY and direction.

    cleared  KEY, side, units, gross_minor: a member's cleared executions, in any order
    """
    sums = (
        cleared.lazy()
        .group_by(*KEY, "side")
        .agg(
            pl.col("units").cast(pl.Int128).sum(),
            pl.col("gross_minor").cast(pl.Int128).sum(),
            trades=pl.len().cast(pl.Int64),
        )
        .group_by(*KEY)
        .agg(
            *(
                pl.col(name).filter(pl.col("side") == side).sum().alias(f"{side} {name}")
                for side in ("buy", "sell")
                for name in ("units", "gross_minor", "trades")
            )
        )
        .with_columns(
            received=pl.col("buy units") - pl.col("sell units"),
            paid=pl.col("buy gross_minor") - pl.col("sell gross_minor"),
        )
        .with_columns(is_formed=pl.col("received").sign() * pl.col("paid").sign() == 1)
        .collect()
    )
    formed = sums.filter("is_formed").select(
        *KEY,
        direction=pl.when(pl.col("received") > 0).then(pl.lit("receive")).otherwise(pl.lit("deliver")),
        units=pl.col("received").abs(),
        cash_minor=pl.col("paid").abs(),
        trades=pl.col("buy trades") + pl.col("sell trades"),
    )
    sides = [
        sums.filter(~pl.col("is_formed")).select(
            *KEY,
            direction=pl.lit(direction),
            units=pl.col(f"{side} units"),
            cash_minor=pl.col(f"{side} gross_minor"),
            trades=pl.col(f"{side} trades"),
        )
        for side, direction in (("buy", "receive"), ("sell", "deliver"))
    ]
    whole = checked_minor(pl.concat([formed, *sides]), "units", "cash_minor")
    return whole.filter(pl.col("trades") > 0).sort(*KEY, "direction")
