"""The morning: reference data, openings, executions, allocations, confirmations, obligations of the CCPs. 早间"""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.kernel.frames import filled
from nostro.kernel.money import MICRO, written
from nostro.messages.fix import build_allocations, build_confirms, build_executions
from nostro.messages.marketfiles import build_market_file
from nostro_street import netting, openings, trading, world
from nostro_street.calendars import is_session, last_shut_day, weekday_before
from nostro_street.codes import make_isin
from nostro_street.faults import HELD, UNSETTLED, Chooser, Planted, planted
from nostro_street.files import Memory, Outbox, Settings
from nostro_street.world import BY_CODE, BY_MIC, FIRMS, MARKETS

Ints = npt.NDArray[np.int64]
Progress = Callable[[str], None]
_UNIT: Final = 10**MICRO
_SOH: Final = b"\x01"
_BAD_WORDS: Final = ("many", "suspended", "n/a")


def run(settings: Settings, exchange: Path, memory: Memory, progress: Progress) -> list[Planted]:
    """Write everything a firm finds when its day begins; returns the faults in it."""
    seed, day, trades = settings.seed, settings.day, settings.trades
    chooser = Chooser(seed, day, trades, settings.kinds)
    progress("drawing executions")
    instruments = world.instruments(seed, day, trades)
    real = trading.executions(seed, day, trades, instruments)
    victims = _execution_faults(chooser, real)
    real = _as_it_happened(real, victims, day)
    nets = netting.obligations(real.filter(pl.col("ccp_bic").is_not_null()))
    net_victims = _net_faults(chooser, nets)
    progress("planning settlement")
    street = _street_instructions(real, nets, victims, net_victims)
    street, short_units, short_cash = _settlement_faults(chooser, street, day)
    parts = trading.allocations(seed, day, real.filter(pl.col("entity") == "FMC"))
    columns = ["entity", "book", "isin", "side", "units"]
    owned = pl.concat(
        [
            real.filter(pl.col("entity") != "FMC").select(columns),
            parts.with_columns(units=pl.col("part_units")).select(columns),
        ]
    )
    held = openings.positions(seed, day, instruments, owned, street, short_units)
    cash = openings.cash(seed, day, street, short_cash)
    is_open = {m.mic: is_session(m.mic, day) for m in MARKETS}
    memory.save("instruments", instruments.with_columns(is_open=pl.col("mic").replace_strict(is_open)))
    memory.save("street", street)
    memory.save("cash", cash)
    memory.save(
        "positions", held.group_by("entity", "account", "isin").agg(pl.col("units").sum()).sort("entity", "isin")
    )

    out = Outbox(exchange, "morning", day)
    truth = _house_files(chooser, out, instruments, day)
    for firm in FIRMS:
        progress(f"writing the files of {firm.code}")
        mine = real.filter(pl.col("entity") == firm.code)
        _static_files(out, firm, held, cash)
        truth += _execution_file(chooser, out, firm, mine, victims, day)
        if firm.block:
            truth += _allocation_file(out, firm, parts, victims, day)
        truth += _confirm_file(out, firm, _marked(real, victims).filter(pl.col("entity") == firm.code), day)
        truth += _obligation_files(out, firm, nets, net_victims)
    out.write(["HOUSE", *BY_CODE])
    return truth


# --- who is to be a victim


def _execution_faults(chooser: Chooser, real: pl.DataFrame) -> dict[int, str]:
    """Row number of an execution -> the fault on it. Each bears one at most."""
    is_bilateral = real["ccp_bic"].is_null().to_numpy()
    is_block = (real["entity"] == "FMC").to_numpy()
    simple = np.flatnonzero(is_bilateral & ~is_block)
    pools = {
        "instrument_unknown": simple,
        "isin_check_digit": simple,
        "currency_differs": simple,
        "counterparty_unknown": simple,
        "price_outside_tolerance": simple,
        "trade_on_holiday": simple,
        "ssi_missing": simple,
        "allocation_does_not_add_up": np.flatnonzero(is_block),
        "allocation_missing": np.flatnonzero(is_block),
        "confirm_amount_differs": np.flatnonzero(is_bilateral),
        "confirm_missing": np.flatnonzero(is_bilateral),
        "execution_same_id_other_content": simple,
        "execution_sent_twice": np.arange(real.height),
    }
    victims: dict[int, str] = {}
    for kind, pool in pools.items():
        free = np.setdiff1d(pool, np.array(list(victims), dtype=np.int64))
        victims |= dict.fromkeys(chooser.pick(kind, free), kind)
    return victims


def _net_faults(chooser: Chooser, nets: pl.DataFrame) -> dict[int, str]:
    """Row number of a net -> the fault in its report."""
    victims: dict[int, str] = {}
    for kind in ("obligation_differs", "obligation_missing"):
        free = np.setdiff1d(np.arange(nets.height), np.array(list(victims), dtype=np.int64))
        victims |= dict.fromkeys(chooser.pick(kind, free), kind)
    return victims


def _as_it_happened(real: pl.DataFrame, victims: dict[int, str], day: date) -> pl.DataFrame:
    """The executions as both sides know them: a strange security, party or price is no misprint."""
    changes: list[dict[str, Any]] = []
    for at, kind in sorted(victims.items()):
        row = real.row(at, named=True)
        market = BY_MIC[row["mic"]]
        match kind:
            case "instrument_unknown":
                changes.append({"n": at, "isin": make_isin(market.country, 90_001 + len(changes))})
            case "counterparty_unknown":
                changes.append({"n": at, "counterparty_bic": world.UNKNOWN_BIC})
            case "ssi_missing":
                changes.append({"n": at, "counterparty_bic": world.WITHOUT_SSI[0]})
            case "price_outside_tolerance":
                price = row["price_micro"] * 108 // 100 // market.tick_micro * market.tick_micro
                changes.append({"n": at, "price_micro": price})
    return trading.with_gross(_changed(real, changes))


def _changed(frame: pl.DataFrame, changes: list[dict[str, Any]]) -> pl.DataFrame:
    """The frame with some fields of some rows replaced, by row number."""
    if not changes:
        return frame
    names = sorted({name for change in changes for name in change})
    schema = {name: frame.schema[name] for name in names}
    return frame.update(pl.DataFrame(changes, schema=schema), on="n", how="left")


def _street_instructions(
    real: pl.DataFrame, nets: pl.DataFrame, victims: dict[int, str], net_victims: dict[int, str]
) -> pl.DataFrame:
    """What every counterparty and CCP instructs, seen from our side, with the fault on it or on what it comes from.

    `units` and `amount_minor` are as we should instruct; `their_units` and `their_amount_minor` as they do.
    """
    agents = pl.concat([world.ssis(firm).with_columns(entity=pl.lit(firm.code)) for firm in FIRMS])
    places = {m.mic: m.place_bic for m in MARKETS}
    fallback = {m.place_bic: m.agents[0] for m in MARKETS}
    bilateral = (
        _marked(real, victims)
        .filter(pl.col("ccp_bic").is_null())
        .with_columns(place_bic=pl.col("mic").replace_strict(places))
        .join(
            agents.select("entity", "place_bic", "agent_bic", counterparty_bic="party_bic"),
            on=["entity", "place_bic", "counterparty_bic"],
            how="left",
            maintain_order="left",
        )
        .select(
            "entity",
            "place_bic",
            agent_bic=pl.col("agent_bic").fill_null(pl.col("place_bic").replace_strict(fallback)),
            isin="isin",
            direction=pl.when(pl.col("side") == "buy").then(pl.lit("receive")).otherwise(pl.lit("deliver")),
            units="units",
            amount_minor="gross_minor",
            currency="currency",
            settle_date="settle_date",
            source="exec_id",
            is_net=pl.lit(False),
            fault="fault",
        )
    )
    cleared = _marked(nets, net_victims).select(
        "entity",
        place_bic=pl.col("ccp_bic").replace_strict({m.ccp_bic: m.place_bic for m in MARKETS}),
        agent_bic="ccp_bic",
        isin="isin",
        direction="direction",
        units="units",
        amount_minor="cash_minor",
        currency="currency",
        settle_date="settle_date",
        source=_obligation_subject(),
        is_net=pl.lit(True),
        fault="fault",
    )
    return pl.concat([bilateral, cleared]).with_columns(
        their_units=pl.col("units"), their_amount_minor=pl.col("amount_minor")
    )


def _marked(frame: pl.DataFrame, victims: dict[int, str]) -> pl.DataFrame:
    """The frame with `at`, its row numbers, and `fault`, the fault on the row unless one lies there already."""
    new = pl.DataFrame({"at": list(victims), "new": list(victims.values())}, schema={"at": pl.Int64, "new": pl.String})
    marked = frame.with_columns(at=pl.int_range(pl.len())).join(new, on="at", how="left", maintain_order="left")
    fault = pl.coalesce("fault", "new") if "fault" in frame.columns else pl.col("new")
    return marked.with_columns(fault=fault).drop("new")


def _settlement_faults(
    chooser: Chooser, street: pl.DataFrame, day: date
) -> tuple[pl.DataFrame, dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """The instructions with the faults of their settlement; what is short of securities, and of cash, for them."""
    side = ["entity", "place_bic", "agent_bic", "isin", "direction", "settle_date"]
    known = street.with_columns(
        # An instruction that differs in one field must not look like another one that differs in none.
        is_single=(pl.len().over([*side, "units"]) == 1) & (pl.len().over([*side, "amount_minor"]) == 1),
        is_due=(pl.col("settle_date") == day),
    )
    due = known["is_due"].to_numpy()
    single = known["is_single"].to_numpy()
    bilateral = ~known["is_net"].to_numpy()
    receives = (known["direction"] == "receive").to_numpy()
    pools = {
        "counterparty_other_amount": due & bilateral & single,
        "counterparty_other_quantity": due & bilateral & single,
        "counterparty_silent": due & bilateral & single,
        "late_match": due & bilateral,
        "counterparty_lacks_securities": due & bilateral & receives,
        "counterparty_lacks_cash": due & bilateral & ~receives,
        "csd_rejection": due,
        "confirmation_differs": due,
    }
    victims: dict[int, str] = {}
    for kind, pool in pools.items():
        free = np.flatnonzero(pool & _unharmed(street, victims))
        victims |= dict.fromkeys(chooser.pick(kind, free), kind)

    short_units: dict[tuple[str, str], int] = {}
    candidates = _deliveries_that_can_lack(known, victims)
    for row in _chosen(candidates, chooser.pick("lack_of_securities", np.arange(candidates.height))):
        victims[row["at"]] = "lack_of_securities"
        short_units[row["entity"], row["isin"]] = row["opening"]
    short_cash: dict[tuple[str, str], int] = {}
    candidates = _payments_that_can_lack(known, victims, short_units)
    for row in _chosen(candidates, chooser.pick("lack_of_cash", np.arange(candidates.height), at_most=2)):
        victims[row["at"]] = "lack_of_cash"
        short_cash[row["entity"], row["currency"]] = row["opening"]

    lots = {m.place_bic: m.lot for m in MARKETS}
    told = _marked(street, victims).drop("at")
    is_kind = {kind: (pl.col("fault") == kind).fill_null(False) for kind in pools}
    return (
        told.with_columns(
            their_amount_minor=pl.when(is_kind["counterparty_other_amount"])
            .then(pl.col("amount_minor") + 12_345)
            .otherwise(pl.col("amount_minor")),
            their_units=pl.when(is_kind["counterparty_other_quantity"])
            .then(pl.col("units") + pl.col("place_bic").replace_strict(lots, return_dtype=pl.Int64))
            .otherwise(pl.col("units")),
        ),
        short_units,
        short_cash,
    )


def _unharmed(street: pl.DataFrame, victims: dict[int, str]) -> npt.NDArray[np.bool_]:
    free = street["fault"].is_null().to_numpy().copy()
    free[list(victims)] = False
    return free


def _chosen(frame: pl.DataFrame, rows: list[int]) -> Iterable[dict[str, Any]]:
    return frame[rows].iter_rows(named=True) if rows else ()


def _expected(known: pl.DataFrame, victims: dict[int, str]) -> pl.DataFrame:
    """What is instructed and due, with `fails` where it will not settle and `is_used` where a fault lies on it."""
    return (
        _marked(known, victims)
        .filter(pl.col("is_due") & ~pl.col("fault").is_in(list(HELD)).fill_null(False))
        .with_columns(
            fails=pl.col("fault").is_in(list(UNSETTLED)).fill_null(False), is_used=pl.col("fault").is_not_null()
        )
    )


def _deliveries_that_can_lack(known: pl.DataFrame, victims: dict[int, str]) -> pl.DataFrame:
    """The largest delivery of a firm in a security, where too small an opening makes it, and it alone, fail.

    The CSD delivers the smaller ones first. `opening` covers all others, and half of this one.
    """
    is_delivery = pl.col("direction") == "deliver"
    delivered = pl.col("units").filter(is_delivery)
    groups = (
        _expected(known, victims)
        .group_by("entity", "isin")
        .agg(
            at=pl.col("at").filter(is_delivery).sort_by(delivered, descending=True).first(),
            is_used=pl.col("is_used").filter(is_delivery).sort_by(delivered, descending=True).first(),
            largest=delivered.max(),
            second=delivered.top_k(2).min(),
            deliveries=is_delivery.sum(),
            surplus=delivered.sum() - pl.col("units").filter(~is_delivery).sum(),
            any_fails=pl.col("fails").any(),
        )
        .filter(
            ~pl.col("any_fails")
            & ~pl.col("is_used")
            & (pl.col("surplus") > 0)
            & ((pl.col("deliveries") == 1) | (pl.col("largest") > pl.col("second")))
        )
        .with_columns(opening=pl.col("surplus") - pl.min_horizontal((pl.col("largest") + 1) // 2, "surplus"))
        .sort("entity", "isin")
    )
    # A broker may be short in a security for a day; a fund should not be, while there is a choice.
    broker = groups.filter(pl.col("entity") == "EUB")
    return broker if broker.height >= 3 else groups


def _payments_that_can_lack(known: pl.DataFrame, victims: dict[int, str], short_units: openings.Short) -> pl.DataFrame:
    """The largest payment of a firm in a currency, where too small an opening makes it, and it alone, fail.

    The CSD pays the smaller ones first, out of the opening and of all that is delivered.
    """
    is_payment = pl.col("direction") == "receive"
    paid = pl.col("amount_minor").filter(is_payment)
    groups = (
        _expected(known, victims)
        .filter(~pl.col("fails"))
        .group_by("entity", "currency")
        .agg(
            at=pl.col("at").filter(is_payment).sort_by(paid, descending=True).first(),
            isin=pl.col("isin").filter(is_payment).sort_by(paid, descending=True).first(),
            is_used=pl.col("is_used").filter(is_payment).sort_by(paid, descending=True).first(),
            largest=paid.max(),
            second=paid.top_k(2).min(),
            payments=is_payment.sum(),
            surplus=paid.sum() - pl.col("amount_minor").filter(~is_payment).sum(),
        )
        .filter(
            ~pl.col("is_used")
            & (pl.col("surplus") > 0)
            & ((pl.col("payments") == 1) | (pl.col("largest") > pl.col("second")))
        )
        .with_columns(opening=pl.col("surplus") - pl.min_horizontal((pl.col("largest") + 1) // 2, "surplus"))
        .sort("entity", "currency")
    )
    clear = [(row["entity"], row["isin"]) not in short_units for row in groups.iter_rows(named=True)]
    return groups.filter(pl.Series(clear, dtype=pl.Boolean))


# --- the files


def _house_files(chooser: Chooser, out: Outbox, instruments: pl.DataFrame, day: date) -> list[Planted]:
    last = weekday_before(day)
    prices = instruments.select("isin", day=pl.lit(last), price_micro="close_micro", currency="currency")
    fx = world.fx_rates(chooser.seed, day, 0).with_columns(day=pl.lit(last))
    out.put("HOUSE", f"01_entities.{world.SENDER_REFERENCE}.csv", build_market_file("entities.csv", world.entities()))
    out.put("HOUSE", f"02_markets.{world.SENDER_REFERENCE}.csv", build_market_file("markets.csv", world.markets()))
    out.put("HOUSE", f"03_instruments.{world.SENDER_REFERENCE}.csv", build_market_file("instruments.csv", instruments))
    out.put("HOUSE", f"04_parties.{world.SENDER_REFERENCE}.csv", build_market_file("parties.csv", world.parties()))
    name = f"05_prices.{world.SENDER_PRICES}.csv"
    lines = build_market_file("prices.csv", prices).decode().splitlines(keepends=True)
    truth = []
    for times, at in enumerate(chooser.pick("csv_row_bad", np.arange(prices.height))):
        isin, currency, word = prices["isin"][at], prices["currency"][at], _BAD_WORDS[times]
        # Row `at` stands below the header and the bad lines before it; the bad line follows it.
        ordinal = at + times + 2
        lines.insert(ordinal, f"{isin},{last},{word},{currency}\n")
        detail = f"a second line for {isin} has {word!r} for its price"
        truth.append(planted("csv_row_bad", "HOUSE", out.subject(name, ordinal), out.where("HOUSE", name), detail))
    out.put("HOUSE", name, "".join(lines).encode())
    out.put("HOUSE", f"06_fx.{world.SENDER_PRICES}.csv", build_market_file("fx.csv", fx))
    return truth


def _static_files(out: Outbox, firm: world.Firm, held: pl.DataFrame, cash: pl.DataFrame) -> None:
    for stem, frame in (
        ("01_books", world.books(firm)),
        ("02_accounts", world.accounts(firm)),
        ("03_ssis", world.ssis(firm)),
        ("04_openings", _in_micro(held.filter(pl.col("entity") == firm.code))),
        (
            "05_opening_cash",
            cash.filter(pl.col("entity") == firm.code).with_columns(amount_e4=pl.col("amount_minor") * 100),
        ),
    ):
        out.put(firm.code, f"{stem}.{world.SENDER_REFERENCE}.csv", build_market_file(f"{stem[3:]}.csv", frame))


def _in_micro(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(quantity_micro=pl.col("units") * _UNIT)


def _execution_file(
    chooser: Chooser, out: Outbox, firm: world.Firm, mine: pl.DataFrame, victims: dict[int, str], day: date
) -> list[Planted]:
    """The executions as the order management system sends them, misprints, copies and broken messages included."""
    name = f"10_executions.{firm.oms}.fix"
    where = out.where(firm.code, name)
    truth: list[Planted] = []
    changes: list[dict[str, Any]] = []
    extra: list[pl.DataFrame] = []
    first, last = (int(mine["n"][0]), int(mine["n"][-1])) if mine.height else (0, -1)
    rng = world.chance(chooser.seed, day, f"places of copies {firm.code}")

    def later(at: int) -> float:
        return int(rng.integers(at, last + 1)) + 0.5

    def add(kind: str, row: dict[str, Any], detail: str) -> None:
        truth.append(planted(kind, firm.code, f"execution/{row['exec_id']}", where, detail))

    for at, kind in sorted(victims.items()):
        if not first <= at <= last:
            continue
        row = mine.row(at - first, named=True)
        market = BY_MIC[row["mic"]]
        one = mine.slice(at - first, 1).with_columns(pl.lit(None, pl.String).alias("broken"))
        match kind:
            case "isin_check_digit":
                wrong = row["isin"][:-1] + str((int(row["isin"][-1]) + 1) % 10)
                changes.append({"n": at, "isin": wrong})
                add(kind, row, f"{wrong} instead of {row['isin']}")
            case "currency_differs":
                other = "EUR" if row["currency"] == "USD" else "USD"
                changes.append({"n": at, "currency": other})
                add(kind, row, f"{other} instead of {row['currency']}")
            case "trade_on_holiday":
                shut = last_shut_day(row["mic"], day)
                changes.append({"n": at, "trade_date": shut})
                add(kind, row, f"dated {shut}, when {row['mic']} was shut; done on {row['trade_date']}")
            case "instrument_unknown":
                add(kind, row, f"{row['isin']} is in no reference file")
            case "counterparty_unknown":
                add(kind, row, f"{row['counterparty_bic']} is in no list of parties")
            case "ssi_missing":
                add(kind, row, f"{row['counterparty_bic']} settles in {market.place_bic} by {market.agents[0]}")
            case "price_outside_tolerance":
                add(
                    kind, row, f"at {written(row['price_micro'], MICRO)}, 8 % above the market; the counterparty agrees"
                )
            case "execution_sent_twice":
                extra.append(one.with_columns(place=pl.lit(later(at))))
                add(kind, row, "the same report stands further down once more")
            case "execution_same_id_other_content":
                extra.append(one.with_columns(units=pl.col("units") + market.lot, place=pl.lit(later(at))))
                add(kind, row, f"a later report of this id says {row['units'] + market.lot} instead of {row['units']}")
    for kind in _PATCHES if firm.kind == "broker" else ():
        for at in chooser.pick(kind, np.arange(mine.height)):
            extra.append(
                mine.slice(at, 1).with_columns(
                    pl.lit(kind).alias("broken"),
                    exec_id=filled("{}B", "exec_id"),
                    order_id=filled("{}B", "order_id"),
                    place=pl.lit(later(first + at)),
                )
            )
    whole = _changed(mine, changes).with_columns(
        pl.lit(None, pl.String).alias("broken"), place=pl.col("n").cast(pl.Float64)
    )
    whole = pl.concat([whole, *(frame.select(whole.columns) for frame in extra)]).sort("place", maintain_order=True)
    sent = _in_micro(whole).with_columns(
        # The street leaves the settlement date of A shares to the market's rule.
        settle_date=pl.when(pl.col("mic") == "XSHG").then(None).otherwise(pl.col("settle_date"))
    )
    built = build_executions(sent, sender=firm.oms, target=firm.code, sending_time=f"{day:%Y%m%d}-05:30:00.000")
    data = built.data
    for place in reversed(whole["broken"].is_not_null().arg_true().to_list()):
        kind, ordinal = whole["broken"][place], place + 1
        start, length = built.index["start"][place], built.index["length"][place]
        patch, detail = _PATCHES[kind]
        data = data[:start] + patch(data[start : start + length]) + data[start + length :]
        truth.append(planted(kind, firm.code, out.subject(name, ordinal), where, detail))
    out.put(firm.code, name, data)
    return truth


def _other_check_sum(message: bytes) -> bytes:
    """The message with a check sum one too high."""
    head, said = message[:-4], int(message[-4:-1])
    return head + b"%03d" % ((said + 1) % 256) + _SOH


def _without_price(message: bytes) -> bytes:
    """The message without LastPx, its length and sum right."""
    begin, _, *fields = message.split(_SOH)[:-2]
    body = b"".join(field + _SOH for field in fields if not field.startswith(b"31="))
    head = begin + _SOH + b"9=%d" % len(body) + _SOH + body
    return head + b"10=%03d" % (sum(head) % 256) + _SOH


_PATCHES: Final = {
    "fix_checksum_wrong": (_other_check_sum, "its check sum is one too high"),
    "fix_field_missing": (_without_price, "it has no tag 31, LastPx"),
}


def _allocation_file(
    out: Outbox, firm: world.Firm, parts: pl.DataFrame, victims: dict[int, str], day: date
) -> list[Planted]:
    name = f"20_allocations.{firm.oms}.fix"
    where = out.where(firm.code, name)
    truth = []
    missing, wrong = [], []
    for at, kind in sorted(victims.items()):
        if kind not in ("allocation_missing", "allocation_does_not_add_up"):
            continue
        row = parts.filter(pl.col("n") == at).row(0, named=True)
        if kind == "allocation_missing":
            missing.append(at)
            detail = f"no allocation of {row['units']} {row['isin']}"
        else:
            wrong.append(at)
            detail = f"the parts of {row['units']} {row['isin']} are 10 too many"
        truth.append(planted(kind, firm.code, f"execution/{row['exec_id']}", where, detail))
    too_many = pl.when(pl.col("n").is_in(wrong) & (pl.col("book") == firm.books[0][0])).then(10).otherwise(0)
    sent = parts.filter(~pl.col("n").is_in(missing)).select(
        alloc_id=filled("A{}", "exec_id"),
        exec_id="exec_id",
        isin="isin",
        side="side",
        total_micro=pl.col("units") * _UNIT,
        price_micro="price_micro",
        trade_date="trade_date",
        book="book",
        quantity_micro=(pl.col("part_units") + too_many) * _UNIT,
    )
    built = build_allocations(sent, sender=firm.oms, target=firm.code, sending_time=f"{day:%Y%m%d}-05:40:00.000")
    out.put(firm.code, name, built.data)
    return truth


def _confirm_file(out: Outbox, firm: world.Firm, mine: pl.DataFrame, day: date) -> list[Planted]:
    """What the counterparties of bilateral executions confirm: also those of executions that we cannot take in."""
    name = f"30_confirms.{world.SENDER_CONFIRMS}.fix"
    where = out.where(firm.code, name)
    bilateral = mine.filter(pl.col("ccp_bic").is_null())
    kind = pl.col("fault").fill_null("")
    truth = []
    for row in bilateral.filter(kind.is_in(["confirm_missing", "confirm_amount_differs"])).iter_rows(named=True):
        is_missing = row["fault"] == "confirm_missing"
        detail = "no confirmation" if is_missing else f"confirmed at 250.00 {row['currency']} more"
        truth.append(planted(row["fault"], firm.code, f"execution/{row['exec_id']}", where, detail))
    sent = _in_micro(bilateral.filter(kind != "confirm_missing")).select(
        confirm_id=filled("C{}", "order_id"),
        order_id="order_id",
        isin="isin",
        side="side",
        quantity_micro="quantity_micro",
        price_micro="price_micro",
        net_minor=pl.col("gross_minor") + pl.when(kind == "confirm_amount_differs").then(25_000).otherwise(0),
        currency="currency",
        trade_date="trade_date",
        settle_date="settle_date",
        counterparty_bic="counterparty_bic",
    )
    if not sent.is_empty():
        built = build_confirms(
            sent, sender=world.SENDER_CONFIRMS, target=firm.code, sending_time=f"{day:%Y%m%d}-05:50:00.000"
        )
        out.put(firm.code, name, built.data)
    return truth


def _obligation_files(out: Outbox, firm: world.Firm, nets: pl.DataFrame, net_victims: dict[int, str]) -> list[Planted]:
    """What each CCP says it owes the firm and is owed, one file for each."""
    told = _marked(nets, net_victims).with_columns(subject=_obligation_subject())
    truth = []
    for market in (BY_MIC[mic] for mic in firm.markets):
        mine = told.filter((pl.col("entity") == firm.code) & (pl.col("ccp_bic") == market.ccp_bic))
        if mine.is_empty():
            continue
        name = f"40_obligations.{market.ccp_bic}.csv"
        for row in mine.filter(pl.col("fault").is_not_null()).iter_rows(named=True):
            is_missing = row["fault"] == "obligation_missing"
            detail = "not reported" if is_missing else f"reported at 1,000.00 {row['currency']} more"
            truth.append(planted(row["fault"], firm.code, row["subject"], out.where(firm.code, name), detail))
        kind = pl.col("fault").fill_null("")
        more = pl.when(kind == "obligation_differs").then(100_000).otherwise(0)
        sent = _in_micro(mine.filter(kind != "obligation_missing")).with_columns(
            cash_e4=(pl.col("cash_minor") + more) * 100
        )
        out.put(firm.code, name, build_market_file("obligations.csv", sent))
    return truth


def _obligation_subject() -> pl.Expr:
    return filled("obligation/{}/{}/{}/{}/{}", "ccp_bic", "isin", "settle_date", "currency", "direction")
