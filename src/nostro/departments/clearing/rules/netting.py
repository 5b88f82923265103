"""Many trades with a CCP become one obligation for each instrument, settlement date and currency. 净额轧差

A net whose cash would not run against its securities is a strange net: we would receive both, pay both, or one of them
is nothing. Delivery versus payment cannot settle it, so it is not formed: its buys stay one obligation, its sells
another.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.kernel.frames import checked_minor

KEY: Final = ("ccp_bic", "place_bic", "mic", "instrument_id", "isin", "currency", "settle_date")
"""What trades must share to be one obligation. An instrument has one ISIN: it stands here to be carried along."""
TRADE: Final = (*KEY, "trade", "side", "quantity", "gross_minor", "trade_date")
"""The columns `net` reads. Quantity and gross are positive; `side` is "buy" or "sell"."""


@dataclass(frozen=True, slots=True)
class Netted:
    """Obligations, and which trade went into which.

    nets     KEY, `leg` (net, buy, sell), `trade_date` (the latest), `quantity` and `cash_minor` signed (+ we receive),
             `trades` (how many); ordered by KEY and leg
    members  `trade` and `net`, a row number in `nets`; ordered by trade
    """

    nets: pl.DataFrame
    members: pl.DataFrame


def net(trades: pl.LazyFrame | pl.DataFrame) -> Netted:
    """Net cleared trades, in whatever order they came. Sums are exact; an OverflowError names one beyond 64 bits."""
    chosen = trades.lazy().select(TRADE)
    is_buy = pl.col("side") == "buy"
    grouped = (
        chosen.group_by(KEY)
        .agg(
            *(
                expression
                for side, is_side in (("buy", is_buy), ("sell", ~is_buy))
                for expression in (
                    pl.col("quantity").filter(is_side).cast(pl.Int128).sum().alias(f"{side}_quantity"),
                    pl.col("gross_minor").filter(is_side).cast(pl.Int128).sum().alias(f"{side}_cash"),
                    is_side.sum().cast(pl.Int64).alias(f"{side}_trades"),
                    pl.col("trade_date").filter(is_side).max().alias(f"{side}_date"),
                )
            ),
        )
        .with_columns(
            quantity=pl.col("buy_quantity") - pl.col("sell_quantity"),
            cash_minor=pl.col("sell_cash") - pl.col("buy_cash"),
        )
        # Cash runs against securities when the two have opposite signs, and neither is nothing.
        .with_columns(is_strange=pl.col("quantity").sign() * pl.col("cash_minor").sign() != -1)
        .collect()
    )
    nets = pl.concat([_formed(grouped), _side(grouped, "buy"), _side(grouped, "sell")])
    nets = checked_minor(nets.sort(*KEY, "leg"), "quantity", "cash_minor").with_row_index("net")
    nets = nets.with_columns(pl.col("net").cast(pl.Int64))
    leg_of_trade = pl.when("is_strange").then("side").otherwise(pl.lit("net")).alias("leg")
    members = (
        chosen.join(grouped.lazy().select(*KEY, "is_strange"), on=KEY, how="inner")
        .select(*KEY, "trade", leg_of_trade)
        .join(nets.lazy().select(*KEY, "leg", "net"), on=[*KEY, "leg"], how="inner")
        .select("trade", "net")
        .sort("trade")
        .collect()
    )
    return Netted(nets.drop("net"), members)


def _formed(grouped: pl.DataFrame) -> pl.DataFrame:
    return grouped.filter(~pl.col("is_strange")).select(
        *KEY,
        leg=pl.lit("net"),
        trade_date=pl.max_horizontal("buy_date", "sell_date"),
        quantity="quantity",
        cash_minor="cash_minor",
        trades=pl.col("buy_trades") + pl.col("sell_trades"),
    )


def _side(grouped: pl.DataFrame, side: str) -> pl.DataFrame:
    sign = 1 if side == "buy" else -1
    return grouped.filter("is_strange").select(
        *KEY,
        leg=pl.lit(side),
        trade_date=f"{side}_date",
        quantity=pl.col(f"{side}_quantity") * sign,
        cash_minor=pl.col(f"{side}_cash") * -sign,
        trades=f"{side}_trades",
    )
