"""Valuation: what a position is worth, and what brings the books to it."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.accounting.rules import valuation
from nostro.kernel.money import cash_minor

POSITIONS = pl.Schema(
    {
        "book": pl.String,
        "isin": pl.String,
        "scale": pl.Int64,
        "quantity": pl.Int64,
        "currency": pl.String,
        "carrying_minor": pl.Int64,
    }
)
PRICES = pl.Schema({"isin": pl.String, "price_micro": pl.Int64, "currency": pl.String})


def _value(positions, prices):
    return valuation.value(
        pl.DataFrame(positions, schema=POSITIONS, orient="row"), pl.DataFrame(prices, schema=PRICES, orient="row")
    )


def test_a_position_is_worth_quantity_times_price_and_the_change_brings_the_books_to_it():
    # book, isin, decimals, quantity, currency, carrying                     | price        | value, change
    table = [
        (("B", "LONG", 0, 100, "EUR", 900_00), 10_000_000, (1_000_00, 100_00)),
        (("B", "SHORT", 0, -100, "EUR", -900_00), 10_000_000, (-1_000_00, -100_00)),
        (("B", "FRACTION", 3, 1_500, "EUR", 0), 10_000_000, (15_00, 15_00)),
        (("B", "YEN", 0, 3, "JPY", 0), 500_000, (2, 2)),
        (("B", "HALF", 0, 1, "EUR", 0), 5_000, (1, 1)),
        (("B", "SHORTHALF", 0, -1, "EUR", 0), 5_000, (-1, -1)),
        (("B", "SOLD", 0, 0, "EUR", -25_00), 10_000_000, (0, 25_00)),
        (("B", "GONE", 0, 0, "EUR", -25_00), None, (0, 25_00)),
    ]
    prices = [(p[1], price, p[4]) for p, price, _ in table if price is not None]
    valued, unpriced, refused = _value([p for p, _, _ in table], prices)
    assert valued.select("value_minor", "change_minor").rows() == [expected for _, _, expected in table]
    assert (unpriced.height, refused.height) == (0, 0)


def test_a_position_without_a_price_in_its_currency_is_not_valued():
    positions = [("B", "A", 0, 1, "EUR", 0), ("B", "C", 0, 1, "EUR", 0)]
    valued, unpriced, _ = _value(positions, [("C", 1_000_000, "USD")])
    assert (valued.height, unpriced["isin"].to_list()) == (0, ["A", "C"])


def test_a_value_beyond_64_bits_is_refused_and_stops_no_other():
    positions = [("B", "HUGE", 0, 2**62, "EUR", 0), ("B", "C", 0, 1, "EUR", 0)]
    valued, _, refused = _value(positions, [("HUGE", 10**12, "EUR"), ("C", 1_000_000, "EUR")])
    assert valued["isin"].to_list() == ["C"]
    assert refused.select("reason", "subject").rows() == [("value_too_large", "position/B/HUGE")]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 10**9), st.integers(-(10**12), 10**12)), max_size=20
    )
)
def test_valued_twice_the_second_change_is_nothing(rows):
    positions = [("B", f"I{n}", 0, quantity, "EUR", carrying) for n, (quantity, _, carrying) in enumerate(rows)]
    prices = [(f"I{n}", price, "EUR") for n, (_, price, _) in enumerate(rows)]
    first, _, _ = _value(positions, prices)
    assert first["value_minor"].to_list() == [cash_minor(q * 1_000_000, p, "EUR") for q, p, _ in rows]
    again, _, _ = valuation.value(
        first.select(POSITIONS.names()).with_columns(carrying_minor=first["carrying_minor"] + first["change_minor"]),
        pl.DataFrame(prices, schema=PRICES, orient="row"),
    )
    assert set(again["change_minor"]) <= {0}
