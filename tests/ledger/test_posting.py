"""Posting into PostgreSQL: what is written, what is refused, and that twice is once."""

from datetime import date, timedelta

import polars as pl
import pytest
from django.db import connection

from nostro.kernel.refusals import Refused
from nostro.ledger.accounts import close_account, open_accounts
from nostro.ledger.assets import assets, open_assets
from nostro.ledger.posting import post
from nostro.ledger.rules.columns import TRANSFER
from nostro.ledger.rules.verdicts import Verdict

DAY = date(2026, 10, 13)


@pytest.fixture
def books(firm):
    """Accounts of the firm: cash and equity in EUR, a book and a depot in a share; the depot only ever owes us."""
    open_assets(pl.DataFrame({"id": [1, 1001], "code": ["EUR", "DE000FCT0017"], "scale": [2, 0]}))
    wanted = pl.DataFrame(
        {
            "code": ["nostro/C/EUR", "equity/EUR", "book/FLOW/DE000FCT0017", "depot/D/DE000FCT0017"],
            "asset_id": [1, 1, 1001, 1001],
            "floor_minor": [-500, None, None, None],
            "ceiling_minor": [None, None, None, 0],
        }
    )
    return dict(open_accounts(firm.id, DAY, wanted).iter_rows())


def transfers(*rows):
    """Rows of (id, debit, credit, asset, amount, link)."""
    values = [(i, d, c, asset, amount, 1, DAY, link) for i, d, c, asset, amount, link in rows]
    return pl.DataFrame(values, schema=TRANSFER, orient="row")


def stored(table, columns):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE entity_id = 1 ORDER BY 1")
        return cursor.fetchall()


def names(answer):
    return answer.select(Verdict.name_in())["verdict"].to_list()


def test_a_batch_is_written_with_its_balances(firm, books):
    answer = post(
        firm.id,
        transfers((11, 1, 2, 1, 10_000, 0), (12, 3, 4, 1001, 70, 5), (13, 2, 1, 1, 10_400, 5), (14, 2, 1, 1, 101, 0)),
    )
    assert answer["id"].to_list() == [11, 12, 13, 14]
    assert names(answer) == ["accepted", "accepted", "accepted", "floor_breached"]
    assert stored("ledger_transfer", "id, debit, credit, asset_id, amount_minor, event, business_date, link") == [
        (11, 1, 2, 1, 10_000, 1, DAY, 0),
        (12, 3, 4, 1001, 70, 1, DAY, 5),
        (13, 2, 1, 1, 10_400, 1, DAY, 5),
    ]
    assert stored("ledger_balance", "account, debit_minor, credit_minor") == [
        (1, 10_000, 10_400),
        (2, 10_400, 10_000),
        (3, 70, 0),
        (4, 0, 70),
    ]


def test_posting_the_same_again_writes_nothing_and_other_content_under_its_id_is_refused(firm, books):
    batch = transfers((11, 1, 2, 1, 10_000, 0), (12, 3, 4, 1001, 70, 5), (13, 2, 1, 1, 400, 5))
    post(firm.id, batch)
    before = stored("ledger_balance", "account, debit_minor, credit_minor, xmin::text, cmin::text")
    assert names(post(firm.id, batch)) == ["exists"] * 3
    assert stored("ledger_balance", "account, debit_minor, credit_minor, xmin::text, cmin::text") == before
    changed = transfers((11, 1, 2, 1, 10_001, 0), (4_000_000, 1, 2, 1, 1, 0))
    assert names(post(firm.id, changed)) == ["duplicate_differs", "accepted"]
    assert len(stored("ledger_transfer", "id")) == 4


def test_the_second_batch_goes_on_from_the_balances_of_the_first(firm, books):
    assert names(post(firm.id, transfers((1, 2, 1, 1, 300, 0)))) == ["accepted"]
    assert names(post(firm.id, transfers((2, 2, 1, 1, 300, 0), (3, 2, 1, 1, 200, 0)))) == ["floor_breached", "accepted"]
    assert stored("ledger_balance", "account, debit_minor, credit_minor") == [(1, 0, 500), (2, 500, 0)]


def test_an_empty_batch_answers_an_empty_frame(firm, books):
    assert post(firm.id, pl.DataFrame(schema=TRANSFER)).shape == (0, 2)


def test_a_refused_batch_leaves_no_row(firm, books):
    assert names(post(firm.id, transfers((1, 1, 99, 1, 300, 0), (2, 1, 3, 1, 5, 0)))) == [
        "credit_unknown",
        "credit_asset_differs",
    ]
    assert stored("ledger_transfer", "id") == stored("ledger_balance", "account") == []


def test_accounts_are_numbered_in_the_order_asked_for_and_opened_once(firm, books):
    assert list(books.values()) == [1, 2, 3, 4]
    more = pl.DataFrame({"code": ["z/EUR", "equity/EUR", "a/EUR", "z/EUR"], "asset_id": [1, 1, 1, 1]})
    assert open_accounts(firm.id, DAY, more).rows() == [("z/EUR", 5), ("equity/EUR", 2), ("a/EUR", 6)]
    assert open_accounts(firm.id, DAY, more).rows() == [("z/EUR", 5), ("equity/EUR", 2), ("a/EUR", 6)]


def test_an_account_keeps_its_asset_and_all_mistakes_are_named_at_once(firm, books):
    close_account(firm.id, 2, DAY)
    wanted = pl.DataFrame({"code": ["nostro/C/EUR", "equity/EUR", "depot/D/DE000FCT0017"], "asset_id": [1001, 1, 1]})
    with pytest.raises(Refused) as refused:
        open_accounts(firm.id, DAY, wanted)
    assert [(r.reason, r.subject) for r in refused.value.refusals] == [
        ("account_asset_differs", "account/nostro/C/EUR"),
        ("account_asset_differs", "account/depot/D/DE000FCT0017"),
        ("account_closed", "account/equity/EUR"),
    ]


def test_a_new_account_must_have_room_for_a_balance_of_zero(firm, books):
    with pytest.raises(AssertionError, match="outside its bounds"):
        open_accounts(firm.id, DAY, pl.DataFrame({"code": ["x"], "asset_id": [1], "floor_minor": [1]}))


def test_a_closed_account_takes_nothing_from_its_day_on(firm, books):
    post(firm.id, transfers((1, 1, 2, 1, 300, 0), (2, 2, 1, 1, 300, 0)))
    close_account(firm.id, 1, DAY + timedelta(1))
    close_account(firm.id, 1, DAY + timedelta(1))
    assert names(post(firm.id, transfers((3, 1, 2, 1, 300, 0)))) == ["accepted"]
    later = transfers((4, 1, 2, 1, 300, 0), (5, 2, 1, 1, 300, 0)).with_columns(business_date=DAY + timedelta(1))
    assert names(post(firm.id, later)) == ["debit_closed", "credit_closed"]


@pytest.mark.parametrize(
    ("account", "closed_from", "reasons"),
    [
        (99, DAY + timedelta(1), ["account_unknown"]),
        (1, DAY, ["account_not_empty", "account_used_later"]),
        (1, DAY + timedelta(1), ["account_not_empty"]),
        (3, DAY, ["account_used_later"]),
        (4, DAY + timedelta(2), ["account_closed"]),
    ],
)
def test_an_account_is_not_closed_while_it_is_needed(firm, books, account, closed_from, reasons):
    post(firm.id, transfers((1, 1, 2, 1, 300, 0), (2, 3, 4, 1001, 7, 0), (3, 4, 3, 1001, 7, 0)))
    close_account(firm.id, 4, DAY + timedelta(1))
    with pytest.raises(Refused) as refused:
        close_account(firm.id, account, closed_from)
    assert [r.reason for r in refused.value.refusals] == reasons


def test_an_asset_is_opened_once_and_never_changes_its_scale(db):
    euro = pl.DataFrame({"id": [1], "code": ["EUR"], "scale": [2]})
    assert (open_assets(euro), open_assets(euro)) == (1, 0)
    with pytest.raises(ValueError, match="EUR"):
        open_assets(euro.with_columns(scale=pl.lit(3)))
    assert assets().filter(pl.col("id") == 1).rows() == [(1, "EUR", 2)]


def test_many_transfers_over_many_accounts_are_stored_as_they_were_judged(firm, books):
    codes = pl.DataFrame({"code": [f"book/{n}" for n in range(3_000)], "asset_id": [1] * 3_000})
    numbers = open_accounts(firm.id, DAY, codes)["account"]
    count = 30_000
    place = pl.int_range(count, dtype=pl.Int64)
    batch = pl.select(
        id=place + 1,
        debit=numbers[0] + place % 3_000,
        credit=numbers[0] + (place * 7 + 1) % 3_000,
        asset=pl.lit(1),
        amount_minor=place % 97,
        event=pl.lit(1),
        business_date=pl.lit(DAY),
        link=place // 2,
    )
    half = [post(firm.id, batch[:14_000]), post(firm.id, batch[14_000:])]
    accepted = batch.filter(pl.concat(half).select(Verdict.is_accepted()).to_series())
    assert 20_000 < accepted.height < count
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(amount_minor)::bigint, sum(id)::bigint FROM ledger_transfer")
        assert cursor.fetchone() == (accepted.height, accepted["amount_minor"].sum(), accepted["id"].sum())
        cursor.execute(
            "WITH replay AS (SELECT account, sum(d) AS debits, sum(c) AS credits FROM"
            " (SELECT debit, amount_minor, 0 FROM ledger_transfer"
            " UNION ALL SELECT credit, 0, amount_minor FROM ledger_transfer) AS sides (account, d, c) GROUP BY account)"
            " SELECT count(*) FROM replay FULL JOIN ledger_balance USING (account)"
            " WHERE debits IS DISTINCT FROM debit_minor OR credits IS DISTINCT FROM credit_minor"
        )
        assert cursor.fetchone() == (0,)
