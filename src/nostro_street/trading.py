"""What the firms traded: executions that are unsettled on the morning of the day, and their allocations. 成交与分配"""

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.kernel.frames import checked_minor, filled, gross_minor
from nostro.kernel.money import MICRO
from nostro_street.calendars import open_trade_dates
from nostro_street.world import BY_MIC, CASH_SCALE, COUNTERPARTIES, FIRMS, Firm, chance

DUE_SHARE: Final = 0.65
"""Of executions whose settlement date is the day itself, where its calendars allow any."""
_WALK_STEPS: Final = 400
_WALK_MAX: Final = 0.0085  # with half a tick, an execution stays within 1 % of the close
_UNIT: Final = 10**MICRO

EXECUTIONS: Final = (
    "n",
    "entity",
    "exec_id",
    "order_id",
    "book",
    "isin",
    "side",
    "units",
    "price_micro",
    "gross_minor",
    "currency",
    "trade_date",
    "settle_date",
    "mic",
    "counterparty_bic",
    "ccp_bic",
    "transact_time",
)
"""Columns of `executions`: `n` is its row number; quantities are whole units; ccp_bic is null when it is bilateral."""


def executions(seed: int, day: date, trades: int, instruments: pl.DataFrame) -> pl.DataFrame:
    """All firms' executions in the order in which they were done, in the columns of EXECUTIONS."""
    counts = [round(trades * firm.share) for firm in FIRMS[1:]]
    counts = [trades - sum(counts), *counts]
    walks = _walks(seed, day, instruments.height)
    frames = [_of_firm(seed, day, firm, n, instruments, walks) for firm, n in zip(FIRMS, counts, strict=True) if n > 0]
    return with_gross(pl.concat(frames)).with_row_index("n").with_columns(pl.col("n").cast(pl.Int64)).select(EXECUTIONS)


def with_gross(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `gross_minor` for its units and price: what is paid for it."""
    gross = gross_minor(pl.col("units").cast(pl.Int128) * _UNIT, pl.col("price_micro"), pl.lit(CASH_SCALE))
    return checked_minor(frame.with_columns(gross_minor=gross), "gross_minor")


def allocations(seed: int, day: date, blocks: pl.DataFrame) -> pl.DataFrame:
    """Two allocations of each block execution, in whole units that add up, about 55 to 45: `n`, book, `part_units`."""
    rng = chance(seed, day, "allocations")
    firm = next(firm for firm in FIRMS if firm.block)
    first, second = (code for code, _, _, _ in firm.books)
    units = blocks["units"].to_numpy()
    part = np.clip(np.rint(units * rng.normal(0.55, 0.02, len(units))).astype(np.int64), 1, units - 1)
    parts = [
        blocks.with_columns(book=pl.lit(book), part_units=pl.Series(values, dtype=pl.Int64))
        for book, values in ((first, part), (second, units - part))
    ]
    return pl.concat(parts).sort("n", "book")


def _walks(seed: int, day: date, count: int) -> npt.NDArray[np.float64]:
    """How far each instrument stands from its close at each step of its trading: a small random walk."""
    steps = chance(seed, day, "walk").normal(0.0, 0.0006, (count, _WALK_STEPS))
    return np.clip(np.cumsum(steps, axis=1), -_WALK_MAX, _WALK_MAX)


def _of_firm(
    seed: int, day: date, firm: Firm, count: int, instruments: pl.DataFrame, walks: npt.NDArray[np.float64]
) -> pl.DataFrame:
    rng = chance(seed, day, f"executions of {firm.code}")
    mics = list(firm.markets)
    market_of = rng.choice(len(mics), count, p=list(firm.markets.values()))
    instrument = np.zeros(count, dtype=np.int64)
    lot, tick, minutes = (np.zeros(count, dtype=np.int64) for _ in range(3))
    traded = np.zeros(count, dtype="datetime64[D]")
    settles = np.zeros(count, dtype="datetime64[D]")
    chosen_mics = instruments["mic"].to_numpy()
    for at, mic in enumerate(mics):
        market = BY_MIC[mic]
        rows = np.flatnonzero(market_of == at)
        listed = np.flatnonzero(chosen_mics == mic)
        weights = instruments["weight"].to_numpy()[listed]
        instrument[rows] = rng.choice(listed, len(rows), p=weights / weights.sum())
        lot[rows], tick[rows] = market.lot, market.tick_micro
        opens, closes = market.minutes_utc
        minutes[rows] = rng.integers(opens, closes, len(rows))
        dates = open_trade_dates(mic, market.bank_calendar, market.cycle_days, day)
        picked = rng.choice(len(dates), len(rows), p=_date_weights(dates, day))
        traded[rows] = np.array(list(dates), dtype="datetime64[D]")[picked]
        settles[rows] = np.array(list(dates.values()), dtype="datetime64[D]")[picked]
    lots = np.clip(np.rint(rng.lognormal(2.5, 1.0, count) * firm.size), 1, 4000).astype(np.int64)
    # Trading days follow each other along the walk, and within a day its minutes.
    age = (np.datetime64(day, "D") - traded).astype(np.int64)
    step = (np.clip(3 - age, 0, 3) * 100 + minutes * 100 // 1440) % _WALK_STEPS
    close = instruments["close_micro"].to_numpy()[instrument]
    price = np.rint(close * (1.0 + walks[instrument, step]) / tick).astype(np.int64) * tick
    cleared = np.where(np.array(mics)[market_of] == "XSHG", True, rng.random(count) < firm.cleared)
    book_of = rng.choice(len(firm.books), count, p=[share for _, _, _, share in firm.books])
    frame = pl.DataFrame(
        {
            "instrument": instrument,
            "is_buy": rng.random(count) < firm.buys,
            "units": lots * lot,
            "price_micro": price,
            "trade_date": pl.Series(traded).cast(pl.Date),
            "settle_date": pl.Series(settles).cast(pl.Date),
            "cleared": cleared,
            "book_of": book_of,
            "party": rng.integers(0, len(COUNTERPARTIES), count),
            "milliseconds": minutes * 60_000 + rng.integers(0, 60_000, count),
        }
    )
    facts = instruments.select("isin", "mic", "currency").with_row_index("instrument").cast({"instrument": pl.Int64})
    codes = [firm.block[0]] * len(firm.books) if firm.block else [code for code, _, _, _ in firm.books]
    named = frame.join(facts, on="instrument", how="left", maintain_order="left").sort(
        "trade_date", "milliseconds", "isin", maintain_order=True
    )
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(7)
    time = pl.col("trade_date").cast(pl.Datetime("ms")) + pl.duration(
        milliseconds=pl.col("milliseconds"), time_unit="ms"
    )
    return named.select(
        entity=pl.lit(firm.code),
        exec_id=filled("{}{}X{}", pl.lit(firm.code), pl.lit(f"{day:%y%m%d}"), number),
        order_id=filled("{}{}R{}", pl.lit(firm.code), pl.lit(f"{day:%y%m%d}"), number),
        book=pl.lit(pl.Series(codes)).gather(pl.col("book_of")),
        isin="isin",
        side=pl.when("is_buy").then(pl.lit("buy")).otherwise(pl.lit("sell")),
        units="units",
        price_micro="price_micro",
        currency="currency",
        trade_date="trade_date",
        settle_date="settle_date",
        mic="mic",
        counterparty_bic=pl.lit(pl.Series([bic for bic, _, _ in COUNTERPARTIES])).gather(pl.col("party")),
        ccp_bic=pl.when("cleared").then(pl.col("mic").replace_strict({m: BY_MIC[m].ccp_bic for m in mics})),
        transact_time=time.dt.strftime("%Y%m%d-%H:%M:%S%.3f"),
    )


def _date_weights(dates: dict[date, date], day: date) -> list[float]:
    """How likely each trade date is: those due today share DUE_SHARE, the later ones the rest."""
    due = [settled == day for settled in dates.values()]
    if all(due) or not any(due):
        return [1 / len(due)] * len(due)
    share = {True: DUE_SHARE / sum(due), False: (1 - DUE_SHARE) / (len(due) - sum(due))}
    return [share[is_due] for is_due in due]
