"""Four eyes: who proposes does not decide, whether they ask Python or the database."""

from datetime import date

import psycopg
import pytest
from django.db import connection

from nostro.kernel.refusals import Refused
from nostro.spine import access
from nostro.spine.approvals import Pending, decide, pending, propose
from nostro.spine.database import as_person, raw

DAY = date(2026, 10, 13)
PROPOSAL = (
    "INSERT INTO spine_proposal (entity_id, id, subject, action, payload, reason, maker, made_at)"
    " VALUES (%s, %s, 'price/X', 'set_price', '{}', 'why', %s, now())"
)
DECISION = (
    "INSERT INTO spine_decision (entity_id, proposal, maker, checker, verdict, comment, decided_at)"
    " VALUES (%s, %s, %s, %s, %s, '', now())"
)


@pytest.fixture
def people(firm):
    """Chen and Li settle for the firm, Audi audits it, Far works for another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (2, 'FMC', 'Fictitious Funds', '虚构基金', 'manager', 'EUR', '', 'FCFMDEFFXXX')"
        )
    for login, entity, duty in [
        ("chen", 1, "settlement"),
        ("li", 1, "data"),
        ("audi", 1, "auditor"),
        ("far", 2, "data"),
    ]:
        access.add_person(login, login.title(), login)
        access.grant(login, entity, duty)
    return firm


def proposed(maker="chen"):
    payload = {"price": "12.50", "isin": "DE000FCT0017"}
    return propose(
        1, DAY, maker, subject="price/DE000FCT0017", action="set_price", payload=payload, reason="feed is down"
    )


def direct(person, statement, values):
    with as_person(person):
        raw().execute(statement, values)


def log():
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, subject, actor, cause FROM spine_event WHERE entity_id = 1 ORDER BY seq")
        return cursor.fetchall()


def test_one_proposes_another_agrees_and_both_stand_in_the_log(people):
    number = proposed()
    waiting = pending(1)
    assert waiting == [
        Pending(
            number,
            "price/DE000FCT0017",
            "set_price",
            {"price": "12.50", "isin": "DE000FCT0017"},
            "feed is down",
            "chen",
        )
    ]
    decide(1, DAY, "li", waiting[0], approved=True, comment="seen on the exchange's page")
    assert pending(1) == []
    assert log() == [
        ("spine.ProposalMade/1", "price/DE000FCT0017", "chen", None),
        ("spine.ProposalDecided/1", "price/DE000FCT0017", "li", number),
    ]


def refusal_of(person, proposal):
    with pytest.raises(Refused) as refused:
        decide(1, DAY, person, proposal, approved=True, comment="")
    (only,) = refused.value.refusals
    return only.reason


@pytest.mark.parametrize(
    ("checker", "reason"),
    [("chen", "four_eyes"), ("audi", "no_access"), ("far", "no_access"), ("stranger", "no_access")],
)
def test_python_refuses_the_maker_the_auditor_and_the_outsider_and_logs_nothing(people, checker, reason):
    proposed()
    before = log()
    assert refusal_of(checker, pending(1)[0]) == reason
    assert log() == before
    assert len(pending(1)) == 1


def test_a_decided_proposal_is_not_decided_again(people):
    proposed()
    waiting = pending(1)[0]
    decide(1, DAY, "li", waiting, approved=False, comment="wrong price")
    assert refusal_of("li", waiting) == "decided_already"


@pytest.mark.parametrize("maker", ["audi", "far", "stranger"])
def test_who_may_not_act_may_not_propose_and_leaves_nothing_behind(people, maker):
    from django.db import transaction

    with pytest.raises(Refused, match="no_access"), transaction.atomic():
        proposed(maker)
    assert pending(1) == []
    assert log() == []


@pytest.mark.parametrize(
    ("person", "statement", "values", "error", "match"),
    [
        # the maker as checker
        ("chen", DECISION, [1, "P", "chen", "chen", "approved"], "CheckViolation", "decision_takes_two_people"),
        # the maker, after misstating who made it
        ("chen", DECISION, [1, "P", "li", "chen", "approved"], "ForeignKeyViolation", "decision_names_the_true_maker"),
        # in somebody else's name
        ("chen", DECISION, [1, "P", "chen", "li", "approved"], "InsufficientPrivilege", "row-level security"),
        ("li", PROPOSAL, [1, 900, "chen"], "InsufficientPrivilege", "row-level security"),
        # by an auditor, by somebody of another firm, for a firm that is not theirs
        ("audi", DECISION, [1, "P", "chen", "audi", "approved"], "InsufficientPrivilege", "row-level security"),
        ("audi", PROPOSAL, [1, 900, "audi"], "InsufficientPrivilege", "row-level security"),
        ("far", DECISION, [1, "P", "chen", "far", "approved"], "InsufficientPrivilege", "row-level security"),
        ("far", PROPOSAL, [1, 900, "far"], "InsufficientPrivilege", "row-level security"),
        ("chen", PROPOSAL, [2, 900, "chen"], "InsufficientPrivilege", "row-level security"),
        # about a proposal that was never made
        ("li", DECISION, [1, 4711, "chen", "li", "approved"], "ForeignKeyViolation", "decision_names_the_true_maker"),
        ("li", DECISION, [1, "P", "chen", "li", "maybe"], "CheckViolation", "decision_verdict_known"),
    ],
)
def test_the_database_itself_refuses(people, person, statement, values, error, match):
    number = proposed()
    values = [number if value == "P" else value for value in values]
    with pytest.raises(getattr(psycopg.errors, error), match=match):
        direct(person, statement, values)
    assert len(pending(1)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spine_decision SET verdict = 'approved'",
        "DELETE FROM spine_proposal",
        "UPDATE spine_proposal SET maker = 'li'",
    ],
)
def test_neither_people_nor_desks_change_what_was_decided(people, statement):
    proposed()
    decide(1, DAY, "li", pending(1)[0], approved=False, comment="no")
    for person in ("chen", "li"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            direct(person, statement, [])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), raw().transaction():
        raw().execute(statement)


def test_the_desks_role_can_write_neither_proposals_nor_decisions(people):
    number = proposed()
    for statement, values in [
        (PROPOSAL, [1, 900, "chen"]),
        (DECISION, [1, number, "chen", "li", "approved"]),
    ]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"), raw().transaction():
            raw().execute(statement, values)


def test_access_that_was_taken_away_no_longer_decides(people):
    proposed()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM spine_access WHERE person_id = 'li'")
    assert refusal_of("li", pending(1)[0]) == "no_access"
