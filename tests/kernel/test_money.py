"""Money is whole minor units: exact at the edge, refused when it is not, never wrapped."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nostro.kernel.money import (
    INT64_MAX,
    INT64_MIN,
    cash_minor,
    checked,
    currency_scale,
    from_minor,
    to_minor,
    written,
)

whole = st.integers(INT64_MIN, INT64_MAX)
scales = st.integers(0, 8)


@given(whole, scales)
def test_an_amount_comes_back_as_it_went(minor, scale):
    amount = from_minor(minor, scale)
    assert to_minor(amount, scale) == minor
    assert to_minor(str(amount), scale) == minor
    assert -amount.as_tuple().exponent == scale


@given(st.integers(-(10**30), 10**30), scales)
def test_an_amount_fits_64_bits_or_is_refused(minor, scale):
    amount = Decimal(minor).scaleb(-scale)
    if INT64_MIN <= minor <= INT64_MAX:
        assert to_minor(amount, scale) == minor
    else:
        with pytest.raises(OverflowError, match="fit 64 bits"):
            to_minor(amount, scale)


@pytest.mark.parametrize(
    ("amount", "scale", "minor"),
    [
        ("1.50", 2, 150),
        ("1.5", 2, 150),
        ("1.500", 2, 150),
        ("-0.01", 2, -1),
        ("1E3", 2, 100_000),
        ("1", 0, 1),
        ("0", 2, 0),
        ("-0", 2, 0),
        ("0E-50", 2, 0),
        ("9223372036854775807", 0, INT64_MAX),
        ("-9223372036854775808", 0, INT64_MIN),
    ],
)
def test_text_becomes_whole_minor_units(amount, scale, minor):
    assert to_minor(amount, scale) == minor


@pytest.mark.parametrize(
    ("amount", "scale", "error", "told"),
    [
        (1.5, 2, TypeError, "never a float"),
        ("1.505", 2, ValueError, "more than 2 decimals"),
        ("-0.001", 2, ValueError, "more than 2 decimals"),
        ("1,5", 2, ValueError, "not a number"),
        ("", 2, ValueError, "not a number"),
        ("NaN", 2, ValueError, "not a finite amount"),
        ("-Infinity", 2, ValueError, "not a finite amount"),
        ("9223372036854775808", 0, OverflowError, "64 bits"),
        ("92233720368547758.08", 2, OverflowError, "64 bits"),
        ("1E999999", 2, OverflowError, "64 bits"),
    ],
)
def test_what_is_not_an_exact_amount_is_refused_and_says_why(amount, scale, error, told):
    with pytest.raises(error, match=told):
        to_minor(amount, scale)


@pytest.mark.parametrize(
    ("currency", "scale"), [("EUR", 2), ("CNY", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("CLF", 4)]
)
def test_a_currency_has_the_decimals_of_iso_4217(currency, scale):
    assert currency_scale(currency) == scale


@pytest.mark.parametrize("currency", ["eur", "EU", "EURO", "E1R", "", "ÄUR", "€"])
def test_what_is_not_a_currency_code_is_refused(currency):
    with pytest.raises(ValueError, match="ISO 4217"):
        currency_scale(currency)


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "minor"),
    [
        (100, "12.345", "EUR", 123_450),
        (1, "0.005", "EUR", 1),
        (1, "0.004999", "EUR", 0),
        (1, "0.5", "JPY", 1),
        (1, "0.0005", "KWD", 1),
        (3, "33.333333", "EUR", 10_000),
    ],
)
def test_quantity_times_price_is_rounded_half_up_once(quantity, price, currency, minor):
    assert cash_minor(quantity * 1_000_000, to_minor(price, 6), currency) == minor


@given(st.integers(0, 10**15), st.integers(0, 10**10))
def test_cash_is_the_nearest_minor_unit(quantity_micro, price_micro):
    exact = quantity_micro * price_micro  # at twelve decimals; a cent is 10^10 of them
    if exact // 10**10 + 1 > INT64_MAX:
        with pytest.raises(OverflowError, match="64 bits"):
            cash_minor(quantity_micro, price_micro, "EUR")
    else:
        assert cash_minor(quantity_micro, price_micro, "EUR") == (exact + 5 * 10**9) // 10**10


@pytest.mark.parametrize("minor", [INT64_MAX + 1, INT64_MIN - 1])
def test_what_does_not_fit_is_shown(minor):
    with pytest.raises(OverflowError, match=str(minor)):
        checked(minor)


def test_people_read_thousands():
    assert (written(123_456_789, 2), written(-5, 2), written(1_000, 0)) == ("1,234,567.89", "-0.05", "1,000")
