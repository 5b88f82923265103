"""Instruct, match, settle or fail: the only place of settlement that writes. 交收台"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl
from django.db import connection

from nostro.departments.clearing import queries as clearing
from nostro.departments.settlement import queries
from nostro.departments.settlement.rules import confirmations, fails, statuses
from nostro.departments.settlement.rules import instruct as instructing
from nostro.departments.settlement.rules.telling import tell
from nostro.departments.settlement.words import WORDS
from nostro.departments.trades import queries as trades
from nostro.kernel.events.settlement import (
    InstructionAdvised,
    InstructionCancelled,
    InstructionCreated,
    InstructionFailed,
    InstructionSettled,
)
from nostro.kernel.frames import REFUSED, filled
from nostro.kernel.money import MICRO
from nostro.kernel.refusals import Refusal, Refused, Tally
from nostro.messages.iso20022 import sese023, sese024, sese025
from nostro.messages.mt import confirmations as mt545
from nostro.messages.mt import instructions as mt541
from nostro.messages.mt import status as mt548
from nostro.messages.shapes import INSTRUCTION, Built, Parsed
from nostro.reference import queries as reference
from nostro.spine import clock, exceptions, holds, inbox
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity
from nostro.spine.events import emit, emit_one, head
from nostro.spine.inbox import StoredFile
from nostro.spine.words import MESSAGES

DEPARTMENT: Final = "settlement"
WRITTEN_AT: Final = time(6, tzinfo=UTC)
"""The time of day that our messages bear: from the business date, so that the same day gives the same bytes."""
_DIALECTS: Final[Mapping[str, tuple[str, str]]] = {"iso": ("sese023", "xml"), "mt": ("mt541", "fin")}
_STATUSES: Final[Mapping[str, Callable[..., Parsed]]] = {
    "sese024.xml": sese024.read_statuses,
    "mt548.fin": mt548.read_status,
}
_CONFIRMATIONS: Final[Mapping[str, Callable[..., Parsed]]] = {
    "sese025.xml": sese025.read_confirmations,
    "mt545.fin": mt545.read_confirmations,
}
TROUBLES: Final = (*statuses.REASONS.values(), *fails.OURS)
"""Reasons that say what is wrong with an instruction, of which it has one at a time."""


def instruct(entity: Entity, day: date) -> Tally:
    """Instruct every agreed obligation nobody holds, and write the files that go to the servicers. 发出指令

    Seen are obligations without an instruction and instructions that have not gone out; open is what is held.
    """
    waiting = _obligations(entity, day).join(queries.sources(entity.id), on="source", how="anti", maintain_order="left")
    free = waiting.join(holds.held(entity.id), left_on="source", right_on="subject", how="anti", maintain_order="left")
    before = queries.unsent(entity.id)
    instructed = instructing.instruct(
        free, reference.accounts(entity.id), entity.code, head(entity.id, lock=True).last_seq + 1
    )
    created = _create(entity, day, instructed.done)
    sent, unwritable, held = _send(entity, day, created, before)
    exceptions.open_all(entity.id, day, DEPARTMENT, instructed.refused, WORDS)
    exceptions.resolve(
        entity.id, day, instructed.done["subject"], ["account_missing"], "There is an account now. 账户已补充"
    )
    return Tally(
        waiting.height + before.height,
        done=sent,
        open=waiting.height - free.height + held,
        refused=instructed.refused.height + unwritable,
    )


def _obligations(entity: Entity, day: date) -> pl.DataFrame:
    """Confirmed bilateral trades and agreed nets, whether instructed or not, in the order of their events."""
    bilateral = trades.for_settlement(entity.id).select(
        source=filled("trade/{}", "trade"),
        cause="cause",
        subject=filled("execution/{}", "exec_id"),
        direction=pl.when(pl.col("side") == "buy").then(pl.lit("receive")).otherwise(pl.lit("deliver")),
        instrument_id="instrument_id",
        isin="isin",
        quantity="quantity",
        amount_minor="gross_minor",
        currency="currency",
        trade_date="trade_date",
        settle_date="settle_date",
        mic="mic",
        place_bic="place_bic",
        counterparty_bic="agent_bic",
    )
    nets = clearing.for_settlement(entity.id).select(
        source=filled("net/{}", "net"),
        cause="net",
        subject=filled("net/{}", "net"),
        direction="direction",
        instrument_id="instrument_id",
        isin="isin",
        quantity=pl.col("quantity").abs(),
        amount_minor=pl.col("cash_minor").abs(),
        currency="currency",
        trade_date="trade_date",
        settle_date="settle_date",
        mic="mic",
        place_bic="place_bic",
        counterparty_bic="ccp_bic",
    )
    return _with_deadlines(pl.concat([bilateral, nets], how="vertical_relaxed").sort("cause", "source"), day)


def _create(entity: Entity, day: date, done: pl.DataFrame) -> pl.DataFrame:
    """The instructions of the obligations, with their events, not stored yet."""
    named = done.with_columns(subject=filled("instruction/{}", "reference"))
    ids = emit(entity.id, day, InstructionCreated, named)
    return named.with_columns(
        id=ids,
        processing=pl.lit("created"),
        matching=pl.lit("none"),
        settlement=pl.lit("pending"),
        sent_as=pl.lit(None, pl.Int64),
        business_date=pl.lit(day),
    )


def _store(entity: Entity, created: pl.DataFrame) -> None:
    columns = [name for name in queries.INSTRUCTION if name in created.columns and name != "sent_as"]
    copy_in(
        "settlement_instruction",
        created.select(*columns, message="sent_as", entity_id=pl.lit(entity.id)),
    )


def _send(entity: Entity, day: date, created: pl.DataFrame, before: pl.DataFrame) -> tuple[int, int, int]:
    """Write and store the files of new instructions and of those left before. Returns sent, unwritable and held."""
    units = pl.col("scale").replace_strict({s: 10 ** (MICRO - s) for s in range(MICRO + 1)}, return_dtype=pl.Int64)
    names = reference.instruments().select("instrument_id", "scale")
    columns = ["id", "mic", *(name for name in INSTRUCTION if name != "party_bic")]
    new = created.join(names, on="instrument_id", how="left", maintain_order="left").with_columns(
        quantity_micro=pl.col("quantity") * units
    )
    free = (
        pl.concat([before.select(columns), new.select(columns)], how="vertical_relaxed")
        .with_columns(party_bic=pl.lit(entity.bic), subject=filled("instruction/{}", "reference"))
        .join(holds.held(entity.id), on="subject", how="anti", maintain_order="left")
        .join(reference.markets(day).select("mic", "dialect"), on="mic", how="left", maintain_order="left")
        .join(_servicers(entity), on="account", how="left", maintain_order="left")
    )
    numbers, unwritable = [pl.DataFrame(schema={"id": pl.Int64, "sent_as": pl.Int64})], 0
    for (dialect, servicer), part in sorted(free.partition_by("dialect", "servicer_bic", as_dict=True).items()):
        built, wrong = _built(entity, day, str(dialect), str(servicer), part)
        exceptions.open_all(entity.id, day, DEPARTMENT, wrong, WORDS)
        unwritable += wrong.height
        if built.index.is_empty():
            continue
        kind, name = _name(entity, day, str(dialect), str(servicer))
        file = inbox.send(entity.id, day, kind=kind, receiver=str(servicer), name=name, built=built)
        index = built.index.select("key", sent_as=file.message(pl.col("ordinal")))
        numbers.append(part.join(index, left_on="reference", right_on="key").select("id", "sent_as"))
    sent = pl.concat(numbers)
    stored = created.drop("sent_as").join(sent, on="id", how="left", maintain_order="left")
    is_sent = pl.col("sent_as").is_not_null()
    _store(entity, stored.with_columns(processing=pl.when(is_sent).then(pl.lit("sent")).otherwise("processing")))
    _mark_sent(entity, sent.join(before, on="id", how="semi"))
    return sent.height, unwritable, before.height + created.height - free.height


def _servicers(entity: Entity) -> pl.DataFrame:
    return reference.accounts(entity.id).filter(kind="securities").select("servicer_bic", account="number")


def _built(entity: Entity, day: date, dialect: str, servicer: str, part: pl.DataFrame) -> tuple[Built, pl.DataFrame]:
    """A servicer's file, without the instructions that no message can hold; these as refusals."""
    try:
        return _write(entity, day, dialect, servicer, part), pl.DataFrame(schema=REFUSED)
    except Refused as refusal:
        rules = {
            r.subject.rpartition("/")[2]: f"{r.place}: {r.facts.get('value', '')} ({r.facts.get('rule', '')})"
            for r in reversed(refusal.refusals)
        }
        rule = pl.col("reference").replace_strict(rules, default=None, return_dtype=pl.String)
        told = _heard(_with_deadlines(part, day)).with_columns(text=rule, reason=pl.lit(None, pl.String))
        wrong = told.filter(pl.col("text").is_not_null())
        assert wrong.height, "a builder names the instructions it cannot write"
        rest = part.join(wrong, on="reference", how="anti", maintain_order="left")
        return _write(entity, day, dialect, servicer, rest), tell(wrong, "instruction_unwritable")


def _write(entity: Entity, day: date, dialect: str, servicer: str, part: pl.DataFrame) -> Built:
    rows = part.select(INSTRUCTION.names())
    if dialect == "mt":
        return mt541.build_instructions(rows, sender=entity.bic, receiver=servicer)
    return sese023.build_instructions(
        rows, sender=entity.bic, receiver=servicer, created=datetime.combine(day, WRITTEN_AT), schemas=_schemas()
    )


def _schemas() -> Path | None:
    folder = os.environ.get("NOSTRO_SCHEMAS")
    return Path(folder) if folder else None


def _name(entity: Entity, day: date, dialect: str, servicer: str) -> tuple[str, str]:
    """Kind and name of the next file of the day for a servicer: 2026101310_sese023.FCKDDEFFXXX.xml, then ...11_..."""
    stem, extension = _DIALECTS[dialect]
    kind = f"{stem}.{extension}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM spine_messagefile WHERE entity_id = %s AND direction = 'out' AND business_date = %s"
            " AND kind = %s AND sender = %s",
            [entity.id, day, kind, servicer],
        )
        number = 10 + int(cursor.fetchone()[0])
    return kind, f"{day:%Y%m%d}{number}_{stem}.{servicer}.{extension}"


def _mark_sent(entity: Entity, sent: pl.DataFrame) -> None:
    if sent.is_empty():
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE sent (id bigint, message bigint)")
        copy_in("sent", sent.select("id", message="sent_as"))
        cursor.execute(
            "UPDATE settlement_instruction i SET message = s.message, processing = 'sent' FROM sent s"
            " WHERE i.entity_id = %s AND i.id = s.id",
            [entity.id],
        )
        cursor.execute("DROP TABLE sent")


@dataclass(slots=True)
class _Counts:
    done: int = 0
    refused: int = 0


def answer(entity: Entity, day: date) -> Tally:
    """Take in statuses and confirmations, in the order of the files: match, settle, or say what is wrong. 匹配与交收

    Seen are messages; done are those that took effect or said again what is settled; refused the others.
    """
    read = [(file, _parsed(entity, file)) for file in inbox.unread(entity.id, [*_STATUSES, *_CONFIRMATIONS])]
    if not read:
        return Tally(0)
    named = pl.concat([parsed.good["reference"] for _, parsed in read])
    before = _heard(_with_deadlines(queries.of_references(entity.id, named), day)).drop("sent_as", "business_date")
    state, counts, refused = before, _Counts(), []
    for file, parsed in read:
        exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
        messages = parsed.good.with_columns(message=file.message(pl.col("ordinal")))
        if file.kind in _STATUSES:
            state, wrong, again = _advise(entity, day, messages, state)
        else:
            state, wrong, again = _settle(entity, day, messages, state)
        refused.append(wrong.drop("ordinal"))
        _record(entity, file, parsed, wrong, again, counts)
    _update(entity, before, state)
    _tell(entity, day, state)
    exceptions.open_all(entity.id, day, DEPARTMENT, pl.concat(refused), WORDS)
    return Tally(counts.done + counts.refused, done=counts.done, refused=counts.refused)


def _parsed(entity: Entity, file: StoredFile) -> Parsed:
    data = inbox.content(entity.id, file.id)
    read = {**_STATUSES, **_CONFIRMATIONS}[file.kind]
    return read(data, schemas=_schemas()) if file.kind.endswith(".xml") else read(data)


def _heard(found: pl.DataFrame) -> pl.DataFrame:
    """Instructions with room for what a message says about them."""
    return found.with_columns(text=pl.lit(None, pl.String), trouble_message=pl.lit(None, pl.Int64))


Outcome = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
"""The instructions from now on, the refusals with their `ordinal`, and the `ordinal`s of duplicates."""


def _advise(entity: Entity, day: date, messages: pl.DataFrame, state: pl.DataFrame) -> Outcome:
    folded = statuses.fold(messages, state)
    applied = folded.applied.with_columns(subject=filled("instruction/{}", "reference"), cause="id")
    emit(entity.id, day, InstructionAdvised, applied)
    return folded.state, folded.refused, pl.DataFrame(schema={"ordinal": pl.Int64})


def _settle(entity: Entity, day: date, messages: pl.DataFrame, state: pl.DataFrame) -> Outcome:
    confirmed = confirmations.confirm(messages, state)
    settled = confirmed.settled.with_columns(subject=filled("instruction/{}", "reference"), cause="id")
    emit(entity.id, day, InstructionSettled, settled)
    return confirmed.state, confirmed.refused, confirmed.duplicates


def _record(
    entity: Entity, file: StoredFile, parsed: Parsed, wrong: pl.DataFrame, again: pl.DataFrame, counts: _Counts
) -> None:
    reasons = wrong.select("ordinal", "reason").unique("ordinal", keep="first", maintain_order=True)
    repeats = again.unique("ordinal").with_columns(is_again=pl.lit(True))
    # A message may speak of several axes at once: it is refused when any of it is.
    good = (
        parsed.good.select("ordinal", "start", "length", key="reference")
        .unique("ordinal", keep="first", maintain_order=True)
        .join(reasons, on="ordinal", how="left", maintain_order="left")
        .join(repeats, on="ordinal", how="left", maintain_order="left")
        .with_columns(
            outcome=pl.when(pl.col("reason").is_not_null())
            .then(pl.lit("refused"))
            .when("is_again")
            .then(pl.lit("duplicate"))
            .otherwise(pl.lit("done"))
        )
    )
    columns = ["ordinal", "start", "length", "key", "outcome", "reason"]
    bad = parsed.bad.with_columns(outcome=pl.lit("refused")).select(columns)
    inbox.record(entity.id, file, pl.concat([good.select(columns), bad]), read_by="answer")
    refused = good["reason"].count() + bad.height
    counts.refused += refused
    counts.done += good.height + bad.height - refused


def _update(entity: Entity, before: pl.DataFrame, state: pl.DataFrame) -> None:
    """Write the axes of every instruction that has changed."""
    written = ["id", "processing", "matching", "settlement", "reason", "trouble", "settled_date"]
    changed = state.select(written).join(before.select(written), on=written, how="anti", nulls_equal=True)
    if changed.is_empty():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE heard (id bigint, processing text, matching text, settlement text, reason text,"
            " trouble text, settled_date date)"
        )
        copy_in("heard", changed)
        cursor.execute(
            "UPDATE settlement_instruction i SET processing = h.processing, matching = h.matching,"
            " settlement = h.settlement, reason = h.reason, trouble = h.trouble, settled_date = h.settled_date,"
            " matched_at = CASE WHEN h.matching = 'matched' THEN coalesce(i.matched_at, %s) END"
            " FROM heard h WHERE i.entity_id = %s AND i.id = h.id",
            [clock.now(), entity.id],
        )
        cursor.execute("DROP TABLE heard")


def _tell(entity: Entity, day: date, state: pl.DataFrame) -> None:
    """Open what is wrong now, and close what was wrong about the same instructions before."""
    subjects = state.select("trouble", "trouble_message", subject=filled("instruction/{}", "reference"))
    for reason in TROUBLES:
        over = subjects.filter(pl.col("trouble").ne_missing(pl.lit(reason)))["subject"]
        exceptions.resolve(entity.id, day, over, [reason], "The CSD says otherwise now. 存管机构最新回报已变化")
    said_now = state.filter(pl.col("trouble_message").is_not_null())
    exceptions.open_all(entity.id, day, DEPARTMENT, tell(said_now, pl.col("trouble")), WORDS)


def fail(entity: Entity, day: date) -> Tally:
    """Say of all that was due whether it settled, and of each fail why. 截止未交收

    Seen is what was due; done is settled, refused was rejected by the CSD, open is all that still may settle.
    """
    due = _heard(_with_deadlines(queries.due(entity.id, day), day))
    new = due.filter(pl.col("failed_date").is_null() | (pl.col("failed_date") < day))
    judged = fails.judge(new, queries.in_queue(entity.id))
    failed = judged.failed.with_columns(subject=filled("instruction/{}", "reference"), cause="id")
    emit(entity.id, day, InstructionFailed, failed)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE failed (id bigint, settlement text, trouble text)")
        copy_in("failed", failed.select("id", "settlement", "trouble"))
        cursor.execute(
            "UPDATE settlement_instruction i SET settlement = f.settlement, trouble = f.trouble, failed_date = %s"
            " FROM failed f WHERE i.entity_id = %s AND i.id = f.id",
            [day, entity.id],
        )
        cursor.execute("DROP TABLE failed")
    for reason in fails.OURS:
        over = failed.filter(pl.col("trouble") != reason)["subject"]
        exceptions.resolve(entity.id, day, over, [reason], "Something else is wrong now. 情况已变化")
    exceptions.open_all(entity.id, day, DEPARTMENT, judged.refused, WORDS)
    settled = due.filter(settlement="settled").height
    cancelled = due.filter(processing="cancelled").height
    rejected = due.filter(processing="rejected").height
    return Tally(
        due.height,
        done=settled,
        open=due.height - settled - cancelled - rejected,
        cancelled=cancelled,
        refused=rejected,
    )


def cancel(entity: Entity, day: date, reference: str, actor: str) -> None:
    """Take an instruction out, as two people decided. Refuses one that is unknown, cancelled already or settled."""
    found = queries.instruction(entity.id, reference)
    if found.is_empty() or found["settlement"][0] == "settled" or found["processing"][0] == "cancelled":
        state = "unknown" if found.is_empty() else f"{found['processing'][0]}, {found['settlement'][0]}"
        raise Refused(Refusal("instruction_not_cancellable", f"instruction/{reference}", facts={"state": state}))
    number, source, amount, currency = found.select("id", "source", "amount_minor", "currency").row(0)
    fact = InstructionCancelled(source, amount, currency)
    emit_one(entity.id, day, fact, f"instruction/{reference}", cause=number, actor=actor)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE settlement_instruction SET processing = 'cancelled', reason = NULL, trouble = NULL"
            " WHERE entity_id = %s AND id = %s",
            [entity.id, number],
        )


def recreate(entity: Entity, day: date, reference: str, actor: str) -> str:
    """Instruct anew what was rejected or cancelled, as two people decided; returns the new reference.

    It goes out with the next files. Refuses an instruction that is alive, and one that has been instructed anew before.
    """
    found = queries.instruction(entity.id, reference)
    siblings = queries.of_source(entity.id, found["source"][0]) if found.height else found
    if found.is_empty() or not siblings["processing"].is_in(["rejected", "cancelled"]).all():
        state = ", ".join(siblings.select(filled("{} {}", "reference", "processing")).to_series()) or "unknown"
        raise Refused(Refusal("instruction_not_resendable", f"instruction/{reference}", facts={"state": state}))
    first = head(entity.id, lock=True).last_seq + 1
    again = found.with_columns(cause="id", reference=instructing.reference(entity.code, pl.lit(first)))
    ids = emit(
        entity.id,
        day,
        InstructionCreated,
        again.with_columns(subject=filled("instruction/{}", "reference")),
        actor=actor,
    )
    _store(
        entity,
        again.with_columns(
            id=ids,
            processing=pl.lit("created"),
            matching=pl.lit("none"),
            settlement=pl.lit("pending"),
            reason=pl.lit(None, pl.String),
            trouble=pl.lit(None, pl.String),
            settled_date=pl.lit(None, pl.Date),
            failed_date=pl.lit(None, pl.Date),
            business_date=pl.lit(day),
            sent_as=pl.lit(None, pl.Int64),
        ),
    )
    return str(again["reference"][0])


def _with_deadlines(found: pl.DataFrame, day: date) -> pl.DataFrame:
    """Until when each can still settle: the cut-off of its market on its settlement date, or today when that is past."""
    on = pl.max_horizontal("settle_date", pl.lit(day))
    days = found.select(on.alias("on"))["on"].unique().sort().to_list()
    cutoffs = [pl.DataFrame(schema={"mic": pl.String, "deadline": pl.Datetime("us", "UTC"), "on": pl.Date})]
    cutoffs += [reference.cutoffs(each).select("mic", deadline="cutoff").with_columns(on=pl.lit(each)) for each in days]
    return (
        found.with_columns(on=on)
        .join(pl.concat(cutoffs), on=["mic", "on"], how="left", maintain_order="left")
        .drop("on")
    )
