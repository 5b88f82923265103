"""Quantity x price, a column at a time, against the slow one-by-one function."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.frames import checked_minor, gross_minor
from nostro.kernel.money import INT64_MAX, INT64_MIN, cash_minor, currency_scale

CURRENCIES = ["EUR", "JPY", "KWD", "CLF"]


def _gross(rows: list[tuple[int, int, str]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"quantity": pl.Int64, "price": pl.Int64, "currency": pl.String}, orient="row")
    scale = pl.col("currency").replace_strict({c: currency_scale(c) for c in CURRENCIES}, return_dtype=pl.Int64)
    wide = frame.select(gross=gross_minor(pl.col("quantity"), pl.col("price"), scale))
    return checked_minor(wide, "gross")


@pytest.mark.parametrize(
    ("quantity_micro", "price_micro", "currency", "minor"),
    [
        (1_000_000, 4_999, "EUR", 0),
        (1_000_000, 5_000, "EUR", 1),
        (-1_000_000, 5_000, "EUR", -1),
        (3_000_000, 500_000, "JPY", 2),
        (1_000_000, 1_234_500, "KWD", 1_235),
        (1_000_000, 1_000_050, "CLF", 10_001),
        (0, 5_000, "EUR", 0),
    ],
)
def test_a_half_of_a_minor_unit_rounds_away_from_zero(quantity_micro, price_micro, currency, minor):
    assert _gross([(quantity_micro, price_micro, currency)])["gross"].to_list() == [minor]


@settings(deadline=None)  # the first example pays for imports and compilation
@given(
    st.lists(
        st.tuples(st.integers(-(10**12), 10**15), st.integers(-(10**6), 10**12), st.sampled_from(CURRENCIES)),
        max_size=30,
    )
)
def test_a_column_of_products_equals_the_products_one_by_one(rows):
    kept = [row for row in rows if abs(row[0] * row[1]) < 10**26]
    assert _gross(kept)["gross"].to_list() == [cash_minor(*row) for row in kept]


def test_a_product_beyond_64_bits_is_named_and_never_wrapped():
    with pytest.raises(OverflowError, match="gross is 8507059173023461584739690778 minor"):
        _gross([(INT64_MAX, INT64_MAX, "EUR")])
    with pytest.raises(OverflowError, match="gross is -8507059173023461585662027982 minor"):
        _gross([(INT64_MIN, INT64_MAX, "EUR")])
