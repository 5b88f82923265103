"""What we add to an execution that passed every check: units, gross, fees and taxes of its market. 交易补录

Sources: the market's own schedule, in basis points of the gross: UK stamp duty reserve tax (Finance Act 1986 s. 99,
half up to the penny), Hong Kong stamp duty (Cap. 117), 证券交易印花税 on mainland sales.
"""

from typing import Final

import polars as pl

from nostro.kernel.frames import checked_minor
from nostro.kernel.money import MICRO

_BP_MICRO: Final = 10_000 * 10**MICRO


def charge_minor(gross_wide: pl.Expr, rate_bp_micro: pl.Expr) -> pl.Expr:
    """A rate in millionths of a basis point on a gross amount, as Int128 minor units, rounded half up once, here."""
    return (gross_wide * rate_bp_micro.cast(pl.Int128) + _BP_MICRO // 2) // _BP_MICRO


def enrich(passed: pl.DataFrame) -> pl.DataFrame:
    """The trades that passing executions (of `validate`) become, in their order.

    quantity   units of the instrument's scale
    net_minor  what moves on settlement: the gross, since fees and taxes are accrued apart
    """
    tax = pl.when(pl.col("side") == "buy").then("tax_buy_bp_micro").otherwise("tax_sell_bp_micro")
    trades = passed.with_columns(
        quantity=pl.col("quantity_micro") // (10 ** (MICRO - pl.col("scale").cast(pl.Int64))),
        gross_minor=pl.col("gross_wide"),
        net_minor=pl.col("gross_wide"),
        fee_minor=charge_minor(pl.col("gross_wide"), pl.col("fee_bp_micro")),
        tax_minor=charge_minor(pl.col("gross_wide"), tax),
    )
    return checked_minor(trades, "gross_minor", "net_minor", "fee_minor", "tax_minor")
