"""A trade is confirmed by a confirmation that says the same, and by none other."""

import json
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.trades.rules import confirm

SIDE = {
    "order_id": "O1", "isin": "DE0007164600", "side": "buy", "quantity_micro": 100_000_000, "currency": "EUR",
    "trade_date": date(2026, 10, 13), "settle_date": date(2026, 10, 15), "counterparty_bic": "FCBKDEFFXXX",
    "net_minor": 500_000,
}  # fmt: skip


def _confirm(trades: list[dict], confirms: list[dict], tolerances=confirm.NO_TOLERANCE):
    ours = pl.DataFrame([{"id": n, "exec_id": f"X{n}", **SIDE, **t} for n, t in enumerate(trades, 1)])
    theirs = [{"message": 100 + n, "confirm_id": f"C{n}", **SIDE, **c} for n, c in enumerate(confirms, 1)]
    schema = {"message": pl.Int64, "confirm_id": pl.String, **ours.select(*SIDE).schema}
    return confirm.confirm(ours, pl.DataFrame(theirs, schema=schema), tolerances)


def _outcome(trades: list[dict], confirms: list[dict], tolerances=confirm.NO_TOLERANCE) -> tuple[dict, dict]:
    agreed, refused = _confirm(trades, confirms, tolerances)
    return dict(agreed.select("id", "confirm_id").rows()), dict(refused.select("id", "reason").rows())


@pytest.mark.parametrize(
    "change",
    [
        {"isin": "US0378331005"},
        {"side": "sell"},
        {"quantity_micro": 90_000_000},
        {"currency": "USD"},
        {"trade_date": date(2026, 10, 12)},
        {"settle_date": date(2026, 10, 16)},
        {"counterparty_bic": "FCNODEFFXXX"},
        {"net_minor": 500_001},
        {"net_minor": 499_999},
    ],
)
def test_a_confirmation_that_says_anything_else_differs(change):
    assert _outcome([{}], [change]) == ({}, {1: "confirm_differs"})


def test_a_trade_nobody_confirmed_is_missing_its_confirmation_and_a_stranger_changes_nothing():
    assert _outcome([{}], [{"order_id": "O2"}]) == ({}, {1: "confirm_missing"})


def test_the_tolerance_is_the_currencys_own_and_includes_its_end():
    assert _outcome([{}], [{"net_minor": 500_200}], {"EUR": 200}) == ({1: "C1"}, {})
    assert _outcome([{}], [{"net_minor": 500_201}], {"EUR": 200}) == ({}, {1: "confirm_differs"})
    assert _outcome([{}], [{"net_minor": 500_200}], {"USD": 200}) == ({}, {1: "confirm_differs"})


def test_the_last_word_counts_whichever_way_it_goes():
    wrong, right = {"net_minor": 1}, {}
    assert _outcome([{}], [wrong, right]) == ({1: "C2"}, {})
    assert _outcome([{}], [right, wrong]) == ({}, {1: "confirm_differs"})


def test_fills_of_one_order_take_one_confirmation_each():
    fills = [{"net_minor": 500_000}, {"net_minor": 500_100}, {"net_minor": 500_000}]
    told = [{"net_minor": 500_100}, {"net_minor": 500_000}]
    assert _outcome(fills, told) == ({1: "C2", 2: "C1"}, {3: "confirm_missing"})
    assert _outcome(fills, [*told, {"net_minor": 7}]) == ({1: "C2", 2: "C1"}, {3: "confirm_differs"})


def test_a_difference_is_told_as_ours_and_theirs():
    _, refused = _confirm([{}], [{"quantity_micro": 90_500_000, "net_minor": 450_005}])
    row = refused.row(0, named=True)
    assert json.loads(row["facts"]) == {
        "exec_id": "X1",
        "order_id": "O1",
        "counterparty": "FCBKDEFFXXX",
        "confirm_id": "C1",
        "differences": "quantity 100 / 90.5; net 5000.00 / 4500.05",
    }
    assert (row["subject"], row["money_minor"], row["currency"]) == ("execution/X1", 500_000, "EUR")
    yen = {"currency": "JPY", "net_minor": 5}
    _, refused = _confirm([yen], [{**yen, "net_minor": 0}])
    assert json.loads(refused["facts"][0])["differences"] == "net 5 / 0"


@settings(deadline=None)  # the first example pays for imports and compilation
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from([1, 2])), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from([1, 2])), max_size=8),
)
def test_each_trade_has_one_outcome_and_no_confirmation_serves_two(trades, confirms):
    ours = [{"order_id": order, "net_minor": net} for order, net in trades]
    theirs = [{"order_id": order, "net_minor": net} for order, net in confirms]
    agreed, refused = _outcome(ours, theirs)
    assert sorted([*agreed, *refused]) == list(range(1, len(trades) + 1))
    assert len(set(agreed.values())) == len(agreed)
    for number, confirm_id in agreed.items():
        assert confirms[int(confirm_id[1:]) - 1] == trades[number - 1]
