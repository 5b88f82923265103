"""Figures as people read them, a column at a time: 123456 minor units at scale 2 are "1234.56". 数字写法"""

from typing import Final

import polars as pl

from nostro.kernel.money import currency_scale

DIRECTIONS_ZH: Final = {"receive": "收券付款", "deliver": "付券收款"}


def scale_of(currencies: pl.Series) -> pl.Series:
    """The decimals of each currency code. Refuses what is no code, as `money.currency_scale` does."""
    codes = currencies.drop_nulls().unique()
    scales = pl.Series([currency_scale(code) for code in codes.to_list()], dtype=pl.Int64)
    return currencies.replace_strict(codes, scales, return_dtype=pl.Int64).cast(pl.Int64)


def decimal_text(minor: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """Exact decimal text with all decimals of the scale, null for null; the same figures as `money.from_minor`."""
    digits = minor.cast(pl.Int128).abs().cast(pl.String).str.zfill(scale + 1)
    units = digits.str.len_chars().cast(pl.Int64) - scale
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    point = pl.when(scale > 0).then(pl.lit(".")).otherwise(pl.lit(""))
    return sign + digits.str.head(units) + point + digits.str.slice(units)
