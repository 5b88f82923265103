"""Named calendars of exchanges and banks, and the settlement date of a trade. 日历与交收日

A trade settles on the n-th day on which both its exchange and its bank calendar are open: New York's exchange is shut
on Good Friday when the Fed is open, and open on Columbus Day when the Fed is shut.
Sources: exchange_calendars for exchanges; `holidays` for TARGET (its long-term calendar), the Federal Reserve, banks
of England and of Hong Kong; chinese_calendar for mainland banks, whose make-up Saturdays and Sundays (调休) are working
days. A calendar knows the years below and no more. Past them it refuses: libraries answer wrongly there, silently.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Final

import polars as pl

from nostro.kernel.refusals import Refusal, Refused

EXCHANGES: Final = {
    "XNYS": (1990, 2028),
    "XETR": (1999, 2027),
    "XLON": (1990, 2027),
    "XHKG": (1990, 2027),
    "XSHG": (1991, None),
}
"""Exchange -> first and last year whose closings are announced; null where the library knows its own end."""
BANKS: Final = {"TARGET": (1999, 2030), "US": (1999, 2030), "GB": (1990, 2027), "HK": (1998, 2027), "CN": (2004, None)}
"""Bank calendar -> the same. The Federal Reserve publishes five years, London and Hong Kong one or two ahead."""

WANTED: Final = pl.Schema(
    {
        "mic": pl.String,
        "trade_date": pl.Date,
        "cycle_days": pl.Int64,
        "exchange_calendar": pl.String,
        "bank_calendar": pl.String,
    }
)
SETTLES: Final = pl.Schema({"mic": pl.String, "trade_date": pl.Date, "settle_date": pl.Date, "fault": pl.String})


def open_days(calendar: str, first: date, last: date) -> tuple[date, ...]:
    """The days from `first` to `last`, both included, on which the calendar is open, in order.

    Refuses, as calendar_unknown, a name that is no calendar and a year it does not know.
    """
    days = (day for year in range(first.year, last.year + 1) for day in sorted(_year(calendar, year)))
    return tuple(day for day in days if first <= day <= last)


def is_open(calendar: str, day: date) -> bool:
    """Whether the calendar is open that day. Refuses as `open_days` does."""
    return day in _year(calendar, day.year)


def settle_date(trade_date: date, cycle_days: int, exchange: str, bank: str) -> date:
    """The day on which a trade settles: the n-th after it that is open in both calendars; T+0 the first from it on.

    Refuses trade_on_holiday when the exchange was shut on the trade date, and calendar_unknown as `open_days` does.
    Source: FINRA Notice 95-77 (Columbus Day is no settlement date); SEC Rule 15c6-1; CSDR Art. 5(2).
    """
    assert 0 <= cycle_days <= 5, "market_cycle_0_to_5"
    if not is_open(exchange, trade_date):
        facts = {"calendar": exchange, "day": trade_date.isoformat()}
        raise Refused(Refusal("trade_on_holiday", f"calendar/{exchange}", facts=facts))
    day = trade_date if cycle_days == 0 else trade_date + timedelta(days=1)
    left = max(cycle_days, 1)
    while True:
        left -= is_open(exchange, day) and is_open(bank, day)
        if not left:
            return day
        day += timedelta(days=1)


def settle_dates(wanted: pl.DataFrame) -> pl.DataFrame:
    """SETTLES for each row of WANTED, in order: the date, or the name of what is wrong. Give each once: it loops."""
    return pl.DataFrame(list(_settled(wanted.select(*WANTED).rows())), schema=SETTLES, orient="row")


def _settled(rows: Iterable[tuple[str, date, int, str, str]]) -> Iterable[tuple[str, date, date | None, str | None]]:
    for mic, trade_date, cycle_days, exchange, bank in rows:
        try:
            yield mic, trade_date, settle_date(trade_date, cycle_days, exchange, bank), None
        except Refused as error:
            yield mic, trade_date, None, error.refusals[0].reason


@cache
def _year(calendar: str, year: int) -> frozenset[date]:
    """The open days of a year."""
    first, last = EXCHANGES.get(calendar) or BANKS.get(calendar) or (1, 0)
    if year < first or (last is not None and year > last):
        raise _unknown(calendar, year)
    return _sessions(calendar, year) if calendar in EXCHANGES else _banking_days(calendar, year)


def _sessions(exchange: str, year: int) -> frozenset[date]:
    # Imported here: it brings pandas and a second of waiting, which no command but a settlement date should pay.
    import exchange_calendars

    try:
        # Both ends are given since its defaults move with the day on which the process runs.
        sessions = exchange_calendars.get_calendar(exchange, start=f"{year}-01-01", end=f"{year}-12-31").sessions
    except ValueError:
        raise _unknown(exchange, year) from None
    return frozenset(session.date() for session in sessions)


def _banking_days(bank: str, year: int) -> frozenset[date]:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    days = [day for day in days if day.year == year]
    if bank == "CN":
        import chinese_calendar

        try:
            return frozenset(day for day in days if chinese_calendar.is_workday(day))
        except NotImplementedError:
            raise _unknown(bank, year) from None
    import holidays

    shut = {
        "TARGET": lambda: holidays.financial_holidays("XECB", years=year),
        "US": lambda: holidays.financial_holidays("XFED", years=year),
        "GB": lambda: holidays.country_holidays("GB", subdiv="ENG", years=year),
        "HK": lambda: holidays.country_holidays("HK", years=year),
    }[bank]()
    return frozenset(day for day in days if day.weekday() < 5 and day not in shut)


def _unknown(calendar: str, year: int) -> Refused:
    return Refused(Refusal("calendar_unknown", f"calendar/{calendar}", facts={"calendar": calendar, "year": str(year)}))
