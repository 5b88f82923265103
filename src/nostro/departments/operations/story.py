"""The life of one trade, line by line: from the message that brought it to the journal, and back from any figure. 交易始末"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection

from nostro.kernel.refusals import Refusal, Refused
from nostro.spine import inbox
from nostro.spine.entities import Entity


@dataclass(frozen=True, slots=True)
class Posting:
    """A transfer as a person reads it."""

    id: int
    debit: str
    credit: str
    asset: str
    amount_minor: int
    scale: int


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a story, with the message it came from and what it moved in the ledger."""

    seq: int
    recorded_at: str
    business_date: date
    kind: str
    subject: str
    actor: str
    content: Mapping[str, object]
    cause: int | None
    message: int | None
    message_file: str | None
    postings: tuple[Posting, ...]


def of_execution(entity: Entity, exec_id: str, *, known_until: int | None = None) -> list[Line]:
    """Everything that happened to a trade: execution, trade, net, instruction, in order. Refuses an unknown execution id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM trades_execution WHERE entity_id = %s AND exec_id = %s", [entity.id, exec_id])
        row = cursor.fetchone()
        if row is None:
            raise Refused(Refusal("execution_unknown", f"execution/{exec_id}", facts={"entity": entity.code}))
        trade = int(row[0])
        subjects = [f"execution/{exec_id}", f"trade/{trade}"]
        cursor.execute("SELECT net FROM clearing_novation WHERE entity_id = %s AND trade = %s", [entity.id, trade])
        subjects += [f"net/{net}" for (net,) in cursor.fetchall()]
        cursor.execute(
            "SELECT reference FROM settlement_instruction WHERE entity_id = %s AND source = ANY(%s) ORDER BY id",
            [entity.id, subjects],
        )
        subjects += [f"instruction/{reference}" for (reference,) in cursor.fetchall()]
    return of_subjects(entity, subjects, known_until=known_until)


def of_subjects(entity: Entity, subjects: list[str], *, known_until: int | None = None) -> list[Line]:
    """Every event of these subjects in order, each with its message and postings; up to an event number when given."""
    return _lines(
        entity,
        "e.subject = ANY(%s) AND (%s::bigint IS NULL OR e.seq <= %s)",
        [subjects, known_until, known_until],
    )


def behind_transfer(entity: Entity, transfer: int) -> list[Line]:
    """From a figure back to its origin: the transfer's event, what caused it, and so on to the message. Newest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event FROM ledger_transfer WHERE entity_id = %s AND id = %s", [entity.id, transfer])
        row = cursor.fetchone()
        if row is None:
            raise Refused(Refusal("transfer_unknown", f"transfer/{transfer}", facts={"entity": entity.code}))
        cursor.execute(
            "WITH RECURSIVE chain(seq, cause) AS ("
            "  SELECT seq, cause FROM spine_event WHERE entity_id = %s AND seq = %s"
            "  UNION ALL SELECT e.seq, e.cause FROM spine_event e JOIN chain c ON e.seq = c.cause WHERE e.entity_id = %s"
            ") SELECT seq FROM chain",
            [entity.id, row[0], entity.id],
        )
        chain = [seq for (seq,) in cursor.fetchall()]
    return _lines(entity, "e.seq = ANY(%s)", [chain])[::-1]


def _lines(entity: Entity, condition: str, values: list[object]) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.seq, e.recorded_at, e.business_date, e.kind, e.subject, e.actor, e.content, e.cause, e.message,"  # noqa: S608
            " f.name"
            " FROM spine_event e LEFT JOIN spine_messagefile f ON f.entity_id = e.entity_id AND f.id = e.message >> %s"
            f" WHERE e.entity_id = %s AND {condition} ORDER BY e.seq",  # our own conditions, values apart
            [inbox.ORDINAL_BITS, entity.id, *values],
        )
        rows = cursor.fetchall()
        postings = _postings(entity, [row[0] for row in rows])
    return [
        Line(
            seq,
            when.isoformat(),
            day,
            kind,
            subject,
            actor,
            json.loads(content),
            cause,
            message,
            file,
            tuple(postings.get(seq, [])),
        )
        for seq, when, day, kind, subject, actor, content, cause, message, file in rows
    ]


def _postings(entity: Entity, seqs: list[int]) -> dict[int, list[Posting]]:
    # A transfer's id begins with its event's number, so the primary key finds them without an index of its own.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.event, t.id, d.code, c.code, a.code, t.amount_minor, a.scale"
            " FROM unnest(%s::bigint[]) AS s(seq)"
            " JOIN ledger_transfer t ON t.entity_id = %s AND t.id BETWEEN s.seq << 8 AND (s.seq << 8) + 255"
            " JOIN ledger_account d ON d.entity_id = t.entity_id AND d.id = t.debit"
            " JOIN ledger_account c ON c.entity_id = t.entity_id AND c.id = t.credit"
            " JOIN ledger_asset a ON a.id = t.asset_id ORDER BY t.id",
            [seqs, entity.id],
        )
        found: dict[int, list[Posting]] = {}
        for event, number, debit, credit, asset, amount, scale in cursor.fetchall():
            found.setdefault(event, []).append(Posting(number, debit, credit, asset, amount, scale))
    return found
