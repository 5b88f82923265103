"""Decimals of currencies, a column at a time. 币种小数位"""

import polars as pl

from nostro.kernel.money import currency_scale


def of_currency(column: str, currencies: pl.Series) -> pl.Expr:
    """The decimals (Int64) of the currency in a column; null for one not among these. Refuses a malformed one."""
    codes = currencies.drop_nulls().unique().sort()
    scales = pl.Series([currency_scale(code) for code in codes], dtype=pl.Int64)
    return pl.col(column).replace_strict(codes.cast(pl.String), scales, default=None, return_dtype=pl.Int64)
