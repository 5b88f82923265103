"""Netting: many trades, one obligation, nothing lost."""

from collections import defaultdict
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.clearing.rules import netting

CCP, PLACE, MIC = "FCCPDEFFXXX", "FCSDDEFFXXX", "XETR"


def trades(rows: list[tuple[str, str, int, int, int]]) -> pl.DataFrame:
    """(isin, side, quantity, gross minor, settle day) -> the columns netting reads; trade ids count from 1."""
    return pl.DataFrame(
        [
            {
                "trade": number,
                "ccp_bic": CCP,
                "place_bic": PLACE,
                "mic": MIC,
                "instrument_id": 1001 + ord(isin[0]),
                "isin": isin,
                "currency": "EUR",
                "trade_date": date(2026, 10, 9 + number % 3),
                "settle_date": date(2026, 10, day),
                "side": side,
                "quantity": quantity,
                "gross_minor": gross,
            }
            for number, (isin, side, quantity, gross, day) in enumerate(rows, 1)
        ],
        schema_overrides={"instrument_id": pl.Int64},
    )


def slow(rows: list[tuple[str, str, int, int, int]]) -> list[tuple[str, int, int, int, int]]:
    """The obvious twin: (isin, day, quantity, cash, trades), signed, ordered."""
    groups = defaultdict(list)
    for isin, side, quantity, gross, day in rows:
        sign = 1 if side == "buy" else -1
        groups[isin, day].append((side, sign * quantity, -sign * gross))
    found = []
    for (isin, day), members in sorted(groups.items()):
        quantity, cash = sum(m[1] for m in members), sum(m[2] for m in members)
        runs_against = (quantity > 0 and cash < 0) or (quantity < 0 and cash > 0)
        for part in [members] if runs_against else [[m for m in members if m[0] == s] for s in ("buy", "sell")]:
            found.append((isin, day, sum(m[1] for m in part), sum(m[2] for m in part), len(part)))
    return found


def fast(rows: list[tuple[str, str, int, int, int]]) -> list[tuple[str, int, int, int, int]]:
    nets = netting.net(trades(rows)).nets
    return [
        (r["isin"], r["settle_date"].day, r["quantity"], r["cash_minor"], r["trades"])
        for r in nets.iter_rows(named=True)
    ]


TRADES = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 4) | st.integers(1, 10**15),
        st.integers(1, 4) | st.integers(1, 10**15),
        st.integers(13, 14),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize(
    ("case", "rows", "expected"),
    [
        ("a single buy is its own net", [("A", "buy", 10, 100, 13)], [("A", 13, 10, -100, 1)]),
        (
            "a buy and a smaller sell become one receipt",
            [("A", "buy", 10, 100, 13), ("A", "sell", 4, 41, 13)],
            [("A", 13, 6, -59, 2)],
        ),
        (
            "another settlement date is another obligation",
            [("A", "buy", 10, 100, 13), ("A", "sell", 4, 41, 14)],
            [("A", 13, 10, -100, 1), ("A", 14, -4, 41, 1)],
        ),
        (
            "we would receive both: not formed",
            [("A", "buy", 10, 100, 13), ("A", "sell", 9, 101, 13)],
            [("A", 13, 10, -100, 1), ("A", 13, -9, 101, 1)],
        ),
        (
            "we would pay both: not formed",
            [("A", "buy", 9, 101, 13), ("A", "sell", 10, 100, 13)],
            [("A", 13, 9, -101, 1), ("A", 13, -10, 100, 1)],
        ),
        (
            "securities cancel, cash does not: not formed",
            [("A", "buy", 10, 100, 13), ("A", "sell", 10, 101, 13)],
            [("A", 13, 10, -100, 1), ("A", 13, -10, 101, 1)],
        ),
        (
            "cash cancels, securities do not: not formed",
            [("A", "buy", 10, 100, 13), ("A", "sell", 9, 100, 13)],
            [("A", 13, 10, -100, 1), ("A", 13, -9, 100, 1)],
        ),
        (
            "both cancel exactly: still two obligations",
            [("A", "buy", 10, 100, 13), ("A", "sell", 10, 100, 13)],
            [("A", 13, 10, -100, 1), ("A", 13, -10, 100, 1)],
        ),
    ],
)
def test_trades_become_obligations(case, rows, expected):
    assert fast(rows) == expected, case
    assert slow(rows) == expected, case


@settings(deadline=None)
@given(TRADES)
def test_the_fast_netting_equals_the_slow_one(rows):
    assert fast(rows) == slow(rows)


@settings(deadline=None)
@given(TRADES)
def test_netting_makes_and_loses_nothing(rows):
    nets = netting.net(trades(rows)).nets
    signed = [(q if side == "buy" else -q, -g if side == "buy" else g) for _, side, q, g, _ in rows]
    assert nets["quantity"].cast(pl.Int128).sum() == sum(q for q, _ in signed)
    assert nets["cash_minor"].cast(pl.Int128).sum() == sum(c for _, c in signed)
    assert nets["trades"].sum() == len(rows)


@settings(deadline=None)
@given(TRADES)
def test_every_obligation_can_be_delivered_against_payment(rows):
    nets = netting.net(trades(rows)).nets
    assert all((q > 0) == (c < 0) and q and c for q, c in nets.select("quantity", "cash_minor").iter_rows())


@settings(deadline=None)
@given(TRADES, st.randoms())
def test_the_order_of_arrival_changes_nothing(rows, random):
    frame = trades(rows)
    order = list(range(frame.height))
    random.shuffle(order)
    once, again = netting.net(frame), netting.net(frame[order])
    assert once.nets.equals(again.nets)
    assert once.members.equals(again.members)


@settings(deadline=None)
@given(TRADES.filter(lambda rows: any(q > 1 and g > 1 for _, _, q, g, _ in rows)))
def test_a_trade_in_two_parts_nets_like_the_whole(rows):
    place = next(i for i, (_, _, q, g, _) in enumerate(rows) if q > 1 and g > 1)
    isin, side, quantity, gross, day = rows[place]
    parts = [(isin, side, 1, 1, day), (isin, side, quantity - 1, gross - 1, day)]
    whole, split = fast(rows), fast(rows[:place] + parts + rows[place + 1 :])
    assert [r[:4] for r in whole] == [r[:4] for r in split]


@settings(deadline=None)
@given(TRADES)
def test_every_net_explains_itself_back_to_its_trades(rows):
    frame = trades(rows)
    result = netting.net(frame)
    assert result.members["trade"].to_list() == list(range(1, len(rows) + 1)), "each trade is in exactly one net"
    for number, one in enumerate(result.nets.iter_rows(named=True)):
        its = frame.filter(pl.col("trade").is_in(result.members.filter(net=number)["trade"].implode()))
        sign = [1 if side == "buy" else -1 for side in its["side"]]
        assert one["quantity"] == sum(s * q for s, q in zip(sign, its["quantity"], strict=True))
        assert one["cash_minor"] == sum(-s * g for s, g in zip(sign, its["gross_minor"], strict=True))
        assert one["trades"] == its.height
        assert one["trade_date"] == its["trade_date"].max()
        assert its.select(netting.KEY).unique().rows() == [tuple(one[name] for name in netting.KEY)]


def test_a_sum_that_does_not_fit_is_named_and_never_wraps():
    with pytest.raises(OverflowError, match="quantity"):
        netting.net(trades([("A", "buy", 2**62, 1, 13), ("A", "buy", 2**62, 1, 13)]))


def test_no_trades_no_nets():
    result = netting.net(trades([("A", "buy", 1, 1, 13)]).clear())
    assert result.nets.is_empty()
    assert result.members.is_empty()
