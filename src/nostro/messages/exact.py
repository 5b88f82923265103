"""Decimals as text and as whole numbers, a column at a time, never rounded and never a float. 精确小数"""

from typing import Final

import polars as pl

from nostro.kernel.money import INT64_MAX, INT64_MIN

WHOLE_DIGITS_MAX: Final = 19
"""Digits before the point beyond which nothing fits 64 bits, whatever the scale. It keeps Int128 from overflowing."""


def scaled(text: pl.Expr, scale: int) -> pl.Expr:
    """A decimal's text x 10^scale, as Int128. Decimals beyond the scale are cut: whoever minds them asks `decimals`.

    The text is a decimal already: digits, perhaps a sign before and a point among them. Null when it is too long.
    """
    digits = text.str.strip_chars_start("+-").str.splitn(".", 2)
    units = _whole(digits.struct.field("field_0").str.strip_chars_start("0"))
    small = _whole(digits.struct.field("field_1").fill_null("").str.head(scale).str.pad_end(scale, "0")) if scale else 0
    return (units * 10**scale + small) * pl.when(text.str.starts_with("-")).then(-1).otherwise(1).cast(pl.Int128)


def whole_digits(text: pl.Expr) -> pl.Expr:
    """How many digits stand before the point of a decimal's text, leading zeros apart."""
    return text.str.strip_chars_start("+-0").str.splitn(".", 2).struct.field("field_0").str.len_bytes()


def decimals(text: pl.Expr) -> pl.Expr:
    """How many decimals a decimal's text needs: trailing zeros apart, "1.50" needs one."""
    return text.str.splitn(".", 2).struct.field("field_1").fill_null("").str.strip_chars_end("0").str.len_bytes()


def fits_64_bits(text: pl.Expr, scale: int) -> pl.Expr:
    """Whether `scaled` of this text, cast to Int64, is that number. False where there is none."""
    fits = (whole_digits(text) <= WHOLE_DIGITS_MAX) & scaled(text, scale).is_between(INT64_MIN, INT64_MAX)
    return fits.fill_null(False)


def decimal_text(value: pl.Expr, scale: int) -> pl.Expr:
    """The text of whole numbers x 10^-scale with all its decimals: 150 at scale 2 is "1.50"."""
    digits = value.cast(pl.Int128).abs().cast(pl.String).str.zfill(scale + 1)
    if scale:
        digits = digits.str.head(-scale) + "." + digits.str.tail(scale)
    return pl.when(value.is_not_null()).then(pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit("")) + digits)


def _whole(digits: pl.Expr) -> pl.Expr:
    return pl.when(digits == "").then(pl.lit("0")).otherwise(digits).cast(pl.Int128, strict=False)
