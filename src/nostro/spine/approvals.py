"""Four eyes: one person proposes, another decides, and the database refuses that they are one. 经办与复核"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection
from psycopg import errors

from nostro.kernel.events.spine import ProposalDecided, ProposalMade
from nostro.kernel.refusals import Refusal, Refused
from nostro.spine import clock
from nostro.spine.database import as_person
from nostro.spine.events import emit_one


@dataclass(frozen=True, slots=True)
class Pending:
    """A proposal nobody has decided yet."""

    id: int
    subject: str
    action: str
    payload: Mapping[str, str]
    reason: str
    maker: str


def propose(
    entity_id: int, day: date, maker: str, *, subject: str, action: str, payload: Mapping[str, str], reason: str
) -> int:
    """Ask for a change as this person; returns the proposal's number. Nothing changes until another person agrees."""
    text = json.dumps(dict(payload), ensure_ascii=False, sort_keys=True)
    number = emit_one(entity_id, day, ProposalMade(action, text, maker), subject, actor=maker)
    _write(
        maker,
        f"proposal/{number}",
        "INSERT INTO spine_proposal (entity_id, id, subject, action, payload, reason, maker, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [entity_id, number, subject, action, text, reason, maker, clock.now()],
    )
    return number


def decide(entity_id: int, day: date, checker: str, proposal: Pending, *, approved: bool, comment: str) -> None:
    """Say yes or no as this person. Refuses the maker, a decided proposal, and a person without access to the entity."""
    verdict = "approved" if approved else "refused"
    _write(
        checker,
        f"proposal/{proposal.id}",
        "INSERT INTO spine_decision (entity_id, proposal, maker, checker, verdict, comment, decided_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [entity_id, proposal.id, proposal.maker, checker, verdict, comment, clock.now()],
    )
    fact = ProposalDecided(proposal.action, verdict, proposal.maker, checker)
    emit_one(entity_id, day, fact, proposal.subject, cause=proposal.id, actor=checker)


def _write(person: str, subject: str, statement: str, values: list[object]) -> None:
    try:
        with as_person(person), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except Exception as error:
        cause = error.__cause__
        facts = {"person": person}
        if isinstance(cause, errors.CheckViolation) and cause.diag.constraint_name == "decision_takes_two_people":
            raise Refused(Refusal("four_eyes", subject, facts=facts)) from error
        if isinstance(cause, errors.UniqueViolation):
            raise Refused(Refusal("decided_already", subject, facts=facts)) from error
        if isinstance(cause, errors.InsufficientPrivilege | errors.UndefinedObject | errors.InvalidParameterValue):
            raise Refused(Refusal("no_access", subject, facts=facts)) from error
        raise


def pending(entity_id: int) -> list[Pending]:
    """Proposals that wait for a second person, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.subject, p.action, p.payload, p.reason, p.maker FROM spine_proposal p"
            " LEFT JOIN spine_decision d ON d.entity_id = p.entity_id AND d.proposal = p.id"
            " WHERE p.entity_id = %s AND d.proposal IS NULL ORDER BY p.id",
            [entity_id],
        )
        return [Pending(i, s, a, json.loads(p), r, m) for i, s, a, p, r, m in cursor.fetchall()]
