"""Balances at any date as known at any time, the close of a day, and the proof from the transfers alone."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nostro.kernel.events.spine import HoldLifted
from nostro.kernel.refusals import Refused
from nostro.ledger import queries
from nostro.ledger.accounts import open_accounts
from nostro.ledger.assets import open_assets
from nostro.ledger.close import close_day
from nostro.ledger.posting import post
from nostro.ledger.rules.columns import TRANSFER
from nostro.ledger.rules.verdicts import Verdict
from nostro.ledger.verify import SENTENCES, verify
from nostro.spine import clock
from nostro.spine.audit import sentence
from nostro.spine.database import raw
from nostro.spine.events import emit_one

MONDAY = date(2026, 10, 12)
NOON = datetime(2026, 10, 12, 12, tzinfo=UTC)


def days(count):
    return MONDAY + timedelta(count)


@pytest.fixture
def books(firm):
    """Three EUR accounts and two in a share, and six events of the firm, recorded one an hour from Monday noon on."""
    open_assets(pl.DataFrame({"id": [1, 1001], "code": ["EUR", "DE000FCT0017"], "scale": [2, 0]}))
    codes = ["nostro/C/EUR", "equity/EUR", "fees/FLOW/EUR", "book/FLOW/DE000FCT0017", "depot/D/DE000FCT0017"]
    open_accounts(firm.id, MONDAY, pl.DataFrame({"code": codes, "asset_id": [1, 1, 1, 1001, 1001]}))
    for hour in range(6):
        clock.inject(lambda hour=hour: NOON + timedelta(hours=hour))
        emit_one(firm.id, days(0), HoldLifted("risk"), f"trade/{hour}")
    yield firm.id
    clock.inject(lambda: datetime.now(UTC))


def transfers(*rows):
    """Rows of (id, debit, credit, amount, event, day); accounts 4 and 5 hold the share."""
    values = [(i, d, c, 1 if d < 4 else 1001, a, event, days(day), 0) for i, d, c, a, event, day in rows]
    return pl.DataFrame(values, schema=TRANSFER, orient="row")


def posted(entity, *rows):
    assert post(entity, transfers(*rows)).select(Verdict.is_accepted().all()).item()


def by_account(frame):
    return dict(frame.select("account", "balance_minor").iter_rows())


WEEK = [
    (1, 1, 2, 1_000, 1, 0),
    (2, 4, 5, 70, 1, 0),
    (3, 3, 1, 15, 2, 0),
    (4, 1, 2, 500, 3, 1),
    (5, 5, 4, 20, 4, 1),
    (6, 3, 1, 5, 5, 2),
]


@pytest.mark.parametrize("close_before", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("as_of", "hours", "expected"),
    [
        (None, None, {1: 1_480, 2: -1_500, 3: 20, 4: 50, 5: -50}),
        (0, None, {1: 985, 2: -1_000, 3: 15, 4: 70, 5: -70}),
        (1, None, {1: 1_485, 2: -1_500, 3: 15, 4: 50, 5: -50}),
        (2, None, {1: 1_480, 2: -1_500, 3: 20, 4: 50, 5: -50}),
        (2, 0, {1: 1_000, 2: -1_000, 4: 70, 5: -70}),
        (2, 0.5, {1: 1_000, 2: -1_000, 4: 70, 5: -70}),
        (2, 2, {1: 1_485, 2: -1_500, 3: 15, 4: 70, 5: -70}),
        (None, 2, {1: 1_485, 2: -1_500, 3: 15, 4: 70, 5: -70}),
        (0, -1, {}),
        (-1, None, {}),
    ],
)
def test_balances_of_any_date_as_known_at_any_time_with_and_without_closed_days(
    books, close_before, as_of, hours, expected
):
    for day in range(3):
        posted(books, *[row for row in WEEK if row[5] == day])
        if day < close_before:
            close_day(books, days(day), event=(2, 4, 5)[day])
    as_known_at = None if hours is None else NOON + timedelta(hours=hours)
    answer = queries.balances(books, as_of=None if as_of is None else days(as_of), as_known_at=as_known_at)
    assert by_account(answer) == expected


def test_balances_of_a_prefix(books):
    posted(books, *WEEK)
    assert queries.balances(books, prefix="depot/").select("code", "asset_id", "balance_minor").rows() == [
        ("depot/D/DE000FCT0017", 1001, -50)
    ]


def test_the_trial_balance_is_even_in_every_asset(books):
    posted(books, *WEEK)
    assert queries.trial_balance(books).rows() == [(1, 1_520, 1_520, 0), (1001, 90, 90, 0)]
    assert queries.trial_balance(books, as_of=days(0)).rows() == [(1, 1_015, 1_015, 0), (1001, 70, 70, 0)]


def test_a_statement_runs_from_its_opening_to_its_closing_balance(books):
    posted(books, *WEEK)
    assert queries.statement(books, "nostro/C/EUR", days(1), days(2)).rows() == [
        (4, days(1), 3, "equity/EUR", 500, 1_485),
        (6, days(2), 5, "fees/FLOW/EUR", -5, 1_480),
    ]
    early = queries.statement(books, "nostro/C/EUR", days(0), days(2), as_known_at=NOON + timedelta(hours=1))
    assert early["balance_minor"].to_list() == [1_000, 985]
    with pytest.raises(Refused, match="account_unknown"):
        queries.statement(books, "nostro/X/EUR", days(0), days(1))


def test_a_closed_day_takes_nothing_more_and_its_snapshot_is_kept(books):
    posted(books, *WEEK[:5])
    closed = close_day(books, days(1))
    assert (closed.transfers, closed.accounts) == (2, 5)
    assert closed.trial_balance["difference_minor"].to_list() == [0, 0]
    late = transfers((7, 1, 2, 9, 6, 0), (8, 1, 2, 9, 6, 1), (9, 1, 2, 9, 6, 2), WEEK[0])
    assert post(books, late).select(Verdict.name_in())["verdict"].to_list() == [
        "closed_day",
        "closed_day",
        "accepted",
        "exists",
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, debit_minor, credit_minor, event FROM ledger_snapshot ORDER BY account")
        assert cursor.fetchall() == [
            (1, 1_500, 15, 6),
            (2, 0, 1_500, 6),
            (3, 15, 0, 6),
            (4, 70, 20, 6),
            (5, 20, 70, 6),
        ]


@pytest.mark.parametrize("day", [0, 1])
def test_a_day_is_closed_once_and_not_behind_a_later_one(books, day):
    close_day(books, days(1))
    with pytest.raises(Refused, match="day_closed_already"):
        close_day(books, days(day))


def test_books_that_do_not_agree_with_their_transfers_are_not_closed_and_every_difference_is_named(books):
    posted(books, *WEEK[:3])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET debit_minor = debit_minor + 1 WHERE account IN (1, 4)")
    with pytest.raises(Refused) as refused:
        close_day(books, days(0))
    assert [(r.reason, r.subject, dict(r.facts)) for r in refused.value.refusals] == [
        ("balance_differs", "account/1", {"stored": "1001 / 15", "replayed": "1000 / 15"}),
        ("balance_differs", "account/4", {"stored": "71 / 0", "replayed": "70 / 0"}),
    ]


def flaws(entity):
    found = verify(raw(), entity)
    assert all(sentence(flaw, language, SENTENCES) for flaw in found for language in ("en", "zh"))
    return sorted((flaw.what, flaw.subject) for flaw in found)


def insert_transfer(number, debit, credit, asset, amount, event, day):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transfer (entity_id, id, debit, credit, asset_id, amount_minor, event, business_date, link)"
            " VALUES (1, %s, %s, %s, %s, %s, %s, %s, 0)",
            [number, debit, credit, asset, amount, event, days(day)],
        )


def test_sound_books_have_no_flaw(books):
    assert flaws(books) == []
    posted(books, *WEEK[:5])
    close_day(books, days(0))
    close_day(books, days(1))
    posted(books, WEEK[5])
    assert flaws(books) == []


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ((90, 99, 2, 1, 1, 1, 2), ("transfer_account_unknown", "transfer/90")),
        ((90, 1, 99, 1, 1, 1, 2), ("transfer_account_unknown", "transfer/90")),
        ((90, 4, 5, 1, 1, 1, 2), ("transfer_asset_differs", "transfer/90")),
        ((90, 1, 2, 1, 1, 60, 2), ("transfer_event_unknown", "transfer/90")),
        ((90, 1, 2, 1, 1, 6, 1), ("transfer_after_close", "transfer/90")),
        ((90, 1, 3, 1, 1, 6, 3), ("transfer_on_closed_account", "transfer/90")),
    ],
)
def test_a_transfer_that_posting_would_have_refused_is_named(books, row, found):
    posted(books, *WEEK[:5])
    close_day(books, days(1), event=5)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_account SET closed_from = %s WHERE id = 3", [days(3)])
    insert_transfer(*row)
    answer = flaws(books)
    assert found in answer
    assert {what for what, _ in answer} <= {found[0], "balance_differs", "snapshot_differs"}
    assert ("balance_differs", f"account/{row[1]}") in answer


def test_a_changed_balance_and_a_changed_snapshot_are_named(books):
    posted(books, *WEEK[:5])
    close_day(books, days(0))
    close_day(books, days(1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET credit_minor = 7 WHERE account = 3")
        cursor.execute("UPDATE ledger_account SET floor_minor = 9 WHERE id = 3")
        cursor.execute(
            "INSERT INTO ledger_snapshot (entity_id, business_date, account, event, debit_minor, credit_minor)"
            " VALUES (1, %s, 77, 1, 5, 0)",
            [days(1)],
        )
    assert flaws(books) == [
        ("balance_differs", "account/3"),
        ("balance_outside_bounds", "account/3"),
        ("snapshot_differs", f"snapshot/{days(1)}/77"),
    ]


def test_a_transfer_is_never_changed_nor_removed(books):
    posted(books, WEEK[0])
    for statement in ("UPDATE ledger_transfer SET amount_minor = 1", "DELETE FROM ledger_transfer"):
        with pytest.raises(Exception, match="permission denied") as refused, raw().transaction():
            raw().execute(statement)
        assert isinstance(refused.value, psycopg.errors.InsufficientPrivilege)


moves = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 50), st.integers(1, 6), st.integers(0, 3)),
    max_size=30,
)


@given(moves, st.lists(st.integers(0, 3), max_size=3), st.integers(0, 4), st.integers(-1, 6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_report_says_does_not_depend_on_which_days_were_closed(books, drawn, closes, as_of, hour):
    from django.db import transaction

    undo = transaction.atomic()
    undo.__enter__()
    try:
        # Days close in order, when all their transfers are in, and nothing later has been heard of.
        drawn = sorted(drawn, key=lambda move: move[4])
        rows = [(n, d, c, a, min(e, 1 + day), day) for n, (d, c, a, e, day) in enumerate(drawn, 1) if d != c]
        for day in range(4):
            post(books, transfers(*[row for row in rows if row[5] == day]))
            if day in closes:
                close_day(books, days(day), event=1 + day)
        answer = queries.balances(books, as_of=days(as_of), as_known_at=NOON + timedelta(hours=hour))
        obvious: dict[int, int] = {}
        for _, debit, credit, amount, event, day in rows:
            if day <= as_of and event <= hour + 1:
                obvious[debit] = obvious.get(debit, 0) + amount
                obvious[credit] = obvious.get(credit, 0) - amount
        assert by_account(answer) == obvious
        assert verify(raw(), books) == []
    finally:
        transaction.set_rollback(True)
        undo.__exit__(None, None, None)
