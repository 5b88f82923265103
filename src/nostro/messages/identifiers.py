"""Is an ISIN, LEI or BIC well formed? Form, country and check digit only. 证券代码校验

Whether it exists, a directory says.
Sources: ISO 6166 (ISIN), ISO 17442 with ISO 7064 mod 97-10 (LEI), ISO 9362 (BIC), by python-stdnum.
"""

import re
from collections.abc import Callable
from typing import Final

import polars as pl
from stdnum import bic, isin, lei
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError

_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI: Final = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")


def isin_fault(text: str) -> str | None:
    """What is wrong with an ISIN: "form", "country" or "check_digit"; null when nothing is.

    Capital letters and no spaces, as on the wire. Codes beside the countries are accepted where ISO 6166 agencies use
    them: XS, EU, XA and their like.
    """
    return _fault(text, _ISIN, isin.validate)


def lei_fault(text: str) -> str | None:
    """What is wrong with an LEI: "form" or "check_digit"; null when nothing is. It names no country."""
    return _fault(text, _LEI, lei.validate)


def bic_fault(text: str) -> str | None:
    """What is wrong with a BIC of 8 or 11 characters: "form" or "country"; null when nothing is."""
    if _BIC.fullmatch(text) is None:
        return "form"
    # ISO 9362:2014 allows digits in the first four characters, which the library still refuses.
    return _fault("AAAA" + text[4:], _BIC, bic.validate)


def isin_faults(series: pl.Series) -> pl.Series:
    """`isin_fault` of a column: null where valid, "form" where nothing stands. Each different value is judged once."""
    different = series.drop_nulls().unique()
    verdicts = pl.DataFrame(
        {"value": different, "fault": pl.Series([isin_fault(text) for text in different.to_list()], dtype=pl.String)}
    )
    joined = series.to_frame("value").join(verdicts, on="value", how="left", maintain_order="left")
    return joined.select(
        pl.when(pl.col("value").is_null()).then(pl.lit("form")).otherwise(pl.col("fault")).alias(series.name)
    ).to_series()


def _fault(text: str, form: re.Pattern[str], validate: Callable[[str], str]) -> str | None:
    # The library forgives spaces, hyphens and small letters; a message must not, so the form is ours.
    if form.fullmatch(text) is None:
        return "form"
    try:
        validate(text)
    except InvalidComponent:
        return "country"
    except InvalidChecksum:
        return "check_digit"
    except ValidationError:
        return "form"
    return None
