"""The accounting desk on a real database: a small day, from the openings to the close."""

import json

import polars as pl
import pytest
from django.db import connection

from nostro.departments.accounting import actions, desk, queries
from nostro.departments.accounting.words import WORDS
from nostro.kernel.events.settlement import InstructionSettled
from nostro.kernel.events.trades import TradeAllocated
from nostro.kernel.refusals import Refused, Tally
from nostro.ledger import queries as ledger
from nostro.spine import events, inbox
from nostro.spine.actions import Item
from nostro.spine.database import copy_in

A, B, US = "DE000ZZZ0011", "DE000ZZZ0029", "US00ZZZ00015"
OPENINGS = f"""book,isin,quantity,cost,currency,account
FLOW,{A},100,1000.00,EUR,DEPOT
PROP,{B},5,50,EUR,DEPOT
NONE,{B},0.5,50,EUR,DEPOT
FLOW,{B},many,50,EUR,DEPOT
"""
OPENING_CASH = "account,currency,amount,sequence,statement\nCASH,EUR,500.00,41,S41\nCASH,USD,1,1,S1\n"


def _receive(entity, day, kind, text, name=None):
    stem, extension = kind.split(".")
    inbox.receive(
        entity.id, day, kind=kind, sender="SELF", name=name or f"10_{stem}.SELF.{extension}", data=text.encode()
    )


def _open(entity, day):
    _receive(entity, day, "openings.csv", OPENINGS)
    _receive(entity, day, "opening_cash.csv", OPENING_CASH)
    return desk.open_books(entity, day)


def _balances(entity):
    frame = ledger.balances(entity.id).filter(pl.col("balance_minor") != 0)
    return dict(frame.select("code", "balance_minor").sort("code").iter_rows())


def _exceptions(entity):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, subject, facts, money_minor, currency FROM spine_exception WHERE entity_id = %s ORDER BY id",
            [entity.id],
        )
        return [(r, s, json.loads(f), m, c) for r, s, f, m, c in cursor.fetchall()]


def _emit(entity, day, subject, *facts):
    fact = type(facts[0])
    rows = [{"subject": subject, **{c: getattr(f, c) for c in f.columns()}} for f in facts]
    return events.emit(entity.id, day, fact, pl.DataFrame(rows, infer_schema_length=None))


def _settled(direction, isin, quantity, amount, day):
    return InstructionSettled(direction, isin, quantity, amount, "EUR", day, "DEPOT", "CASH", "FCSDDEFFXXX")


def _allocated(side, isin, quantity, gross, day, fee=0):
    return TradeAllocated(isin, side, "FLOW", quantity, gross, fee, 0, "EUR", "FCSDDEFFXXX", day)


def test_the_books_open_with_what_is_right_and_an_exception_for_each_other_line(stocked, day):
    assert _open(stocked, day) == Tally(seen=6, done=3, refused=3)
    assert _balances(stocked) == {
        f"book/FLOW/{A}": 100,
        f"book/PROP/{B}": 5,
        f"cost/FLOW/{A}": 1000_00,
        f"cost/PROP/{B}": 50_00,
        f"depot/DEPOT/{A}": -100,
        f"depot/DEPOT/{B}": -5,
        "equity/EUR": -1550_00,
        "nostro/CASH/EUR": 500_00,
    }
    assert [(reason, subject) for reason, subject, *_ in _exceptions(stocked)] == [
        ("csv_field_invalid", "message/10_openings.SELF.csv/4"),
        ("opening_unknown", f"opening/NONE/{B}/DEPOT"),
        ("opening_invalid", f"opening/NONE/{B}/DEPOT"),
        ("opening_unknown", "opening/CASH/USD"),
    ]


def test_openings_are_taken_over_once_whatever_comes_again(stocked, day):
    _open(stocked, day)
    before = _balances(stocked)
    assert desk.open_books(stocked, day) == Tally(0)
    _receive(stocked, day, "openings.csv", OPENINGS + "\n", name="11_openings.SELF.csv")
    assert desk.open_books(stocked, day) == Tally(seen=4, refused=4)
    assert _balances(stocked) == before
    repeated = [subject for reason, subject, *_ in _exceptions(stocked) if reason == "opening_repeated"]
    assert repeated == [f"opening/FLOW/{A}/DEPOT", f"opening/PROP/{B}/DEPOT"]


def test_a_trade_is_posted_on_its_day_and_again_when_it_settles(stocked, day):
    _open(stocked, day)
    _emit(stocked, day, "trade/1", _allocated("buy", A, 10, 120_00, day, fee=25))
    assert desk.book(stocked, day) == Tally(seen=1, done=1)
    assert desk.book(stocked, day) == Tally(0)
    balances = _balances(stocked)
    assert (balances[f"pending/FCSDDEFFXXX/{A}"], balances["unsettled/FCSDDEFFXXX/EUR"]) == (-10, -120_00)
    assert (balances[f"book/FLOW/{A}"], balances["fees/FLOW/EUR"], balances["payable_fees/EUR"]) == (110, 25, -25)
    _emit(stocked, day, "instruction/1", _settled("receive", A, 10, 120_00, day))
    assert desk.book(stocked, day) == Tally(seen=1, done=1)
    balances = _balances(stocked)
    assert f"pending/FCSDDEFFXXX/{A}" not in balances
    assert "unsettled/FCSDDEFFXXX/EUR" not in balances
    assert (balances[f"depot/DEPOT/{A}"], balances["nostro/CASH/EUR"]) == (-110, 380_00)


def test_a_transfer_is_numbered_after_its_event_and_its_place_in_the_rule(stocked, day):
    (seq,) = _emit(stocked, day, "trade/1", _allocated("buy", A, 10, 120_00, day, fee=25))
    desk.book(stocked, day)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, event, link FROM ledger_transfer ORDER BY id")
        assert cursor.fetchall() == [((seq << 8) + leg, seq, seq) for leg in (1, 2, 3)]


def test_a_delivery_of_more_than_the_depot_holds_is_refused_whole_and_posted_when_it_can_be(stocked, day):
    _open(stocked, day)
    _, bad = _emit(
        stocked, day, "instruction/1", _settled("deliver", A, 100, 9_00, day), _settled("deliver", A, 1, 12_00, day)
    )
    assert desk.book(stocked, day) == Tally(seen=2, done=1, refused=1)
    (refusal,) = [e for e in _exceptions(stocked) if e[0] == "posting_refused"]
    reason, subject, facts, money, currency = refusal
    assert (subject, money, currency) == (f"posting/{bad}", 12_00, "EUR")
    assert (facts["verdict"], facts["debit"], facts["amount"]) == ("ceiling_breached", f"depot/DEPOT/{A}", "1")
    assert _balances(stocked)["nostro/CASH/EUR"] == 509_00

    item = Item(1, day, "accounting", reason, subject, facts)
    again = actions.ACTIONS["post_again"].apply
    assert again(stocked, day, item, {}, "somebody") == "open"
    _emit(stocked, day, "instruction/2", _settled("receive", A, 1, 1, day))
    desk.book(stocked, day)
    assert again(stocked, day, item, {}, "somebody") == "closed"
    assert _balances(stocked)["nostro/CASH/EUR"] == 520_99


@pytest.mark.parametrize("size", [1, 1000])
def test_a_delivery_may_be_confirmed_before_the_receipt_it_was_made_from(stocked, day, size, monkeypatch):
    monkeypatch.setattr(desk, "CHUNK_EVENTS", size)
    moves = [("deliver", 7), ("deliver", 3), ("receive", 5), ("receive", 5), ("deliver", 1)]
    _emit(stocked, day, "instruction/1", *(_settled(direction, A, units, 1, day) for direction, units in moves))
    assert desk.book(stocked, day) == Tally(seen=5, done=4, refused=1)
    # The first pass lets in the receipts and the last delivery, the second 7 of the 9 that are there; 3 never fit.
    assert [e[2]["amount"] for e in _exceptions(stocked)] == ["3"]
    assert _balances(stocked)[f"depot/DEPOT/{A}"] == -2


def test_an_event_of_an_unknown_asset_or_side_costs_itself_and_no_other(stocked, day):
    _emit(
        stocked,
        day,
        "trade/1",
        _allocated("buy", "XX0000000000", 1, 1_00, day),
        _allocated("lend", A, 1, 1_00, day),
        _allocated("buy", A, 1, 1_00, day),
    )
    assert desk.book(stocked, day) == Tally(seen=3, done=1, refused=2)
    assert [(e[0], e[2].get("verdict")) for e in _exceptions(stocked)] == [
        ("posting_refused", "asset_unknown"),
        ("posting_rule_missing", None),
    ]


def test_an_account_that_holds_another_asset_refuses_the_event_and_no_other(stocked, day):
    _emit(stocked, day, "trade/1", _allocated("buy", A, 1, 1_00, day))
    desk.book(stocked, day)
    other = TradeAllocated(A, "buy", "FLOW", 1, 1_00, 0, 0, "USD", "FCSDDEFFXXX", day)
    _emit(stocked, day, "trade/2", other, _allocated("buy", B, 1, 1_00, day))
    assert desk.book(stocked, day) == Tally(seen=2, done=1, refused=1)
    assert [(e[0], e[2]["verdict"]) for e in _exceptions(stocked)] == [("posting_refused", "account_refused")]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_events_are_posted_the_same_in_chunks_of_any_size(stocked, day, size, monkeypatch):
    monkeypatch.setattr(desk, "CHUNK_EVENTS", size)
    _open(stocked, day)
    _emit(stocked, day, "trade/1", *(_allocated("buy", A, n, n * 100, day) for n in range(1, 6)))
    _emit(stocked, day, "instruction/1", *(_settled("deliver", A, 30, 1, day) for _ in range(5)))
    assert desk.book(stocked, day) == Tally(seen=10, done=8, refused=2)
    assert _balances(stocked)[f"depot/DEPOT/{A}"] == -10


def _price(day, *rows):
    frame = pl.DataFrame(rows, schema=["isin", "price_micro", "currency"], orient="row")
    copy_in("reference_price", frame.with_columns(day=pl.lit(day), source=pl.lit("FCPRICE")))


def test_positions_are_valued_at_the_close_and_the_change_is_the_result(stocked, day):
    _open(stocked, day)
    _emit(stocked, day, "trade/1", _allocated("sell", A, 120, 1500_00, day))
    desk.book(stocked, day)
    _price(day, (A, 12_000_000, "EUR"))
    assert desk.value(stocked, day) == Tally(seen=2, done=1, open=1)
    # Short 20 at 12.00 is -240.00; the books carried 1000.00 - 1500.00 = -500.00, so 260.00 was gained.
    assert queries.valuations(stocked.id, day).select("book", "quantity", "value_minor", "carrying_minor").rows() == [
        ("FLOW", -20, -240_00, -500_00)
    ]
    balances = _balances(stocked)
    assert (balances[f"valuation/FLOW/{A}"], balances["result/FLOW/EUR"]) == (260_00, -260_00)

    _price(day, (B, 11_000_000, "EUR"))
    assert desk.value(stocked, day) == Tally(seen=1, done=1)
    assert desk.value(stocked, day) == Tally(0)
    assert queries.positions(stocked.id)["carrying_minor"].to_list() == [-240_00, 55_00]


def test_a_position_that_was_sold_out_needs_no_price_and_books_its_result(stocked, day):
    _open(stocked, day)
    _emit(stocked, day, "trade/1", _allocated("sell", A, 100, 1100_00, day))
    desk.book(stocked, day)
    assert desk.value(stocked, day) == Tally(seen=2, done=1, open=1)
    assert _balances(stocked)["result/FLOW/EUR"] == -100_00
    assert f"{A}" not in queries.positions(stocked.id)["isin"].to_list()


def test_the_close_proves_the_books_and_nothing_is_posted_on_the_day_any_more(stocked, day):
    _open(stocked, day)
    accounts = ledger.balances(stocked.id).height
    _emit(stocked, day, "trade/1", _allocated("buy", A, 1, 1_00, day))
    assert desk.close(stocked, day) == Tally(seen=accounts + 3, done=accounts + 3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM spine_day WHERE entity_id = %s", [stocked.id])
        assert cursor.fetchone() == ("closed",)
        cursor.execute("SELECT content FROM spine_event WHERE kind = 'accounting.BooksClosed/1'")
        fact = json.loads(cursor.fetchone()[0])
    assert json.loads(fact["trial_balance"])["EUR"] == 1551_00
    _emit(stocked, day, "trade/2", _allocated("buy", A, 1, 1_00, day))
    assert desk.book(stocked, day) == Tally(seen=1, refused=1)
    assert _exceptions(stocked)[-1][2]["verdict"] == "closed_day"
    with pytest.raises(Refused, match="day_closed_already"):
        desk.close(stocked, day)


def test_books_that_do_not_balance_are_not_closed(stocked, day):
    _open(stocked, day)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET debit_minor = debit_minor + 1 WHERE account = 1")
    with pytest.raises(Refused, match="balance_differs"):
        desk.close(stocked, day)


def test_the_trial_balance_is_told_by_class_and_adds_up_to_nothing(stocked, day):
    _open(stocked, day)
    trial = queries.trial_balance(stocked.id)
    assert trial.filter(pl.col("counts") == "currency").select("account_class", "asset", "balance_minor").rows() == [
        ("nostro", "EUR", 500_00),
        ("cost", "EUR", 1050_00),
        ("equity", "EUR", -1550_00),
    ]
    assert set(trial.group_by("asset").agg(pl.col("balance_minor").sum())["balance_minor"]) == {0}


def test_every_reason_has_a_sentence_in_both_languages_and_an_action_that_exists():
    from nostro.spine.actions import COMMON

    for words in WORDS.values():
        assert all([words.en, words.zh, words.cure_en, words.cure_zh])
        assert set(words.actions) <= {*COMMON, *actions.ACTIONS}
