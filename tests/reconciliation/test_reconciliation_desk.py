"""The reconciliation desk on a real database: statements against the ledger, and what a person may do."""

import json
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from django.db import connection

from nostro.departments.accounting import desk as accounting
from nostro.departments.reconciliation import actions, desk, queries
from nostro.departments.reconciliation.words import WORDS
from nostro.kernel.events.settlement import InstructionSettled
from nostro.kernel.refusals import Tally
from nostro.messages.iso20022 import camt053, semt002
from nostro.messages.mt import holdings as mt535
from nostro.messages.shapes import CASH, HOLDING
from nostro.spine import events, inbox
from nostro.spine.actions import COMMON, Item

A, B = "DE000ZZZ0011", "DE000ZZZ0029"
BANK = "FCBKDEFFXXX"
U7 = [("U8", 8, "CASHUSD", "USD", 20_00, 20_00, [])]


def _settle(entity, day, *moves):
    """(reference, direction, quantity of A, amount) each."""
    rows = [
        {
            "subject": f"instruction/{reference}",
            "direction": direction,
            "isin": A,
            "quantity": quantity,
            "amount_minor": amount,
            "currency": "EUR",
            "settled_date": day,
            "account": "DEPOT",
            "cash_account": "CASH",
            "place_bic": "FCSDDEFFXXX",
        }
        for reference, direction, quantity, amount in moves
    ]
    events.emit(entity.id, day, InstructionSettled, pl.DataFrame(rows))
    accounting.book(entity, day)


def _cash(entity, day, *statements, file="50"):
    """Statements (id, number, account, currency, opening, closing, [(amount, our reference, bank reference)])."""
    rows = []
    for name, number, account, currency, opening, closing, entries in statements:
        head = {"statement": name, "sequence": number, "account": account, "currency": currency, "day": day}
        head |= {"opening_minor": opening, "closing_minor": closing}
        for n, (amount, ours, bank) in enumerate(entries, 1):
            rows.append(
                {
                    **head,
                    "entry": n,
                    "value_date": day,
                    "amount_minor": amount,
                    "reference": ours,
                    "bank_reference": bank,
                }
            )
        if not entries:
            rows.append(head)
    frame = pl.DataFrame(rows, schema=CASH)
    built = camt053.build_cash(frame, sender=BANK, receiver="FCEUDEFFXXX", created=datetime(2026, 10, 13, 18))
    name = f"{file}_camt053.{BANK}.xml"
    inbox.receive(entity.id, day, kind="camt053.xml", sender=BANK, name=name, data=built.data)


def _holdings(entity, day, *statements, file="40"):
    """Statements (id, account, {isin: units})."""
    rows = [
        {
            "statement": name,
            "sequence": 1,
            "account": account,
            "day": day,
            "isin": isin,
            "quantity_micro": units * 10**6,
        }
        for name, account, held in statements
        for isin, units in held.items()
    ]
    built = semt002.build_holdings(
        pl.DataFrame(rows, schema=HOLDING), sender=BANK, receiver="FCEUDEFFXXX", created=datetime(2026, 10, 13, 18)
    )
    name = f"{file}_semt002.{BANK}.xml"
    inbox.receive(entity.id, day, kind="semt002.xml", sender=BANK, name=name, data=built.data)


def _queue(entity, state="open"):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, subject, money_minor, currency FROM spine_exception WHERE entity_id = %s AND state = %s"
            " ORDER BY id",
            [entity.id, state],
        )
        return cursor.fetchall()


def test_a_bank_that_agrees_leaves_nothing_open(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00), ("R2", "deliver", 4, 50_00))
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 430_00, [(50_00, "R2", "B2"), (-120_00, "R1", "B1")]), *U7)
    assert desk.reconcile_cash(opened, day) == Tally(seen=2, done=2)
    assert _queue(opened) == []
    assert queries.summary(opened.id, day).rows() == [
        ("cash", "CASH", "EUR", "S42", 2, 2, 0),
        ("cash", "CASHUSD", "USD", "U8", 0, 0, 0),
    ]
    assert desk.reconcile_cash(opened, day) == Tally(0)


def test_each_break_of_a_bank_is_one_exception_with_the_money_at_risk(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00), ("R2", "deliver", 4, 50_00), ("R3", "deliver", 1, 7_00))
    entries = [(50_00, "R2", "B2"), (-119_00, "R1", "B1"), (3_00, None, "B9"), (50_00, "R2", "B3")]
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 484_00, entries), *U7)
    assert desk.reconcile_cash(opened, day) == Tally(seen=5, done=1, open=4)
    assert sorted(_queue(opened)) == [
        ("cash_amount_differs", "cash/CASH/R1", 1_00, "EUR"),
        ("cash_missing_at_bank", "cash/CASH/R3", 7_00, "EUR"),
        ("cash_twice", "cash/CASH/B3", 50_00, "EUR"),
        ("cash_unknown", "cash/CASH/B9", 3_00, "EUR"),
    ]
    told = queries.breaks(opened.id, day).select("item", "theirs", "ours", "difference").sort("item").rows()
    assert ("R1", "-119.00", "-120.00", "1.00") in told
    assert ("R3", "", "7.00", "-7.00") in told


@pytest.mark.parametrize(
    ("statement", "tally", "queue"),
    [
        (
            ("S45", 45, "CASH", "EUR", 500_00, 500_00, []),
            Tally(0),
            [("statement_out_of_sequence", "statement/CASH/S45", None, None)],
        ),
        (
            ("S42", 42, "CASH", "EUR", 490_00, 490_00, []),
            Tally(seen=1, open=1),
            [("statement_opening_differs", "statement/CASH/S42", 10_00, "EUR")],
        ),
        (
            ("S41", 42, "CASH", "EUR", 500_00, 500_00, []),
            Tally(seen=1, refused=1),
            [("statement_duplicate", "statement/CASH/S41", None, None)],
        ),
        (
            ("S42", 42, "CASH", "EUR", 500_00, 501_00, []),
            Tally(seen=1, refused=1),
            [("statement_does_not_add_up", "statement/CASH/S42", 1_00, "EUR")],
        ),
    ],
)
def test_an_odd_statement_is_one_exception_and_no_line_beside_it(opened, day, statement, tally, queue):
    _cash(opened, day, statement, *U7)
    assert desk.reconcile_cash(opened, day) == tally
    assert _queue(opened) == queue


def test_a_statement_sent_twice_in_another_file_is_not_used_twice(opened, day):
    statement = ("S42", 42, "CASH", "EUR", 500_00, 500_00, [])
    _cash(opened, day, statement, *U7)
    _cash(opened, day, statement, file="51")
    assert desk.reconcile_cash(opened, day) == Tally(seen=1, refused=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT file, outcome, reason FROM spine_messageitem WHERE file > 2 ORDER BY file, ordinal")
        outcomes = cursor.fetchall()
    assert [outcome for _, outcome, _ in outcomes] == ["done", "done", "duplicate"]


def test_a_statement_in_pages_is_one_and_its_copy_in_the_same_file_another(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00), ("R2", "deliver", 4, 50_00))
    pages = (
        ":20:S42\n:25:CASH\n:28C:42/1\n:60F:C261013EUR500,00\n:61:261013D120,NTRFR1//B1\n:62M:C261013EUR380,00\n-\n"
        ":20:S42\n:25:CASH\n:28C:42/2\n:60M:C261013EUR380,00\n:61:261013C50,NTRFR2//B2\n:62F:C261013EUR430,00\n-\n"
    )
    inbox.receive(opened.id, day, kind="mt940.fin", sender=BANK, name=f"50_mt940.{BANK}.fin", data=(pages * 2).encode())
    _cash(opened, day, *U7, file="51")
    assert desk.reconcile_cash(opened, day) == Tally(seen=3, done=2, refused=1)
    assert [(reason, subject) for reason, subject, *_ in _queue(opened)] == [
        ("statement_duplicate", "statement/CASH/S42")
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT ordinal, outcome FROM spine_messageitem WHERE file = 3 ORDER BY ordinal")
        assert cursor.fetchall() == [(1, "done"), (2, "done"), (3, "duplicate"), (4, "duplicate")]


def test_a_statement_of_more_positions_than_a_page_holds_is_one(opened, day):
    held = {A: 100, B: 5, **{f"FR{n:09d}0": 1 for n in range(150)}}
    rows = [
        {"statement": "H1", "sequence": 1, "account": "DEPOT", "day": day, "isin": isin, "quantity_micro": n * 10**6}
        for isin, n in held.items()
    ]
    built = mt535.build_holdings(pl.DataFrame(rows, schema=HOLDING), sender=BANK, receiver="FCEUDEFFXXX")
    assert built.index.height == 2
    inbox.receive(opened.id, day, kind="mt535.fin", sender=BANK, name=f"40_mt535.{BANK}.fin", data=built.data)
    assert desk.reconcile_holdings(opened, day) == Tally(seen=152, done=2, open=150)


def test_an_account_without_a_statement_is_said_and_resolved_when_it_comes(opened, day):
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 500_00, []))
    assert desk.reconcile_cash(opened, day) == Tally(seen=1, open=1)
    assert _queue(opened) == [("statement_missing", "statement/CASHUSD/USD/2026-10-13", None, None)]
    _cash(opened, day, *U7, file="51")
    assert desk.reconcile_cash(opened, day) == Tally(0)
    assert _queue(opened) == []


def test_a_second_statement_of_the_day_goes_on_where_the_first_ended(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00), ("R2", "deliver", 4, 50_00))
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 380_00, [(-120_00, "R1", "B1")]), *U7)
    assert desk.reconcile_cash(opened, day) == Tally(seen=2, done=1, open=1)
    assert _queue(opened) == [("cash_missing_at_bank", "cash/CASH/R2", 50_00, "EUR")]
    _cash(opened, day, ("S43", 43, "CASH", "EUR", 380_00, 430_00, [(50_00, "R2", "B2")]), file="51")
    assert desk.reconcile_cash(opened, day) == Tally(seen=2, done=2)
    assert _queue(opened) == []


def test_what_the_bank_books_a_day_later_is_explained_by_the_break_before(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00))
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 500_00, []), *U7)
    desk.reconcile_cash(opened, day)
    tomorrow = day + timedelta(1)
    late = ("S43", 43, "CASH", "EUR", 500_00, 380_00, [(-120_00, "R1", "B1")])
    _cash(opened, tomorrow, late, ("U9", 9, "CASHUSD", "USD", 20_00, 20_00, []), file="51")
    assert desk.reconcile_cash(opened, tomorrow) == Tally(seen=1, open=1)
    assert [(reason, subject) for reason, subject, *_ in _queue(opened)] == [
        ("cash_missing_at_bank", "cash/CASH/R1"),
        ("cash_unknown", "cash/CASH/B1"),
    ]


def test_a_late_statement_and_the_one_of_today_are_each_compared_with_their_own_day(opened, day):
    tomorrow = day + timedelta(1)
    _settle(opened, day, ("R1", "receive", 10, 120_00))
    _settle(opened, tomorrow, ("R2", "deliver", 4, 50_00), ("R3", "deliver", 1, 7_00))
    u9 = ("U9", 9, "CASHUSD", "USD", 20_00, 20_00, [])
    _cash(opened, tomorrow, ("S43", 43, "CASH", "EUR", 380_00, 430_00, [(50_00, "R2", "B2")]), u9)
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 380_00, [(-120_00, "R1", "B1")]), *U7, file="51")
    assert desk.reconcile_cash(opened, tomorrow) == Tally(seen=3, done=2, open=1)
    assert [(reason, subject) for reason, subject, *_ in _queue(opened)] == [("cash_missing_at_bank", "cash/CASH/R3")]
    assert queries.summary(opened.id, day).rows()[0] == ("cash", "CASH", "EUR", "S42", 1, 1, 0)


def test_a_difference_of_balances_is_told_once_however_often_the_account_is_compared(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00))
    _settle(opened, day - timedelta(1), ("R0", "receive", 10, 9_00))
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 490_00, 370_00, [(-120_00, "R1", "B1")]), *U7)
    assert desk.reconcile_cash(opened, day) == Tally(seen=3, done=1, open=2)
    before = queries.lines(opened.id, "cash", day)
    assert before["item"].to_list() == ["opening", "R1", "balance"]
    desk.rematch(opened, day, "cash", "CASH", "EUR", day)
    assert queries.lines(opened.id, "cash", day).equals(before)
    _cash(opened, day, ("S43", 43, "CASH", "EUR", 370_00, 370_00, []), file="51")
    assert desk.reconcile_cash(opened, day) == Tally(seen=3, done=1, open=2)
    assert len(_queue(opened)) == 2


def test_a_posting_the_bank_never_heard_of_on_an_earlier_day_leaves_the_balance_unproved(opened, day):
    yesterday = day - timedelta(1)
    _settle(opened, yesterday, ("R0", "receive", 10, 9_00))
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 500_00, []), *U7)
    assert desk.reconcile_cash(opened, day) == Tally(seen=1, open=1)
    assert _queue(opened) == [("cash_balance_differs", "cash/CASH/2026-10-13", 9_00, "EUR")]


def test_holdings_are_compared_position_by_position(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00))
    _holdings(opened, day, ("H1", "DEPOT", {A: 110, B: 6, "US00ZZZ00015": 1}))
    assert desk.reconcile_holdings(opened, day) == Tally(seen=3, done=1, open=2)
    assert _queue(opened) == [
        ("holding_differs", f"holding/DEPOT/{B}", None, None),
        ("holding_differs", "holding/DEPOT/US00ZZZ00015", None, None),
    ]
    assert queries.breaks(opened.id, day).select("item", "theirs", "ours").rows() == [
        (B, "6.000000", "5.000000"),
        ("US00ZZZ00015", "1.000000", ""),
    ]


def test_a_depot_without_a_statement_is_said(opened, day):
    assert desk.reconcile_holdings(opened, day) == Tally(seen=1, open=1)
    assert _queue(opened) == [("statement_missing", "statement/DEPOT/2026-10-13", None, None)]


def test_comparing_again_closes_what_the_ledger_has_learned_since(opened, day):
    _settle(opened, day, ("R1", "receive", 10, 120_00))
    entries = [(-120_00, "R1", "B1"), (50_00, "R2", "B2")]
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 430_00, entries), *U7)
    _holdings(opened, day, ("H1", "DEPOT", {A: 106, B: 5}))
    desk.reconcile_cash(opened, day)
    desk.reconcile_holdings(opened, day)
    items = [_item(opened, day, reason) for reason in ("cash_unknown", "holding_differs")]
    rematch = actions.ACTIONS["rematch"].apply
    assert [rematch(opened, day, item, {}, "somebody") for item in items] == ["open", "open"]
    _settle(opened, day, ("R2", "deliver", 4, 50_00))
    assert [rematch(opened, day, item, {}, "somebody") for item in items] == ["closed", "closed"]
    assert _queue(opened) == []
    assert queries.breaks(opened.id, day).is_empty()


def _item(entity, day, reason):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, subject, facts FROM spine_exception WHERE entity_id = %s AND reason = %s", [entity.id, reason]
        )
        number, subject, facts = cursor.fetchone()
    return Item(number, day, "reconciliation", reason, subject, json.loads(facts))


def test_to_accept_a_break_takes_two_people():
    assert actions.ACTIONS["accept_break"].two_people
    assert not actions.ACTIONS["rematch"].two_people


def test_a_broken_file_costs_its_messages_and_no_statement_beside_it(opened, day):
    inbox.receive(opened.id, day, kind="camt053.xml", sender=BANK, name=f"49_camt053.{BANK}.xml", data=b"<Document>\n")
    _cash(opened, day, ("S42", 42, "CASH", "EUR", 500_00, 500_00, []), *U7)
    tally = desk.reconcile_cash(opened, day)
    assert (tally.refused, tally.open) == (1, 0)
    assert [reason for reason, *_ in _queue(opened)] == ["xml_broken"]


def test_every_reason_of_a_break_has_a_sentence_and_actions_that_exist():
    for words in WORDS.values():
        assert all([words.en, words.zh, words.cure_en, words.cure_zh])
        assert set(words.actions) <= {*COMMON, *actions.ACTIONS}


def test_a_break_found_on_a_friday_is_due_by_monday(opened):
    deadlines = desk._deadlines(opened, date(2026, 10, 16))
    assert deadlines.columns == ["account", "deadline"]
    assert deadlines["account"].to_list() == ["CASH", "CASHUSD", "DEPOT"]
