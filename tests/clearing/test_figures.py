"""Figures as people read them are exact, whatever the scale."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.clearing.rules.figures import decimal_text, scale_of
from nostro.kernel.money import INT64_MAX, INT64_MIN, from_minor


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(INT64_MIN, INT64_MAX) | st.integers(-200, 200), st.integers(0, 6)), min_size=1))
def test_the_column_reads_like_the_single_figure(rows):
    frame = pl.DataFrame(rows, schema={"minor": pl.Int64, "scale": pl.Int64}, orient="row")
    texts = frame.select(decimal_text(pl.col("minor"), pl.col("scale"))).to_series().to_list()
    # `format` with "f" never turns to an exponent, as str() of a Decimal does for 0E-6.
    assert texts == [f"{from_minor(minor, scale):f}" for minor, scale in rows]


def test_currencies_have_their_own_decimals():
    assert scale_of(pl.Series(["EUR", "JPY", "KWD", None])).to_list() == [2, 0, 3, None]
    assert scale_of(pl.Series([], dtype=pl.String)).dtype == pl.Int64
