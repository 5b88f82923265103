"""Amounts as texts for the facts of a break, a column at a time. 金额文本"""

import polars as pl

from nostro.departments.accounting.rules.scales import of_currency


def money_text(minor: pl.Expr, currencies: pl.Series) -> pl.Expr:
    """Whole minor units of the currency in column `currency` as people write them: -1234567 EUR is "-12345.67".

    Null stays null. What is no currency code counts as two decimals, since a break must not hide behind it.
    """
    codes = currencies.filter(currencies.str.contains("^[A-Z]{3}$"))
    return decimal_text(minor, of_currency("currency", codes).fill_null(2))


def decimal_text(whole: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """Whole units of a scale as a decimal with all its digits."""
    wide = whole.cast(pl.Int128)
    digits = wide.abs().cast(pl.String).str.zfill(scale + 1)
    sign = pl.when(wide < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    point = pl.when(scale > 0).then(pl.lit(".")).otherwise(pl.lit(""))
    return sign + digits.str.head(digits.str.len_bytes().cast(pl.Int64) - scale) + point + digits.str.tail(scale)
