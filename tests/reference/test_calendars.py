"""Calendars: published examples of settlement dates, make-up days, and the end of what is known."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.refusals import Refused
from nostro.reference.rules import calendars

MARKETS = {"XNYS": "US", "XETR": "TARGET", "XLON": "GB", "XHKG": "HK", "XSHG": "CN"}


def _day(text: str) -> date:
    return date.fromisoformat(text)


def test_columbus_day_trades_settle_as_the_notice_says():
    # FINRA/NASD Notice 95-77 gives October 1995; October 2000 has the same weekdays, and the Fed's calendar reaches it.
    traded, settled = [2, 3, 4, 5, 6, 9, 10], [5, 6, 10, 11, 12, 12, 13]
    assert [calendars.settle_date(date(2000, 10, d), 3, "XNYS", "US") for d in traded] == [
        date(2000, 10, d) for d in settled
    ]


@pytest.mark.parametrize(
    ("mic", "cycle_days", "traded", "settled"),
    [
        ("XNYS", 1, "2026-10-09", "2026-10-13"),  # Columbus Day: the exchange is open, nothing settles
        ("XNYS", 1, "2026-10-12", "2026-10-13"),
        ("XNYS", 1, "2026-04-02", "2026-04-06"),  # Good Friday: the Fed is open, the exchange is not
        ("XETR", 2, "2027-10-08", "2027-10-12"),  # Regulation (EU) 2025/2075: the last day of T+2 and the first of T+1
        ("XETR", 1, "2027-10-11", "2027-10-12"),
        ("XSHG", 1, "2026-02-13", "2026-02-24"),  # over 春节, with its make-up Saturday
        ("XSHG", 1, "2026-09-30", "2026-10-08"),
        ("XSHG", 0, "2026-09-30", "2026-09-30"),
        ("XNYS", 0, "2026-10-12", "2026-10-13"),  # T+0 on a day on which only the exchange is open
    ],
)
def test_a_trade_settles_on_a_day_open_at_exchange_and_bank(mic, cycle_days, traded, settled):
    assert calendars.settle_date(_day(traded), cycle_days, mic, MARKETS[mic]) == _day(settled)


@pytest.mark.parametrize(
    "make_up_day",
    [
        *["2024-02-04", "2024-02-18", "2024-04-28", "2025-01-26", "2025-02-08", "2025-09-28"],
        *["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"],
    ],
)
def test_on_a_make_up_day_mainland_banks_work_and_the_exchange_does_not(make_up_day):
    assert calendars.is_open("CN", _day(make_up_day))
    assert not calendars.is_open("XSHG", _day(make_up_day))


def test_target_is_shut_on_the_five_weekdays_the_ecb_names():
    weekdays = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    shut = {d.isoformat() for d in weekdays if d.weekday() < 5} - {
        d.isoformat() for d in calendars.open_days("TARGET", date(2026, 1, 1), date(2026, 12, 31))
    }
    assert shut == {"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25"}


@pytest.mark.parametrize(
    ("calendar", "day"),
    [
        ("XSHG", "2027-02-08"),
        ("CN", "2027-02-08"),
        ("TARGET", "2031-01-02"),
        ("US", "1995-10-09"),  # the library's list begins in 1999 and would call Columbus Day open
        ("XETR", "2028-01-03"),
        ("XTKS", "2026-10-13"),
    ],
)
def test_a_day_beyond_what_is_published_is_refused_and_never_guessed(calendar, day):
    with pytest.raises(Refused) as refused:
        calendars.is_open(calendar, _day(day))
    assert [(r.reason, r.facts["calendar"]) for r in refused.value.refusals] == [("calendar_unknown", calendar)]


def test_a_batch_says_for_each_trade_date_when_it_settles_or_why_not():
    wanted = pl.DataFrame(
        [
            ("XNYS", _day("2026-10-09"), 1, "XNYS", "US"),
            ("XNYS", _day("2026-10-10"), 1, "XNYS", "US"),
            ("XSHG", _day("2026-12-31"), 1, "XSHG", "CN"),
            ("XSHG", _day("2026-12-30"), 1, "XSHG", "CN"),
        ],
        schema=calendars.WANTED,
        orient="row",
    )
    assert calendars.settle_dates(wanted).select("settle_date", "fault").rows() == [
        (_day("2026-10-13"), None),
        (None, "trade_on_holiday"),
        (None, "calendar_unknown"),
        (_day("2026-12-31"), None),
    ]


@settings(deadline=None)  # the first example pays for imports and compilation
@given(st.sampled_from(sorted(MARKETS)), st.dates(date(2024, 1, 2), date(2026, 11, 30)), st.integers(0, 4))
def test_a_longer_cycle_never_settles_earlier_and_always_on_an_open_day(mic, traded, cycle_days):
    bank = MARKETS[mic]
    if not calendars.is_open(mic, traded):
        with pytest.raises(Refused, match="trade_on_holiday"):
            calendars.settle_date(traded, cycle_days, mic, bank)
        return
    shorter, longer = (calendars.settle_date(traded, n, mic, bank) for n in (cycle_days, cycle_days + 1))
    assert traded <= shorter <= longer
    assert calendars.is_open(mic, shorter)
    assert calendars.is_open(bank, shorter)
    between = calendars.open_days(mic, traded + timedelta(days=1), shorter)
    counted = sum(calendars.is_open(bank, day) for day in between)
    assert counted == (cycle_days or shorter > traded)
