"""The fictitious world is well formed, and never anybody's real data."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.messages.identifiers import bic_fault, isin_fault, lei_fault
from nostro.reference.rules import calendars as nostro_calendars
from nostro_street import calendars, faults, netting, trading, world

DAY = date(2026, 10, 13)


def test_every_identifier_is_valid_and_visibly_fictitious() -> None:
    parties = world.parties()
    bics = {*parties["bic"], world.UNKNOWN_BIC}
    assert {bic for bic in bics if bic_fault(bic)} == set()
    assert all(bic.startswith("FC") for bic in bics)
    leis = [*parties["lei"], *world.entities()["lei"]]
    assert {lei for lei in leis if lei_fault(lei)} == set()
    assert len(set(parties["lei"])) == parties.height == len(bics) - 1
    isins = world.instruments(7, DAY, 1_000_000)["isin"]
    assert {isin for isin in isins if isin_fault(isin)} == set()
    assert isins.n_unique() == len(isins)
    assert isins.str.contains("FCT").all()


def test_a_foreign_calendar_of_the_same_data_gives_the_same_settlement_dates() -> None:
    """Nostro has written the rule apart from the street: over a year they must not differ in a single date."""
    day = date(2026, 1, 1)
    for market in world.MARKETS:
        for trade_date in (day + timedelta(days=n) for n in range(350)):
            if calendars.is_session(market.mic, trade_date):
                ours = calendars.settle_date(market.mic, market.bank_calendar, trade_date, market.cycle_days)
                theirs = nostro_calendars.settle_date(trade_date, market.cycle_days, market.mic, market.bank_calendar)
                assert ours == theirs, (market.mic, trade_date)
            else:
                assert not nostro_calendars.is_open(market.mic, trade_date)


@pytest.mark.parametrize(
    ("mic", "trade_date", "expected"),
    [
        # Columbus Day, 12 October: the exchange of New York is open, the Fed is not.
        ("XNYS", date(2026, 10, 9), date(2026, 10, 13)),
        ("XNYS", date(2026, 10, 12), date(2026, 10, 13)),
        ("XETR", date(2026, 10, 9), date(2026, 10, 13)),
        # Saturday 10 October: banks in China make up for the holiday, the exchange does not.
        ("XSHG", date(2026, 10, 9), date(2026, 10, 12)),
        ("XHKG", date(2026, 10, 16), date(2026, 10, 21)),
    ],
)
def test_settlement_dates_by_hand(mic: str, trade_date: date, expected: date) -> None:
    market = world.BY_MIC[mic]
    assert calendars.settle_date(mic, market.bank_calendar, trade_date, market.cycle_days) == expected


def test_a_trade_on_a_day_without_trading_has_no_settlement_date() -> None:
    with pytest.raises(ValueError, match="was shut"):
        calendars.settle_date("XSHG", "CN", date(2026, 10, 10), 1)


@pytest.mark.parametrize("day", [DAY, date(2026, 10, 2), date(2026, 10, 20), date(2026, 4, 7), date(2026, 9, 8)])
def test_executions_are_unsettled_done_on_trading_days_and_near_the_market(day: date) -> None:
    instruments = world.instruments(7, day, 3000)
    drawn = trading.executions(7, day, 3000, instruments)
    assert drawn["exec_id"].n_unique() == 3000
    assert (drawn["settle_date"] >= day).all()
    for mic, trade_date in drawn.select("mic", "trade_date").unique().rows():
        assert calendars.is_session(mic, trade_date)
    near = drawn.join(instruments, on="isin").select(
        ((pl.col("price_micro") - pl.col("close_micro")).abs() * 100 <= pl.col("close_micro")).all()
    )
    assert near.item()


def test_two_in_three_executions_settle_on_the_day() -> None:
    drawn = trading.executions(7, DAY, 20_000, world.instruments(7, DAY, 20_000))
    assert 0.63 < drawn.select((pl.col("settle_date") == DAY).mean()).item() < 0.67


def slow_netting(trades: list[tuple[str, str, int, int]]) -> set[tuple[str, str, int, int, int]]:
    """(isin, direction, units, cash, trades): the rule as a clerk would do it by hand."""
    found = set()
    for isin in {trade[0] for trade in trades}:
        mine = [trade for trade in trades if trade[0] == isin]
        received = sum(units if side == "buy" else -units for _, side, units, _ in mine)
        paid = sum(cash if side == "buy" else -cash for _, side, _, cash in mine)
        if received > 0 and paid > 0:
            found.add((isin, "receive", received, paid, len(mine)))
        elif received < 0 and paid < 0:
            found.add((isin, "deliver", -received, -paid, len(mine)))
        else:
            for side, direction in (("buy", "receive"), ("sell", "deliver")):
                part = [trade for trade in mine if trade[1] == side]
                if part:
                    found.add((isin, direction, sum(t[2] for t in part), sum(t[3] for t in part), len(part)))
    return found


TRADES = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(1, 9)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(TRADES)
def test_obligations_are_those_a_clerk_would_find(trades: list[tuple[str, str, int, int]]) -> None:
    frame = pl.DataFrame(
        trades, schema={"isin": pl.String, "side": pl.String, "units": pl.Int64, "gross_minor": pl.Int64}, orient="row"
    ).with_columns(entity=pl.lit("EUB"), ccp_bic=pl.lit("C"), settle_date=pl.lit(DAY), currency=pl.lit("EUR"))
    found = netting.obligations(frame).select("isin", "direction", "units", "cash_minor", "trades")
    assert set(found.rows()) == slow_netting(trades)


def test_the_page_of_faults_is_the_one_the_command_writes() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
    assert page.read_text("utf-8") == faults.table()


def test_fault_kinds_are_chosen_by_name_and_all_unknown_names_are_refused_at_once() -> None:
    assert faults.chosen_kinds("none") == []
    assert faults.chosen_kinds("all") == list(faults.KINDS)
    assert faults.chosen_kinds("price_wild, ssi_missing") == ["ssi_missing", "price_wild"]
    with pytest.raises(ValueError, match="first, second"):
        faults.chosen_kinds("first,price_wild,second")


def test_the_street_knows_nothing_of_nostro_but_messages_and_kernel() -> None:
    code = (
        "import sys, nostro_street.__main__\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('nostro.')}\n"
        "assert rooms == {'messages', 'kernel'}, rooms\n"
        "assert not {'django', 'psycopg'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
