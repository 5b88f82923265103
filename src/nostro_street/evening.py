"""The evening: closing prices and rates, holdings and cash as custodians and banks see them. 日终"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from nostro.kernel.frames import checked_minor, filled
from nostro.kernel.money import MICRO, written
from nostro.messages.marketfiles import build_market_file
from nostro.messages.shapes import CASH, HOLDING
from nostro_street import dialects, world
from nostro_street.calendars import weekday_before
from nostro_street.faults import Chooser, Planted, planted
from nostro_street.files import Memory, Outbox, Settings
from nostro_street.openings import statement_id
from nostro_street.world import BY_CODE, BY_MIC, FIRMS, Firm, Market

Progress = Callable[[str], None]
_UNIT: Final = 10**MICRO
_STATED_AT: Final = time(19, tzinfo=UTC)
_DETAILS: Final = {
    "statement_twice": "the statement comes again in another file, created later",
    "statement_out_of_sequence": "number {sequence} instead of {expected}",
    "statement_opening_differs": "opening and closing are 4,321.00 {currency} too high",
}


def run(settings: Settings, exchange: Path, memory: Memory, progress: Progress) -> list[Planted]:
    """Write the close of the day and every account's statements; returns the faults in them."""
    seed, day = settings.seed, settings.day
    chooser = Chooser(seed, day, settings.trades, settings.kinds)
    settled = memory.load("settled")
    out = Outbox(exchange, "evening", day)
    progress("closing prices")
    positions = _positions(memory.load("positions"), settled)
    truth = _price_files(chooser, out, memory.load("instruments"), positions, day)
    progress(f"statements of holdings: {positions.height:,} positions")
    truth += _holding_files(chooser, out, positions, settled, day)
    progress(f"statements of cash: {settled.height:,} entries")
    truth += _cash_files(chooser, out, memory.load("cash"), settled, day)
    out.write(["HOUSE", *BY_CODE])
    return truth


# --- prices


def _price_files(
    chooser: Chooser, out: Outbox, instruments: pl.DataFrame, positions: pl.DataFrame, day: date
) -> list[Planted]:
    """Every security's close within 3 % of the last; but for some missing, stale or wild."""
    rng = world.chance(chooser.seed, day, "closing prices")
    moves = np.clip(rng.normal(0.0, 0.01, instruments.height), -0.028, 0.028)
    ticks = instruments["mic"].replace_strict({m.mic: m.tick_micro for m in world.MARKETS}, return_dtype=pl.Int64)
    close = np.rint(instruments["close_micro"].to_numpy() * (1 + moves) / ticks.to_numpy()).astype(np.int64)
    name = f"05_prices.{world.SENDER_PRICES}.csv"
    where = out.where("HOUSE", name)
    # Where the exchange was shut the last close stands, and nobody misses a new one.
    can_err = instruments.select(pl.col("is_open") & pl.col("isin").is_in(positions["isin"].implode()))
    victims: dict[int, str] = {}
    for kind in ("price_missing", "price_stale", "price_wild"):
        free = can_err.to_series().to_numpy().copy()
        free[list(victims)] = False
        victims |= dict.fromkeys(chooser.pick(kind, np.flatnonzero(free)), kind)
    last = weekday_before(day)
    told = (
        instruments.select("isin", "close_micro", "currency", day=pl.lit(day), price_micro=pl.Series(close) * ticks)
        .with_columns(fault=pl.Series([victims.get(at, "") for at in range(instruments.height)], dtype=pl.String))
        .with_columns(
            day=pl.when(pl.col("fault") == "price_stale").then(pl.lit(last)).otherwise("day"),
            price_micro=pl.when(pl.col("fault") == "price_stale")
            .then("close_micro")
            .when(pl.col("fault") == "price_wild")
            .then(pl.col("close_micro") * 7 // 5)
            .otherwise("price_micro"),
        )
    )
    details = {
        "price_missing": "no line for {isin}",
        "price_stale": "the line for {isin} bears the date {day}",
        "price_wild": "{isin} at {price} after {close}",
    }
    truth = []
    for row in told.filter(pl.col("fault") != "").iter_rows(named=True):
        shown = {"price": written(row["price_micro"], MICRO), "close": written(row["close_micro"], MICRO)}
        detail = details[row["fault"]].format(**row, **shown)
        truth.append(planted(row["fault"], "HOUSE", f"price/{row['isin']}", where, detail))
    out.put("HOUSE", name, build_market_file("prices.csv", told.filter(pl.col("fault") != "price_missing")))
    fx = world.fx_rates(chooser.seed, day, 1).with_columns(day=pl.lit(day))
    out.put("HOUSE", f"06_fx.{world.SENDER_PRICES}.csv", build_market_file("fx.csv", fx))
    return truth


# --- holdings


def _positions(opening: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """entity, account, isin, units at the end of the day, nothing left out but what is nothing."""
    signed = pl.when(pl.col("direction") == "receive").then(pl.col("units")).otherwise(-pl.col("units"))
    columns = ["entity", "account", "isin"]
    both = pl.concat(
        [opening.lazy().select(*columns, "units"), settled.lazy().select(*columns, units=signed)],
    )
    summed = both.group_by(columns).agg(pl.col("units").cast(pl.Int128).sum()).collect()
    return checked_minor(summed, "units").filter(pl.col("units") != 0).sort(columns)


def _holding_files(
    chooser: Chooser, out: Outbox, positions: pl.DataFrame, settled: pl.DataFrame, day: date
) -> list[Planted]:
    marked = settled.filter(pl.col("fault").is_not_null()).select("account", "isin").unique()
    lines = positions.with_row_index("n").join(
        marked.with_columns(marked=pl.lit(True)), on=["account", "isin"], how="left"
    )
    free = lines.filter(pl.col("marked").is_null()).sort("n")["n"].to_numpy().astype(np.int64)
    victims = chooser.pick("holding_differs", free)
    told = positions.with_row_index("n").with_columns(is_wrong=pl.col("n").is_in(victims))
    truth = []
    sequences = world.chance(chooser.seed, day, "numbers of holdings").integers(
        150, 230, len(FIRMS) * len(world.MARKETS)
    )
    for (firm, market), sequence in zip(_accounts(), sequences, strict=False):
        account = firm.securities_account(market)
        speak = dialects.DIALECTS[market.dialect]
        name = f"10_{speak.holding}.{market.servicer_bic}.{speak.extension}"
        mine = told.filter(pl.col("account") == account)
        for row in mine.filter("is_wrong").iter_rows(named=True):
            detail = f"{row['units'] + market.lot} instead of {row['units']}"
            subject = f"holding/{account}/{row['isin']}"
            truth.append(planted("holding_differs", firm.code, subject, out.where(firm.code, name), detail))
        units = pl.col("units") + pl.when("is_wrong").then(market.lot).otherwise(0)
        held = mine.select("isin", quantity_micro=units * _UNIT)
        if held.is_empty():
            held = pl.DataFrame({"isin": [None], "quantity_micro": [None]}, schema=held.schema)
        statement = held.select(
            "isin",
            "quantity_micro",
            statement=pl.lit(statement_id(firm, market.country, day)),
            sequence=pl.lit(int(sequence)),
            account=pl.lit(account),
            day=pl.lit(day),
            sender=pl.lit(market.servicer_bic),
        ).select(HOLDING.names())
        out.put(firm.code, name, speak.holdings(statement, _parties(firm, market, day)).data)
    return truth


def _accounts() -> list[tuple[Firm, Market]]:
    return [(firm, BY_MIC[mic]) for firm in FIRMS for mic in firm.markets]


def _parties(firm: Firm, market: Market, day: date, minutes: int = 0) -> dialects.Parties:
    return dialects.Parties(
        market.servicer_bic, firm.bic, datetime.combine(day, _STATED_AT) + timedelta(minutes=minutes)
    )


# --- cash


def _cash_files(
    chooser: Chooser, out: Outbox, openings: pl.DataFrame, settled: pl.DataFrame, day: date
) -> list[Planted]:
    """A statement of each cash account: what settled, line by line, and the faults of banks."""
    signed = pl.when(pl.col("direction") == "deliver").then(pl.col("amount_minor")).otherwise(-pl.col("amount_minor"))
    entries = (
        settled.with_row_index("n")
        .cast({"n": pl.Int64})
        .select(
            "n",
            "entity",
            "reference",
            "fault",
            account="cash_account",
            amount_minor=signed,
            bank_reference=filled("BK{}{}", pl.lit(f"{day:%y%m%d}"), pl.col("n").cast(pl.String).str.zfill(7)),
            text=filled("{} {}", pl.col("direction").str.to_uppercase(), "isin"),
        )
    )
    accounts = [firm.cash_account(market) for firm, market in _accounts()]
    whole = _statement_faults(chooser, accounts)
    changed, truth = _entry_faults(chooser, out, entries, whole)
    for firm, market in _accounts():
        opening = openings.row(by_predicate=pl.col("account") == firm.cash_account(market), named=True)
        mine = changed.filter(pl.col("account") == opening["account"]).sort("n", "bank_reference")
        truth += _cash_file(out, firm, market, opening, mine, whole.get(opening["account"]), day)
    return truth


def _statement_faults(chooser: Chooser, accounts: list[str]) -> dict[str, str]:
    """Account -> the fault of its whole statement. One of each kind: there must be accounts left for the lines."""
    is_iso = {firm.cash_account(market): market.dialect == "iso" for firm, market in _accounts()}
    found: dict[str, str] = {}
    for kind in ("statement_twice", "statement_out_of_sequence", "statement_opening_differs"):
        # An MT940 does not say when it was written: sent again it would be the same, byte for byte.
        free = [
            at
            for at, account in enumerate(accounts)
            if account not in found and (kind != "statement_twice" or is_iso[account])
        ]
        found |= {accounts[at]: kind for at in chooser.pick(kind, np.array(free, dtype=np.int64), at_most=1)}
    return found


def _entry_faults(
    chooser: Chooser, out: Outbox, entries: pl.DataFrame, whole: dict[str, str]
) -> tuple[pl.DataFrame, list[Planted]]:
    """The entries with one left out, one changed and one added here and there; never where a statement is at fault."""
    keeper = {firm.cash_account(market): (firm, market) for firm, market in _accounts()}
    currency = {firm.cash_account(market): market.currency for firm, market in _accounts()}
    free = entries.filter(pl.col("fault").is_null() & ~pl.col("account").is_in(list(whole)))["n"].to_numpy()
    missing = chooser.pick("cash_line_missing", free)
    free = np.setdiff1d(free, missing)
    differing = chooser.pick("cash_amount_differs", free)
    accounts = [account for account in keeper if account not in whole]
    credited = chooser.pick("cash_unknown_credit", np.arange(len(accounts)))
    truth = []

    def add(kind: str, account: str, reference: str, detail: str) -> None:
        firm, market = keeper[account]
        where = out.where(firm.code, _cash_name(market))
        truth.append(planted(kind, firm.code, f"cash/{account}/{reference}", where, detail))

    for row in entries.filter(pl.col("n").is_in(missing)).iter_rows(named=True):
        amount = written(row["amount_minor"], world.CASH_SCALE)
        add("cash_line_missing", row["account"], row["reference"], f"no entry of {amount} {currency[row['account']]}")
    for row in entries.filter(pl.col("n").is_in(differing)).iter_rows(named=True):
        add("cash_amount_differs", row["account"], row["reference"], f"90.00 {currency[row['account']]} too much")
    credits = []
    for number, at in enumerate(credited):
        account, amount_minor = accounts[at], 1_234_500 + 100 * number
        reference = f"BK{out.day:%y%m%d}X{number:06d}"
        add("cash_unknown_credit", account, reference, f"{written(amount_minor, 2)} {currency[account]} from nobody")
        credits.append((entries.height + number, account, amount_minor, reference, "CREDIT TRANSFER"))
    extra = pl.DataFrame(
        credits,
        schema=["n", "account", "amount_minor", "bank_reference", "text"],
        orient="row",
        schema_overrides={"n": pl.Int64},
    )
    kept = entries.filter(~pl.col("n").is_in(missing)).with_columns(
        # A debit of 90.00 more is -90.00.
        amount_minor=pl.col("amount_minor")
        + pl.when(pl.col("n").is_in(differing)).then(pl.col("amount_minor").sign() * 9_000).otherwise(0)
    )
    return (pl.concat([kept, extra], how="diagonal") if credits else kept), truth


def _cash_name(market: Market, number: int = 20) -> str:
    speak = dialects.DIALECTS[market.dialect]
    return f"{number}_{speak.cash}.{market.servicer_bic}.{speak.extension}"


def _cash_file(
    out: Outbox,
    firm: Firm,
    market: Market,
    opening: dict[str, int | str],
    entries: pl.DataFrame,
    fault: str | None,
    day: date,
) -> list[Planted]:
    speak = dialects.DIALECTS[market.dialect]
    statement = statement_id(firm, market.currency, day)
    expected = int(opening["sequence"]) + 1
    sequence = expected + (3 if fault == "statement_out_of_sequence" else 0)
    begins = int(opening["amount_minor"]) + (432_100 if fault == "statement_opening_differs" else 0)
    lines = entries.with_row_index("entry", offset=1)
    if lines.is_empty():
        lines = pl.DataFrame({name: [None] for name in lines.columns}, schema=lines.schema)
    frame = lines.select(
        statement=pl.lit(statement),
        sequence=pl.lit(sequence),
        account=pl.lit(opening["account"]),
        currency=pl.lit(market.currency),
        day=pl.lit(day),
        opening_minor=pl.lit(begins),
        closing_minor=pl.lit(begins + int(entries["amount_minor"].cast(pl.Int128).sum() or 0)),
        entry=pl.col("entry").cast(pl.Int64),
        value_date=pl.when(pl.col("entry").is_not_null()).then(pl.lit(day)),
        amount_minor="amount_minor",
        reference="reference",
        bank_reference="bank_reference",
        text="text",
        sender=pl.lit(market.servicer_bic),
    ).select(CASH.names())
    name = _cash_name(market)
    out.put(firm.code, name, speak.cash_statement(frame, _parties(firm, market, day)).data)
    if not fault:
        return []
    if fault == "statement_twice":
        name = _cash_name(market, 30)
        out.put(firm.code, name, speak.cash_statement(frame, _parties(firm, market, day, minutes=45)).data)
    detail = _DETAILS[fault].format(sequence=sequence, expected=expected, currency=market.currency)
    subject = f"statement/{opening['account']}/{statement}"
    return [planted(fault, firm.code, subject, out.where(firm.code, name), detail)]
