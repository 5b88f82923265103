"""A small morning: executions, allocations and confirmations come in, trades go out, the rest stands in the queue."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from django.db import connection

from nostro.departments.trades import actions, desk, queries, words
from nostro.departments.trades.rules import allocate, confirm, validate
from nostro.kernel.refusals import Refused, Tally
from nostro.messages import fix
from nostro.messages.shapes import ALLOCATION, CONFIRM, EXECUTION
from nostro.reference.desk import load_opening_prices, load_reference, load_static
from nostro.spine import inbox
from nostro.spine.actions import COMMON, Item
from nostro.spine.entities import Entity, house, named
from nostro.spine.words import sentence

DAY = date(2026, 10, 13)
SENT = "20261013-06:00:00.000"
LEI = "5493001KJTIIGC8Y1R12"
HOUSE_FILES = {
    "entities.csv": f"code,name,name_zh,kind,currency,lei,bic\nEUB,Fictitious Brokers,虚构证券,broker,EUR,{LEI},FCEUDEFFXXX\n",
    "markets.csv": "mic,valid_from,name,name_zh,currency,place_bic,ccp_bic,dialect,cycle_days,exchange_calendar,bank_calendar,"
    "timezone,cutoff,price_tolerance_bp,fee_bp,tax_buy_bp,tax_sell_bp\n"
    "XETR,2000-01-01,Frankfurt,法兰克福,EUR,FCSDDEFFXXX,FCCPDEFFXXX,iso,2,XETR,TARGET,Europe/Berlin,16:00,500,1.5,0,0\n",
    "instruments.csv": "isin,name,name_zh,cfi,currency,mic,scale\nDE0007164600,Fictitious Motors,虚构汽车,ESVUFR,EUR,XETR,0\n",
    "parties.csv": f"bic,lei,name,name_zh,kind\nFCBKDEFFXXX,{LEI},Bank,银行,counterparty\nFCCPDEFFXXX,{LEI},Clearing,清算,ccp\n",
    "prices.csv": "isin,day,price,currency\nDE0007164600,2026-10-12,50,EUR\n",
}
FIRM_FILES = {
    "books.csv": "code,name,name_zh,is_block\nFLOW,Flow,做市,no\n"
    "FUNDA,Fund A,基金甲,no\nFUNDB,Fund B,基金乙,no\nBLOCK,Block,大宗,yes\n",
    "ssis.csv": "party_bic,place_bic,valid_from,agent_bic,account\nFCBKDEFFXXX,FCSDDEFFXXX,2020-01-01,FCAGDEFFXXX,7711\n",
}
EXECUTED = {
    "book": "FLOW", "isin": "DE0007164600", "side": "buy", "quantity_micro": 100_000_000, "price_micro": 50_000_000,
    "currency": "EUR", "trade_date": DAY, "settle_date": None, "mic": "XETR", "counterparty_bic": "FCBKDEFFXXX",
    "ccp_bic": None, "transact_time": None, "sender": "OMS", "content": "",
}  # fmt: skip


def receive(entity_id: int, name: str, data: bytes) -> None:
    _, stem, sender, extension = name.replace("_", ".", 1).split(".")
    assert inbox.receive(entity_id, DAY, kind=f"{stem}.{extension}", sender=sender, name=name, data=data)


def told(name: str, rows: list[dict[str, Any]], defaults: dict[str, Any], schema: pl.Schema, build: Any) -> None:
    frame = pl.DataFrame([{**defaults, **row} for row in rows], schema=schema)
    receive(1, name, build(frame, sender="OMS", target="EUB", sending_time=SENT).data)


def executed(name: str, *rows: dict[str, Any]) -> None:
    named_rows = [{"order_id": f"O{row['exec_id'][1:]}", **row} for row in rows]
    told(f"{name}_executions.OMS.fix", named_rows, EXECUTED, EXECUTION, fix.build_executions)


def allocated(name: str, exec_id: str, *parts: tuple[str, int]) -> None:
    rows = [{"book": book, "quantity_micro": quantity * 10**6} for book, quantity in parts]
    defaults = {
        "alloc_id": f"A{name}", "exec_id": exec_id, "isin": "DE0007164600", "side": "buy", "total_micro": 100_000_000,
        "price_micro": 50_000_000, "trade_date": DAY, "sender": "OMS",
    }  # fmt: skip
    told(f"{name}_allocations.OMS.fix", rows, defaults, ALLOCATION, fix.build_allocations)


def confirmed(name: str, *rows: dict[str, Any]) -> None:
    defaults = {
        "isin": "DE0007164600", "side": "buy", "quantity_micro": 100_000_000, "price_micro": 50_000_000,
        "net_minor": 500_000, "currency": "EUR", "trade_date": DAY, "settle_date": date(2026, 10, 15),
        "counterparty_bic": "FCBKDEFFXXX", "sender": "OMS",
    }  # fmt: skip
    numbered = [{"confirm_id": f"C{name}{n}", **row} for n, row in enumerate(rows, 1)]
    told(f"{name}_confirms.FCBK.fix", numbered, defaults, CONFIRM, fix.build_confirms)


def queue(state: str = "open") -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, subject FROM spine_exception WHERE entity_id = 1 AND state = %s ORDER BY id", [state]
        )
        return cursor.fetchall()


def item(reason: str, subject: str) -> Item:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, facts FROM spine_exception WHERE reason = %s AND subject = %s", [reason, subject])
        number, facts = cursor.fetchone()
    return Item(number, DAY, "trades", reason, subject, json.loads(facts))


@pytest.fixture
def broker(db: None) -> Entity:
    """A broker with its static data loaded, on the morning of the day."""
    for kind, text in HOUSE_FILES.items():
        receive(0, f"10_{kind.replace('.', '.FCDATA.')}", text.encode())
    load_reference(house(), DAY)
    load_opening_prices(house(), DAY)
    for kind, text in FIRM_FILES.items():
        receive(1, f"10_{kind.replace('.', '.EUB.')}", text.encode())
    entity = named("EUB")
    assert load_static(entity, DAY).refused == 0
    return entity


def test_a_report_told_again_is_counted_once_and_another_under_its_id_is_refused(broker):
    executed(
        "10", {"exec_id": "X1"}, {"exec_id": "X2"}, {"exec_id": "X1"}, {"exec_id": "X2", "price_micro": 50_100_000}
    )
    assert desk.capture(broker, DAY) == Tally(4, done=2, cancelled=1, refused=1)
    assert queue("closed") == [("execution_duplicate", "execution/X1")]
    assert queue() == [("execution_conflict", "execution/X2")]
    executed("20", {"exec_id": "X1", "side": "sell"}, {"exec_id": "X3"}, {"exec_id": "X2"})
    assert desk.capture(broker, DAY) == Tally(3, done=1, cancelled=1, refused=1)
    assert desk.capture(broker, DAY) == Tally(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT file, ordinal, key, outcome, reason FROM spine_messageitem WHERE entity_id = 1 AND key IS NOT NULL"
                       " ORDER BY file, ordinal")  # fmt: skip
        assert [row[2:] for row in cursor.fetchall()] == [
            ("X1", "done", None),
            ("X2", "done", None),
            ("X1", "duplicate", "execution_duplicate"),
            ("X2", "refused", "execution_conflict"),
            ("X1", "refused", "execution_conflict"),
            ("X3", "done", None),
            ("X2", "duplicate", "execution_duplicate"),
        ]


def test_a_garbled_report_costs_itself_and_can_be_read_back_as_it_came(broker):
    frame = pl.DataFrame([{**EXECUTED, "exec_id": f"X{n}", "order_id": f"O{n}"} for n in (1, 2)], schema=EXECUTION)
    lines = fix.build_executions(frame, sender="OMS", target="EUB", sending_time=SENT).data.splitlines(keepends=True)
    broken = lines[0].replace(b"\x0131=50", b"\x0131=51")
    receive(1, "10_executions.OMS.fix", broken + lines[1])
    assert desk.capture(broker, DAY) == Tally(2, done=1, refused=1)
    assert queue() == [("fix_garbled", "message/10_executions.OMS.fix/1")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT file FROM spine_messageitem WHERE entity_id = 1 AND key = 'X2'")
        file = cursor.fetchone()[0]
    assert inbox.original(1, (file << 24) | 1)[1] == broken.rstrip(b"\n")


def test_a_trade_goes_straight_through_and_its_life_can_be_told(broker):
    executed(
        "10",
        {"exec_id": "X1"},
        {"exec_id": "X2", "ccp_bic": "FCCPDEFFXXX", "side": "sell"},
        {"exec_id": "X3", "book": "BLOCK"},
    )
    allocated("10", "X3", ("FUNDB", 55), ("FUNDA", 45))
    confirmed("10", {"order_id": "O1"}, {"order_id": "O3"})
    assert desk.capture(broker, DAY) == Tally(3, done=3)
    assert desk.enrich(broker, DAY) == Tally(3, done=3)
    assert desk.allocate(broker, DAY) == Tally(3, done=3)
    assert desk.confirm(broker, DAY) == Tally(2, done=2)
    assert queue() == []

    columns = ["exec_id", "side", "quantity", "gross_minor", "settle_date"]
    settles = date(2026, 10, 15)
    assert queries.for_clearing(1).select(columns).rows() == [("X2", "sell", 100, 500_000, settles)]
    assert queries.for_settlement(1).select(columns).rows() == [
        ("X1", "buy", 100, 500_000, settles),
        ("X3", "buy", 100, 500_000, settles),
    ]
    assert queries.for_settlement(1)["agent_bic"].to_list() == ["FCAGDEFFXXX"] * 2
    told_life = queries.life(1, "X3")
    assert told_life is not None
    assert told_life.allocations.select("book", "quantity", "gross_minor", "fee_minor").rows() == [
        ("FUNDA", 45, 225_000, 33),
        ("FUNDB", 55, 275_000, 42),
    ]
    assert (told_life.trade["fee_minor"], told_life.confirm_id) == (75, "C102")
    assert queries.life(1, str(told_life.execution["id"])).execution == told_life.execution
    assert queries.life(1, "X9") is None


def test_every_step_run_again_changes_nothing(broker):
    executed("10", {"exec_id": "X1"}, {"exec_id": "X2", "book": "BLOCK"}, {"exec_id": "X3", "isin": "DE0007164601"})
    confirmed("10", {"order_id": "O1"})
    steps = (desk.capture, desk.enrich, desk.allocate, desk.confirm)
    first = [step(broker, DAY) for step in steps]
    assert first == [Tally(3, done=3), Tally(3, done=2, open=1), Tally(2, done=1, open=1), Tally(2, done=1, open=1)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), max(seq) FROM spine_event WHERE entity_id = 1")
        before = cursor.fetchone()
        again = [step(broker, DAY) for step in steps]
        cursor.execute("SELECT count(*), max(seq) FROM spine_event WHERE entity_id = 1")
        assert cursor.fetchone() == before
    assert again == [Tally(0), Tally(1, open=1), Tally(1, open=1), Tally(1, open=1)]


def test_an_exception_carries_its_cut_off_its_money_and_its_message(broker):
    executed("10", {"exec_id": "X1", "price_micro": 60_000_000})
    desk.capture(broker, DAY)
    assert desk.enrich(broker, DAY) == Tally(1, open=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x.deadline, x.money_minor, x.currency, x.owner, x.proposal, e.message, e.cause"
            " FROM spine_exception x JOIN spine_event e ON e.entity_id = x.entity_id AND e.seq = x.id"
        )
        deadline, money, currency, owner, proposal, message, cause = cursor.fetchone()
    assert deadline == datetime(2026, 10, 13, 14, 0, tzinfo=UTC)
    assert (money, currency, owner, proposal) == (600_000, "EUR", "settlement", "accept_price_outside")
    known = queries.life(1, "X1").execution
    assert (message, cause) == (known["message"], known["id"])


def test_what_comes_right_goes_on_with_the_next_run_and_leaves_the_queue(broker):
    executed("10", {"exec_id": "X1", "isin": "US0378331005", "currency": "USD", "book": "NONE"})
    desk.capture(broker, DAY)
    desk.enrich(broker, DAY)
    assert queue() == [("instrument_unknown", "execution/X1"), ("book_unknown", "execution/X1")]
    files = HOUSE_FILES["instruments.csv"] + "US0378331005,Fruit,水果,ESVUFR,USD,XETR,0\n"
    receive(0, "20_instruments.FCDATA.csv", files.encode())
    load_reference(house(), DAY)
    assert desk.enrich(broker, DAY) == Tally(1, open=1)
    assert queue() == [("book_unknown", "execution/X1"), ("price_unknown", "execution/X1")]
    receive(1, "20_books.EUB.csv", b"code,name,name_zh,is_block\nNONE,None,x,no\n")
    load_static(broker, DAY)
    outside = item("price_unknown", "execution/X1")
    assert actions.ACTIONS["accept_price_outside"].apply(broker, DAY, outside, {}, "anna") == "closed"
    assert queries.life(1, "X1").trade["gross_minor"] == 500_000
    assert queue() == [("confirm_missing", "execution/X1")]


def test_a_block_waits_for_an_allocation_that_adds_up(broker):
    executed("10", {"exec_id": "X1", "book": "BLOCK"}, {"exec_id": "X2", "book": "BLOCK"})
    allocated("10", "X1", ("FUNDA", 45), ("FUNDB", 54))
    allocated("11", "X9", ("FUNDA", 100))
    desk.capture(broker, DAY)
    desk.enrich(broker, DAY)
    assert desk.allocate(broker, DAY) == Tally(3, open=2, refused=1)
    assert queue() == [
        ("allocation_unknown", "allocation/A11"),
        ("allocation_sum_differs", "execution/X1"),
        ("allocation_missing", "execution/X2"),
    ]
    allocated("12", "X1", ("FUNDA", 45), ("FUNDB", 55))
    assert desk.allocate(broker, DAY) == Tally(2, done=1, open=1)
    assert queue() == [("allocation_unknown", "allocation/A11"), ("allocation_missing", "execution/X2")]


def test_an_execution_in_the_queue_opens_nothing_more_for_its_allocation_and_confirmation(broker):
    executed("10", {"exec_id": "X1", "book": "BLOCK", "isin": "DE0007164601"})
    allocated("10", "X1", ("FUNDA", 45), ("FUNDB", 54))
    confirmed("10", {"order_id": "O1"}, {"order_id": "O9"})
    assert [step(broker, DAY) for step in (desk.capture, desk.enrich, desk.allocate, desk.confirm)] == [
        Tally(1, done=1),
        Tally(1, open=1),
        Tally(0),
        Tally(1, refused=1),
    ]
    assert queue() == [("isin_invalid", "execution/X1"), ("confirm_unknown", "confirm/C102")]


def test_a_confirmation_that_differs_waits_for_a_new_one_or_for_two_people(broker):
    executed("10", {"exec_id": "X1"}, {"exec_id": "X2"})
    confirmed("10", {"order_id": "O1", "net_minor": 500_001}, {"order_id": "O2", "side": "sell"})
    for step in (desk.capture, desk.enrich, desk.allocate):
        step(broker, DAY)
    assert desk.confirm(broker, DAY) == Tally(2, open=2)
    assert queue() == [("confirm_differs", "execution/X1"), ("confirm_differs", "execution/X2")]
    confirmed("11", {"order_id": "O1"})
    first, second = (item("confirm_differs", f"execution/X{n}") for n in (1, 2))
    assert actions.ACTIONS["retry"].apply(broker, DAY, first, {}, "anna") == "closed"
    assert actions.ACTIONS["retry"].apply(broker, DAY, second, {}, "anna") == "open"
    assert actions.ACTIONS["accept_confirm"].apply(broker, DAY, second, {}, "anna") == "closed"
    assert queries.for_settlement(1)["exec_id"].to_list() == ["X1", "X2"]
    with pytest.raises(Refused, match="execution_unconfirmable"):
        actions.ACTIONS["accept_confirm"].apply(broker, DAY, second, {}, "anna")


def test_a_cancelled_execution_is_counted_once_and_leaves_the_queue(broker):
    executed(
        "10",
        {"exec_id": "X1", "isin": "DE0007164601", "book": "NONE"},
        {"exec_id": "X2", "ccp_bic": "FCCPDEFFXXX"},
        {"exec_id": "X3", "book": "BLOCK", "ccp_bic": "FCCPDEFFXXX"},
    )
    for step in (desk.capture, desk.enrich, desk.allocate):
        step(broker, DAY)
    cancel = actions.ACTIONS["cancel_execution"].apply
    assert queries.for_clearing(1)["exec_id"].to_list() == ["X2"]
    assert cancel(broker, DAY, item("isin_invalid", "execution/X1"), {}, "anna") == "closed"
    assert cancel(broker, DAY, item("allocation_missing", "execution/X3"), {}, "anna") == "closed"
    assert queue() == []
    with pytest.raises(Refused, match="execution_gone"):
        cancel(broker, DAY, item("isin_invalid", "execution/X1"), {}, "anna")
    with pytest.raises(Refused, match="execution_booked"):
        desk.cancel_execution(broker, DAY, "X2", "anna")
    assert desk.enrich(broker, DAY) == Tally(1, cancelled=1)
    assert desk.allocate(broker, DAY) == Tally(1, cancelled=1)
    assert desk.confirm(broker, DAY) == Tally(0)
    assert desk.enrich(broker, date(2026, 10, 14)) == Tally(0)


def test_every_reason_speaks_two_languages_and_offers_what_exists():
    mine = {*validate.REASONS, *allocate.REASONS, *confirm.REASONS}
    assert mine < set(words.WORDS)
    for reason, said in words.WORDS.items():
        assert set(said.actions) <= {*COMMON, *actions.ACTIONS}, reason
        facts = {language: set(re.findall(r"%\((\w+)\)s", getattr(said, language))) for language in ("en", "zh")}
        assert facts["en"] == facts["zh"], reason
        assert sentence(said, "{}", "zh_Hans") != sentence(said, "{}", "en")
