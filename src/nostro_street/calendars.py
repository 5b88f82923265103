"""When a trade settles: the n-th day after it that is open at the exchange and at the banks. 交收日

Sources: exchange_calendars for exchanges; `holidays` for TARGET, the Federal Reserve and the banks of England and of
Hong Kong; chinese_calendar for mainland banks, which work on make-up Saturdays when the exchange is shut.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

DAYS_BACK = 30
"""How far back trades of a day may have been done: longer than any closing of a market."""


def settle_date(exchange: str, bank: str, trade_date: date, cycle_days: int) -> date:
    """The settlement date. Refuses, with a ValueError, a day on which the exchange was shut and a year not known."""
    if not is_session(exchange, trade_date):
        raise ValueError(f"{exchange} was shut on {trade_date}")
    day, left = trade_date, cycle_days
    while left:
        day += timedelta(days=1)
        left -= is_session(exchange, day) and is_banking_day(bank, day)
    return day


def open_trade_dates(exchange: str, bank: str, cycle_days: int, day: date) -> dict[date, date]:
    """Trade date -> settlement date, of all trades that can be unsettled on the morning of `day`, today's included."""
    dates = (day - timedelta(days=back) for back in range(DAYS_BACK, -1, -1))
    settles = {d: settle_date(exchange, bank, d, cycle_days) for d in dates if is_session(exchange, d)}
    return {traded: settled for traded, settled in settles.items() if settled >= day}


def last_shut_day(exchange: str, day: date) -> date:
    """The last day before `day` on which the exchange was shut."""
    shut = day - timedelta(days=1)
    while is_session(exchange, shut):
        shut -= timedelta(days=1)
    return shut


def weekday_before(day: date) -> date:
    """The Monday to Friday before `day`: the price vendor's last close, whoever was shut."""
    return day - timedelta(days={0: 3, 6: 2}.get(day.weekday(), 1))


def is_session(exchange: str, day: date) -> bool:
    """Whether the exchange trades that day."""
    return day in _sessions(exchange, day.year)


def is_banking_day(bank: str, day: date) -> bool:
    """Whether the banks, and with them the CSD, work that day."""
    return day in _banking_days(bank, day.year)


@cache
def _sessions(exchange: str, year: int) -> frozenset[date]:
    import exchange_calendars  # brings pandas and a second of waiting, which the later phases need not pay

    try:
        calendar = exchange_calendars.get_calendar(exchange, start=f"{year}-01-01", end=f"{year}-12-31")
    except ValueError:
        raise ValueError(f"the sessions of {exchange} in {year} are not known: choose another --day") from None
    return frozenset(session.date() for session in calendar.sessions)


@cache
def _banking_days(bank: str, year: int) -> frozenset[date]:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    if bank == "CN":
        import chinese_calendar

        try:
            return frozenset(day for day in days if chinese_calendar.is_workday(day))
        except NotImplementedError:
            raise ValueError(
                f"the working days of mainland banks in {year} are not known: choose another --day"
            ) from None
    import holidays

    closings: dict[str, Callable[[], holidays.HolidayBase]] = {
        "TARGET": lambda: holidays.financial_holidays("XECB", years=year),
        "US": lambda: holidays.financial_holidays("XFED", years=year),
        "GB": lambda: holidays.country_holidays("GB", subdiv="ENG", years=year),
        "HK": lambda: holidays.country_holidays("HK", years=year),
    }
    shut = closings[bank]()
    return frozenset(day for day in days if day.weekday() < 5 and day not in shut)
