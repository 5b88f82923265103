"""The queue as people work it: see it, act, propose, decide. 异常处理"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Final

import polars as pl
from django.db import connection

from nostro.departments.accounting import actions as accounting_actions
from nostro.departments.accounting import words as accounting_words
from nostro.departments.clearing import actions as clearing_actions
from nostro.departments.clearing import words as clearing_words
from nostro.departments.reconciliation import actions as reconciliation_actions
from nostro.departments.reconciliation import words as reconciliation_words
from nostro.departments.settlement import actions as settlement_actions
from nostro.departments.settlement import words as settlement_words
from nostro.departments.trades import actions as trades_actions
from nostro.departments.trades import words as trades_words
from nostro.kernel.refusals import Refusal, Refused
from nostro.reference import actions as reference_actions
from nostro.reference import words as reference_words
from nostro.spine import approvals, exceptions
from nostro.spine.actions import COMMON, Action, Item
from nostro.spine.database import read_frame
from nostro.spine.entities import Entity
from nostro.spine.words import MESSAGES, Words, cure, sentence

_DEPARTMENTS: Final[Mapping[str, tuple[ModuleType, ModuleType]]] = {
    "reference": (reference_words, reference_actions),
    "trades": (trades_words, trades_actions),
    "clearing": (clearing_words, clearing_actions),
    "settlement": (settlement_words, settlement_actions),
    "accounting": (accounting_words, accounting_actions),
    "reconciliation": (reconciliation_words, reconciliation_actions),
}
WORDS: Final[Mapping[str, Words]] = {
    **MESSAGES,
    **{reason: said for words, _ in _DEPARTMENTS.values() for reason, said in words.WORDS.items()},
}
"""Every reason of the house and how it speaks."""

QUEUE: Final = pl.Schema(
    [
        ("id", pl.Int64()),
        ("business_date", pl.Date()),
        ("department", pl.String()),
        ("reason", pl.String()),
        ("subject", pl.String()),
        ("place", pl.String()),
        ("facts", pl.String()),
        ("owner", pl.String()),
        ("deadline", pl.Datetime("us", "UTC")),
        ("money_minor", pl.Int64()),
        ("currency", pl.String()),
        ("proposal", pl.String()),
        ("state", pl.String()),
        ("assigned_to", pl.String()),
    ]
)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """Something that was done about an exception."""

    action: str
    actor: str
    comment: str
    recorded_at: str


def actions_of(department: str) -> Mapping[str, Action]:
    """Every action this department's exceptions may offer."""
    own: Mapping[str, Action] = _DEPARTMENTS[department][1].ACTIONS if department in _DEPARTMENTS else {}
    return {**COMMON, **own}


def listed(entity: Entity, day: date | None = None, *, closed: bool = False) -> pl.DataFrame:
    """Exceptions by deadline, then money at risk; columns of QUEUE. Closed ones only when asked for."""
    return read_frame(
        f"SELECT {', '.join(QUEUE)} FROM spine_exception WHERE entity_id = %s"  # noqa: S608  # our own column list
        " AND (%s::date IS NULL OR business_date = %s) AND (%s OR state <> 'closed')"
        " ORDER BY deadline NULLS LAST, money_minor DESC NULLS LAST, id",
        [entity.id, day, day, closed],
        schema=QUEUE,
    )


def history(entity: Entity, exception: int) -> list[HistoryLine]:
    """All that was done about an exception, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, actor, comment, recorded_at FROM spine_exceptionaction WHERE entity_id = %s AND exception = %s"
            " ORDER BY number",
            [entity.id, exception],
        )
        return [HistoryLine(a, who, why, when.isoformat()) for a, who, why, when in cursor.fetchall()]


def spoken(row: Mapping[str, object], language: str) -> tuple[str, str]:
    """An exception's sentence and its cure, in the reader's language. `row` is a row of QUEUE."""
    words = WORDS[str(row["reason"])]
    return sentence(words, str(row["facts"]), language), cure(words, language)


def _item(entity: Entity, exception: int) -> tuple[Item, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT business_date, department, reason, subject, facts, state FROM spine_exception"
            " WHERE entity_id = %s AND id = %s FOR UPDATE",
            [entity.id, exception],
        )
        row = cursor.fetchone()
    if row is None:
        raise Refused(Refusal("exception_unknown", f"exception/{exception}", facts={"entity": entity.code}))
    business_date, department, reason, subject, facts, state = row
    return Item(exception, business_date, department, reason, subject, json.loads(facts)), state


def _allowed(item: Item, action: str) -> Action:
    words = WORDS[item.reason]
    names = {*words.actions, "note", "close"}
    known = actions_of(item.department)
    if action not in names or action not in known:
        raise Refused(
            Refusal(
                "action_not_allowed",
                item.subject,
                facts={"action": action, "allowed": ", ".join(sorted(names & set(known)))},
            )
        )
    return known[action]


def _check_person(entity: Entity, person: str, subject: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM spine_access WHERE person_id = %s AND entity_id = %s AND duty <> 'auditor'",
            [person, entity.id],
        )
        if cursor.fetchone()[0] == 0:
            raise Refused(Refusal("no_access", subject, facts={"person": person}))


def act(
    entity: Entity, day: date, exception: int, action: str, *, person: str, comment: str, payload: Mapping[str, str]
) -> str:
    """Do something about an exception, or propose it where it takes two people. Returns the exception's new state.

    Refuses an action the reason does not allow, missing fields (all at once), a closed exception and a person without access.
    """
    item, state = _item(entity, exception)
    _check_person(entity, person, item.subject)
    allowed = _allowed(item, action)
    if state != "open":
        raise Refused(Refusal("exception_not_open", item.subject, facts={"state": state}))
    if missing := [name for name in allowed.fields if not payload.get(name)]:
        raise Refused(
            *(Refusal("field_missing", item.subject, facts={"field": name, "action": action}) for name in missing)
        )
    if allowed.two_people:
        told = {**payload, "exception": str(exception)}
        approvals.propose(entity.id, day, person, subject=item.subject, action=action, payload=told, reason=comment)
        new_state = "waiting"
    else:
        new_state = allowed.apply(entity, day, item, payload, person)
    exceptions.act(entity.id, day, exception, item.subject, action, actor=person, comment=comment, state=new_state)
    return new_state


def decide(entity: Entity, day: date, proposal: int, *, person: str, approved: bool, comment: str) -> str:
    """Agree to a proposal, which does it, or refuse it, which opens the exception again. Returns the exception's new state."""
    waiting = {pending.id: pending for pending in approvals.pending(entity.id)}
    if proposal not in waiting:
        raise Refused(Refusal("proposal_unknown", f"proposal/{proposal}", facts={"entity": entity.code}))
    pending = waiting[proposal]
    exception = int(pending.payload["exception"])
    item, _ = _item(entity, exception)
    approvals.decide(entity.id, day, person, pending, approved=approved, comment=comment)
    payload = {name: value for name, value in pending.payload.items() if name != "exception"}
    state = _allowed(item, pending.action).apply(entity, day, item, payload, person) if approved else "open"
    done = f"{pending.action}:{'approved' if approved else 'refused'}"
    exceptions.act(entity.id, day, exception, item.subject, done, actor=person, comment=comment, state=state)
    return state
