"""The market: the CSDs and custodians answer what the firms instructed, and settle what is due. 盘中"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from nostro.kernel.money import MICRO, written
from nostro.messages.marketfiles import kind_of
from nostro.messages.shapes import CONFIRMATION, INSTRUCTION, STATUS
from nostro_street import csd, dialects, world
from nostro_street.faults import Chooser, Planted, planted
from nostro_street.files import Memory, Outbox, Settings
from nostro_street.world import BY_CODE, FIRMS, MARKETS, Firm, Market

Progress = Callable[[str], None]
_UNIT: Final = 10**MICRO
_ANSWERED_AT: Final = time(16, tzinfo=UTC)
_NEVER_TRIED: Final = {
    "late_match": "LATE",
    "counterparty_lacks_securities": "CLAC",
    "counterparty_lacks_cash": "CMON",
}
"""A fault on the other side -> why the instruction fails (FailingReason4Code)."""
_REJECTED: Final = {"csd_rejection": "SAFE"}
_DETAILS: Final = {
    "counterparty_other_amount": "they instruct {their_amount} {currency} instead of {our_amount}",
    "counterparty_other_quantity": "they instruct {their_units} instead of {units}",
    "counterparty_silent": "they do not instruct",
    "late_match": "they instruct after the cut-off",
    "counterparty_lacks_securities": "they do not have {units} {isin}",
    "counterparty_lacks_cash": "they do not have {our_amount} {currency}",
    "csd_rejection": "the CSD says it does not know the account",
    "confirmation_differs": "confirmed with 77.00 {currency} too much, then rightly",
    "lack_of_securities": "we do not have {units} {isin}",
    "lack_of_cash": "we do not have {our_amount} {currency}",
}


def run(settings: Settings, exchange: Path, memory: Memory, progress: Progress) -> list[Planted]:
    """Answer every instruction of the day; returns the faults in the answers."""
    chooser = Chooser(settings.seed, settings.day, settings.trades, settings.kinds)
    street = memory.load("street").with_row_index("their_row").cast({"their_row": pl.Int64})
    progress("reading instructions")
    ours = _instructions(exchange, progress)
    progress(f"matching {ours.height:,} instructions")
    answered = _answers(ours, street, memory, settings.day)
    settled = answered.filter(pl.col("settles")).select(
        "entity",
        "reference",
        "account",
        "cash_account",
        "isin",
        "direction",
        "units",
        "amount_minor",
        "currency",
        "fault",
    )
    memory.save("settled", settled)
    out = Outbox(exchange, "market", settings.day)
    truth = _planted_on_instructions(answered, out)
    sheets = _sheets(answered, settings.day)
    references = set(ours["reference"])
    breaks: dict[int, str] = {}
    for kind, dialect in (("xml_broken", "iso"), ("mt_field_missing", "mt")):
        spoken = [at for at, sheet in enumerate(sheets) if sheet.market.dialect == dialect]
        breaks |= dict.fromkeys(chooser.pick(kind, np.array(spoken, dtype=np.int64)), kind)
    confirmed = [at for at, sheet in enumerate(sheets) if not sheet.confirmations.is_empty()]
    strangers = chooser.pick("confirmation_unknown", np.array(confirmed, dtype=np.int64))
    for at, sheet in enumerate(sheets):
        progress(f"answering {sheet.firm.code} in {sheet.market.country}")
        truth += _status_file(out, sheet, breaks.get(at))
        if not sheet.confirmations.is_empty():
            stranger = _unused(sheet.firm, references) if at in strangers else None
            references |= {stranger} if stranger else set()
            truth += _confirmation_file(out, sheet, stranger)
    out.write(list(BY_CODE))
    return truth


# --- reading and judging


def _instructions(exchange: Path, progress: Progress) -> pl.DataFrame:
    """Everything the firms instructed, in order: INSTRUCTION, entity, servicer_bic, our_row, `unreadable`."""
    names = ["entity", "servicer_bic", *INSTRUCTION, "unreadable"]
    nobody = pl.DataFrame(schema=INSTRUCTION).with_columns(
        entity=pl.lit("", pl.String), servicer_bic=pl.lit("", pl.String), unreadable=pl.lit(False)
    )
    frames = [nobody.select(names)]
    for firm in FIRMS:
        folder = exchange / "from" / firm.code
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith(".") or not path.is_file():
                continue
            kind, receiver = kind_of(path.name)
            if kind not in dialects.INSTRUCTIONS:
                progress(f"{firm.code} sent {path.name}: nobody here reads {kind}")
                continue
            parsed = dialects.INSTRUCTIONS[kind](path.read_bytes())
            whose = {"entity": pl.lit(firm.code), "servicer_bic": pl.lit(receiver)}
            frames.append(parsed.good.with_columns(**whose, unreadable=pl.lit(False)).select(names))
            if parsed.bad.height:
                progress(f"{firm.code} sent {path.name}: {parsed.bad.height} messages cannot be read")
            named = parsed.bad.filter(pl.col("key").is_not_null()).select(reference="key")
            blank = [pl.lit(None, dtype).alias(name) for name, dtype in INSTRUCTION.items() if name != "reference"]
            frames.append(named.with_columns(**whose, unreadable=pl.lit(True)).with_columns(blank).select(names))
    return pl.concat(frames).with_row_index("our_row").cast({"our_row": pl.Int64})


def _answers(ours: pl.DataFrame, street: pl.DataFrame, memory: Memory, day: date) -> pl.DataFrame:
    """The instructions with what the CSD says of each: `rejection`, `unmatched`, `failing`, `settles`, `fault`."""
    accounts = _accounts()
    isins = pl.concat([memory.load("instruments")["isin"], street["isin"]]).unique().sort()
    cash = memory.load("cash")
    checked = csd.check(ours, accounts, isins).with_columns(
        units=pl.col("quantity_micro") // _UNIT,
        agent_bic="counterparty_bic",
        # The reasons a CSD has for a message it cannot read have no code of their own.
        rejection=pl.when("unreadable").then(pl.lit("OTHR")).otherwise("rejection"),
    )
    told = street.filter((pl.col("fault") != "counterparty_silent").fill_null(True)).with_columns(
        units="their_units", amount_minor="their_amount_minor"
    )
    compared = [*csd.SIDE, *csd.TERMS]
    good = checked.filter(pl.col("rejection").is_null()).select("our_row", *compared)
    matched = csd.match(good, told.select("their_row", *compared))
    silent = street.filter(pl.col("fault") == "counterparty_silent").select("their_row", *compared)
    meant = csd.match(good.join(matched.filter(unmatched=csd.MISSING), on="our_row", how="semi"), silent)
    matched = matched.update(meant.filter(pl.col("unmatched").is_null()).select("our_row", "their_row"), on="our_row")
    judged = (
        checked.join(matched, on="our_row", how="left", maintain_order="left")
        .join(
            street.select("their_row", "fault", "their_units", "their_amount_minor"),
            on="their_row",
            how="left",
            maintain_order="left",
        )
        .join(
            accounts.select(account="number", cash_account="cash_account"),
            on="account",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            rejection=pl.coalesce("rejection", pl.col("fault").replace_strict(_REJECTED, default=None)),
            failing=pl.col("fault").replace_strict(_NEVER_TRIED, default=None),
        )
    )
    can_settle = pl.col("rejection").is_null() & pl.col("unmatched").is_null() & (pl.col("settle_date") <= day)
    due = judged.filter(can_settle & pl.col("failing").is_null())
    done = csd.settle(due, memory.load("positions"), cash).select("our_row", "failing", "turn", tried=pl.lit(True))
    return (
        judged.join(done, on="our_row", how="left", maintain_order="left", suffix=" of ours")
        .with_columns(
            failing=pl.when(can_settle).then(pl.coalesce("failing", "failing of ours")),
            is_due=can_settle,
            settles=pl.col("tried").fill_null(False) & pl.col("failing of ours").is_null(),
        )
        .drop("failing of ours", "tried")
    )


def _accounts() -> pl.DataFrame:
    """Every securities account of the firms with its owner, keeper, place, currency and the cash account beside it."""
    rows = [
        (f.securities_account(m), f.bic, m.servicer_bic, m.place_bic, m.currency, f.cash_account(m))
        for f in FIRMS
        for m in (world.BY_MIC[mic] for mic in f.markets)
    ]
    names = ["number", "owner_bic", "servicer_bic", "place_bic", "currency", "cash_account"]
    return pl.DataFrame(rows, schema=names, orient="row")


# --- answering


def statuses(mine: pl.DataFrame) -> pl.DataFrame:
    """STATUS rows in order: what the CSD says of each instruction, one to three times."""
    says = {
        ("processing", "ACPT"): (pl.col("rejection").is_null(), pl.lit(None, pl.String)),
        ("processing", "REJT"): (pl.col("rejection").is_not_null(), pl.col("rejection")),
        ("matching", "MACH"): (pl.col("rejection").is_null() & pl.col("unmatched").is_null(), pl.lit(None, pl.String)),
        ("matching", "NMAT"): (pl.col("rejection").is_null() & pl.col("unmatched").is_not_null(), pl.col("unmatched")),
        ("settlement", "PEND"): (
            pl.col("rejection").is_null() & pl.col("unmatched").is_null() & ~pl.col("is_due"),
            pl.lit("FUTU"),
        ),
        ("settlement", "PENF"): (pl.col("failing").is_not_null(), pl.col("failing")),
    }
    frames = [
        mine.filter(there).select(
            "our_row",
            "reference",
            axis=pl.lit(axis),
            code=pl.lit(code),
            reason=reason,
            text=pl.lit(None, pl.String),
            sender="servicer_bic",
            step=pl.lit(step),
        )
        for step, ((axis, code), (there, reason)) in enumerate(says.items())
    ]
    return pl.concat(frames).sort("our_row", "step").select(STATUS.names())


def _confirmations(mine: pl.DataFrame, day: date) -> pl.DataFrame:
    """CONFIRMATION rows of what settled, in the order in which it did; a wrong one stands before its right one."""
    right = mine.filter("settles").with_columns(
        settled_date=pl.lit(day), sender=pl.col("servicer_bic"), quantity_micro=pl.col("units") * _UNIT, step=pl.lit(1)
    )
    wrong = right.filter(pl.col("fault") == "confirmation_differs").with_columns(
        amount_minor=pl.col("amount_minor") + 7_700, step=pl.lit(0)
    )
    return pl.concat([right, wrong]).sort("turn", "our_row", "step").select(CONFIRMATION.names())


def _planted_on_instructions(answered: pl.DataFrame, out: Outbox) -> list[Planted]:
    """The truth about faults whose instruction came in and bears the mark."""
    marked = answered.filter(
        pl.col("fault").is_in(list(_DETAILS))
        & (pl.col("fault").ne_missing("confirmation_differs") | pl.col("settles"))
        & (pl.col("fault").ne_missing("lack_of_securities") | pl.col("failing").eq_missing("LACK"))
        & (pl.col("fault").ne_missing("lack_of_cash") | pl.col("failing").eq_missing("MONY"))
    )
    truth = []
    for row in marked.iter_rows(named=True):
        market = next(m for m in MARKETS if m.servicer_bic == row["servicer_bic"])
        amounts = {
            "our_amount": written(row["amount_minor"], world.CASH_SCALE),
            "their_amount": written(row["their_amount_minor"], world.CASH_SCALE),
        }
        kind = row["fault"]
        name = _file_names(market)[1 if kind == "confirmation_differs" else 0]
        detail = _DETAILS[kind].format(**row, **amounts)
        where = out.where(row["entity"], name)
        truth.append(planted(kind, row["entity"], f"instruction/{row['reference']}", where, detail))
    return truth


def _file_names(market: Market) -> tuple[str, str]:
    speak = dialects.DIALECTS[market.dialect]
    end = f"{market.servicer_bic}.{speak.extension}"
    return f"10_{speak.status}.{end}", f"20_{speak.confirmation}.{end}"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What one custodian says to one firm, and the parties of its messages."""

    firm: Firm
    market: Market
    statuses: pl.DataFrame
    confirmations: pl.DataFrame

    def parties(self, day: date) -> dialects.Parties:
        """Who speaks to whom, and when."""
        return dialects.Parties(self.market.servicer_bic, self.firm.bic, datetime.combine(day, _ANSWERED_AT))


def _sheets(answered: pl.DataFrame, day: date) -> list[_Sheet]:
    sheets = []
    for firm in FIRMS:
        for market in (world.BY_MIC[mic] for mic in firm.markets):
            mine = answered.filter((pl.col("entity") == firm.code) & (pl.col("servicer_bic") == market.servicer_bic))
            if not mine.is_empty():
                sheets.append(_Sheet(firm, market, statuses(mine), _confirmations(mine, day)))
    return sheets


def _status_file(out: Outbox, sheet: _Sheet, fault: str | None) -> list[Planted]:
    """Write the statuses; with a fault, one of them stands there a second time, broken."""
    name, _ = _file_names(sheet.market)
    speak = dialects.DIALECTS[sheet.market.dialect]
    built = speak.statuses(sheet.statuses, sheet.parties(out.day))
    data = built.data
    truth = []
    if fault:
        # It follows the first message, so that its ordinal is the second.
        start, length = built.index["start"][0], built.index["length"][0]
        message = data[start : start + length]
        data = data[:start] + message + speak.separator + speak.broken(message) + data[start + length :]
        detail = f"a second, broken status of {sheet.statuses['reference'][0]}"
        where = out.where(sheet.firm.code, name)
        truth.append(planted(fault, sheet.firm.code, out.subject(name, 2), where, detail))
    out.put(sheet.firm.code, name, data)
    return truth


def _confirmation_file(out: Outbox, sheet: _Sheet, stranger: str | None) -> list[Planted]:
    """Write the confirmations; with a stranger, one of them stands there a second time under this reference."""
    _, name = _file_names(sheet.market)
    confirmed = sheet.confirmations
    truth = []
    if stranger:
        confirmed = pl.concat([confirmed.head(1).with_columns(reference=pl.lit(stranger)), confirmed])
        where = out.where(sheet.firm.code, name)
        detail = f"nobody ever used the reference {stranger}"
        truth.append(planted("confirmation_unknown", sheet.firm.code, f"instruction/{stranger}", where, detail))
    speak = dialects.DIALECTS[sheet.market.dialect]
    placed = confirmed.with_columns(place_bic=pl.lit(sheet.market.place_bic))
    out.put(sheet.firm.code, name, speak.confirmations(placed, sheet.parties(out.day)).data)
    return truth


def _unused(firm: Firm, references: set[str]) -> str:
    """A reference of sixteen characters at most that the firm never used."""
    return next(text for n in range(len(references) + 1) if (text := f"{firm.code}X{n:09d}") not in references)
