"""The settlement desk through a day: instruct, be answered, settle or fail with a reason."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import polars as pl
import pytest

from nostro.departments.settlement import actions, desk, queries
from nostro.departments.settlement.words import WORDS
from nostro.kernel.events.trades import TradeConfirmed
from nostro.kernel.refusals import Refused, Tally
from nostro.messages.iso20022 import sese023, sese024, sese025
from nostro.messages.mt import confirmations as mt545
from nostro.messages.mt import instructions as mt541
from nostro.messages.mt import status as mt548
from nostro.messages.shapes import CONFIRMATION, STATUS
from nostro.spine import holds, inbox, words
from nostro.spine.actions import COMMON, Item
from nostro.spine.database import copy_in, read_frame
from nostro.spine.entities import Entity
from nostro.spine.events import emit

DAY, NEXT = date(2026, 10, 13), date(2026, 10, 14)
MADE = datetime(2026, 10, 13, 12, tzinfo=UTC)
MARKETS = pl.DataFrame(
    {
        "mic": ["XETR", "XHKG"],
        "currency": ["EUR", "HKD"],
        "place_bic": ["FCDDDEFFXXX", "FCDHHKHHXXX"],
        "ccp_bic": ["FCPDDEFFXXX", "FCPHHKHHXXX"],
        "dialect": ["iso", "mt"],
        "exchange_calendar": ["XETR", "XHKG"],
        "bank_calendar": ["TARGET", "HK"],
        "timezone": ["Europe/Berlin", "Asia/Hong_Kong"],
        "servicer_bic": ["FCKDDEFFXXX", "FCKHHKHHXXX"],
        "isin": ["DE000FCT0018", "HK0000FCT012"],
        "instrument_id": [1001, 1002],
    }
)


@pytest.fixture
def market(firm: Entity) -> Entity:
    """A market that speaks ISO 20022 and one that speaks MT, and the firm's accounts in both."""
    copy_in(
        "reference_market",
        MARKETS.drop("servicer_bic", "isin", "instrument_id").with_columns(
            valid_from=pl.lit(date(2026, 1, 1)),
            name=pl.lit("Fictitious Exchange"),
            name_zh=pl.lit("虚构交易所"),
            cycle_days=pl.lit(2),
            cutoff=pl.lit("16:00"),
            price_tolerance_bp=pl.lit(500),
            fee_bp_micro=pl.lit(0),
            tax_buy_bp_micro=pl.lit(0),
            tax_sell_bp_micro=pl.lit(0),
        ),
    )
    copy_in(
        "reference_instrument",
        MARKETS.select(
            "isin",
            "currency",
            "mic",
            id="instrument_id",
            name=pl.lit("Fictitious"),
            name_zh=pl.lit("虚构"),
            cfi=pl.lit("ESVUFR"),
            scale=pl.lit(0),
        ),
    )
    account(firm, "XETR", "securities")
    account(firm, "XETR", "cash")
    account(firm, "XHKG", "securities")
    account(firm, "XHKG", "cash")
    # Twenty events that came before: what trades and nets of these numbers are caused by.
    said = pl.DataFrame({"n": range(1, 21)}).select(
        subject=pl.format("trade/{}", "n"), confirm_id=pl.lit("C"), net_minor=pl.lit(1), currency=pl.lit("EUR")
    )
    emit(firm.id, DAY, TradeConfirmed, said)
    return firm


def account(firm: Entity, mic: str, kind: str) -> None:
    copy_in(
        "reference_placeaccount",
        MARKETS.filter(mic=mic).select(
            "servicer_bic",
            "place_bic",
            entity_id=pl.lit(firm.id),
            number=pl.format("{}-{}", pl.lit("DEPOT" if kind == "securities" else "CASH"), "mic"),
            currency=pl.lit("") if kind == "securities" else pl.col("currency"),
            kind=pl.lit(kind),
        ),
    )


def bilateral(firm: Entity, *rows: tuple[int, str, str, int, int], settles: date = DAY) -> None:
    """(id, market, side, units, gross minor) -> a confirmed and allocated bilateral trade."""
    frame = pl.DataFrame(rows, schema=["id", "mic", "side", "quantity", "gross_minor"], orient="row").join(
        MARKETS, on="mic", maintain_order="left"
    )
    common = frame.select(
        "id",
        "mic",
        "side",
        "currency",
        entity_id=pl.lit(firm.id),
        price_micro=pl.lit(1_000_000),
        trade_date=pl.lit(date(2026, 10, 9)),
        settle_date=pl.lit(settles),
        counterparty_bic=pl.lit("FCBKDEFFXXX"),
        business_date=pl.lit(DAY),
    )
    copy_in(
        "trades_execution",
        common.with_columns(
            exec_id=pl.format("X{}", "id"),
            order_id=pl.format("O{}", "id"),
            book=pl.lit("FLOW"),
            isin=frame["isin"],
            quantity_micro=frame["quantity"] * 10**6,
            content_sha256=pl.lit("0" * 64),
            message=pl.lit(0),
        ),
    )
    copy_in(
        "trades_trade",
        common.with_columns(
            frame["instrument_id"],
            frame["quantity"],
            frame["gross_minor"],
            frame["place_bic"],
            net_minor=frame["gross_minor"],
            fee_minor=pl.lit(0),
            tax_minor=pl.lit(0),
            agent_bic=pl.lit("FCAGDEFFXXX"),
            book=pl.lit("FLOW"),
            is_block=pl.lit(False),
            event=pl.col("id"),
        ),
    )
    own = {"entity_id": pl.lit(firm.id), "trade": pl.col("id"), "business_date": pl.lit(DAY), "event": pl.col("id")}
    copy_in(
        "trades_allocation",
        frame.select("quantity", "gross_minor", book=pl.lit("FLOW"), fee_minor=pl.lit(0), tax_minor=pl.lit(0), **own),
    )
    copy_in("trades_confirm", frame.select(confirm_id=pl.format("C{}", "id"), **own))


def agreed_net(firm: Entity, number: int, quantity: int, cash_minor: int) -> None:
    copy_in(
        "clearing_net",
        pl.DataFrame(
            {
                "entity_id": firm.id,
                "id": number,
                "ccp_bic": "FCPDDEFFXXX",
                "place_bic": "FCDDDEFFXXX",
                "mic": "XETR",
                "instrument_id": 1001,
                "currency": "EUR",
                "settle_date": DAY,
                "trade_date": date(2026, 10, 9),
                "quantity": quantity,
                "cash_minor": cash_minor,
                "trades": 3,
                "business_date": DAY,
                "agreed_event": number + 1,
            }
        ),
    )


def references(firm: Entity) -> list[str]:
    return queries.instructions(firm.id)["reference"].to_list()


def say(firm: Entity, name: str, *said: tuple[str, str, str, str | None], mt: bool = False, tail: bytes = b"") -> None:
    """(reference, axis, code, ISO reason) -> a file of statuses in the inbox."""
    rows = [(*one, None, "FCKDDEFFXXX") for one in said]
    frame = pl.DataFrame(rows, schema=STATUS, orient="row")
    if mt:
        kind, data = "mt548.fin", mt548.build_status(frame, sender="FCKHHKHHXXX", receiver=firm.bic).data
    else:
        built = sese024.build_statuses(frame, sender="FCKDDEFFXXX", receiver=firm.bic, created=MADE)
        kind, data = "sese024.xml", built.data
    inbox.receive(firm.id, DAY, kind=kind, sender="FCKDDEFFXXX", name=name, data=data + tail)


def confirm(firm: Entity, name: str, *said: tuple[str, dict[str, object]], day: date = DAY, mt: bool = False) -> None:
    """(reference, what differs from our instruction) -> a file of confirmations in the inbox."""
    rows = []
    for reference, other in said:
        known = queries.instruction(firm.id, reference)
        ours = known.row(0, named=True) if known.height else queries.instructions(firm.id).row(0, named=True)
        rows.append({**ours, "reference": reference, "settled_date": day, "sender": "FCKDDEFFXXX", **other})
    frame = pl.DataFrame(rows, infer_schema_length=None).select(CONFIRMATION.names()).cast(dict(CONFIRMATION))
    if mt:
        kind, data = "mt545.fin", mt545.build_confirmations(frame, sender="FCKHHKHHXXX", receiver=firm.bic).data
    else:
        built = sese025.build_confirmations(frame, sender="FCKDDEFFXXX", receiver=firm.bic, created=MADE)
        kind, data = "sese025.xml", built.data
    inbox.receive(firm.id, DAY, kind=kind, sender="FCKDDEFFXXX", name=name, data=data)


def events(firm: Entity, kind: str) -> list[tuple[str, int | None, int | None, dict[str, object]]]:
    """(subject, cause, message, content) of all events of a kind, in order."""
    found = read_frame(
        "SELECT subject, cause, message, content FROM spine_event WHERE entity_id = %s AND kind = %s ORDER BY seq",
        [firm.id, f"settlement.{kind}/1"],
        schema=pl.Schema({"subject": pl.String, "cause": pl.Int64, "message": pl.Int64, "content": pl.String}),
    )
    return [(subject, cause, message, json.loads(content)) for subject, cause, message, content in found.iter_rows()]


def queue(firm: Entity, *, closed: bool = False) -> list[tuple[str, str]]:
    """(reason, subject) of the exceptions that are open, or of all."""
    return read_frame(
        "SELECT reason, subject FROM spine_exception WHERE entity_id = %s AND (%s OR state <> 'closed') ORDER BY id",
        [firm.id, closed],
        schema=pl.Schema({"reason": pl.String, "subject": pl.String}),
    ).rows()


def item(firm: Entity, reason: str) -> Item:
    (row,) = read_frame(
        "SELECT id, subject, facts FROM spine_exception WHERE entity_id = %s AND reason = %s",
        [firm.id, reason],
        schema=pl.Schema({"id": pl.Int64, "subject": pl.String, "facts": pl.String}),
    ).iter_rows()
    return Item(row[0], DAY, "settlement", reason, row[1], json.loads(row[2]))


def outgoing(firm: Entity) -> pl.DataFrame:
    return read_frame(
        "SELECT id, name, kind, sender FROM spine_messagefile WHERE entity_id = %s AND direction = 'out' ORDER BY id",
        [firm.id],
        schema=pl.Schema({"id": pl.Int64, "name": pl.String, "kind": pl.String, "receiver": pl.String}),
    )


# --- instruct ---------------------------------------------------------------------------------------------------------


def test_trades_and_nets_are_instructed_in_the_dialect_of_their_market(market):
    bilateral(market, (1, "XETR", "buy", 10, 123_456), (2, "XHKG", "sell", 7, 7000))
    agreed_net(market, 12, -5, 500)
    assert desk.instruct(market, DAY) == Tally(3, done=3)
    files = outgoing(market)
    assert files["name"].to_list() == ["2026101310_sese023.FCKDDEFFXXX.xml", "2026101310_mt541.FCKHHKHHXXX.fin"]
    iso = sese023.read_instructions(inbox.content(market.id, files["id"][0])).good
    assert iso.select("direction", "isin", "quantity_micro", "amount_minor", "account", "counterparty_bic").rows() == [
        ("receive", "DE000FCT0018", 10_000_000, 123_456, "DEPOT-XETR", "FCAGDEFFXXX"),
        ("deliver", "DE000FCT0018", 5_000_000, 500, "DEPOT-XETR", "FCPDDEFFXXX"),
    ]
    mt = mt541.read_instructions(inbox.content(market.id, files["id"][1])).good
    assert mt.select("direction", "quantity_micro", "amount_minor", "currency", "party_bic").rows() == [
        ("deliver", 7_000_000, 7000, "HKD", market.bic)
    ]
    assert sorted([*iso["reference"], *mt["reference"]]) == sorted(references(market))


def test_every_instruction_leads_back_to_its_trade_and_forward_to_its_message(market):
    bilateral(market, (1, "XETR", "buy", 10, 123_456))
    desk.instruct(market, DAY)
    ((subject, cause, _, content),) = events(market, "InstructionCreated")
    row = queries.instruction(market.id, subject.removeprefix("instruction/")).row(0, named=True)
    assert (cause, content["source"], row["source"]) == (1, "trade/1", "trade/1")
    assert row["reference"] == f"EUB{row['id']:013}"
    name, data = inbox.original(market.id, row["sent_as"])
    assert name == "2026101310_sese023.FCKDDEFFXXX.xml"
    assert row["reference"].encode() in data
    assert (row["processing"], row["cash_account"]) == ("sent", "CASH-XETR")


def test_instructing_again_changes_nothing(market):
    bilateral(market, (1, "XETR", "buy", 10, 123_456))
    desk.instruct(market, DAY)
    assert desk.instruct(market, DAY) == Tally(0)
    assert outgoing(market).height == 1


def test_the_same_day_gives_the_same_bytes(market):
    bilateral(market, (1, "XETR", "buy", 10, 123_456))
    desk.instruct(market, DAY)
    assert b"2026-10-13T06:00:00" in inbox.content(market.id, int(outgoing(market)["id"][0]))


def test_what_is_held_is_not_instructed_and_stays_open(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000), (2, "XETR", "buy", 5, 500))
    agreed_net(market, 12, -5, 500)
    held = pl.DataFrame({"subject": ["trade/1", "net/12"], "reason": "screening"})
    holds.place(market.id, DAY, "compliance", held)
    assert desk.instruct(market, DAY) == Tally(3, done=1, open=2)
    holds.lift(market.id, DAY, "compliance", "trade/1")
    assert desk.instruct(market, DAY) == Tally(2, done=1, open=1)
    assert outgoing(market)["name"].to_list()[-1] == "2026101311_sese023.FCKDDEFFXXX.xml"


def test_without_an_account_the_trade_waits_in_the_queue_until_there_is_one(market):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE reference_placeaccount SET place_bic = 'FCDUUS33XXX' WHERE number = 'CASH-XHKG'")
    bilateral(market, (1, "XETR", "buy", 10, 1000), (2, "XHKG", "buy", 5, 500))
    assert desk.instruct(market, DAY) == Tally(2, done=1, refused=1)
    assert queue(market) == [("account_missing", "execution/X2")]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reference_placeaccount SET place_bic = 'FCDHHKHHXXX' WHERE number = 'CASH-XHKG'")
    assert actions.ACTIONS["retry"].apply(market, DAY, item(market, "account_missing"), {}, "ann") == "closed"
    assert queue(market) == []


def test_what_no_message_can_hold_stops_nobody_else(market):
    bilateral(market, (1, "XHKG", "buy", 10, 10**17), (2, "XHKG", "buy", 5, 500))
    assert desk.instruct(market, DAY) == Tally(2, done=1, refused=1)
    ((reason, subject),) = queue(market)
    assert reason == "instruction_unwritable"
    kept = queries.instruction(market.id, subject.removeprefix("instruction/"))
    assert kept.select("source", "processing", "sent_as").row(0) == ("trade/1", "created", None)


# --- answer -----------------------------------------------------------------------------------------------------------


def test_statuses_and_confirmations_match_and_settle(market):
    bilateral(market, (1, "XETR", "buy", 10, 123_456), (2, "XHKG", "sell", 7, 7000))
    desk.instruct(market, DAY)
    german, chinese = references(market)
    say(market, "10", (german, "processing", "ACPT", None), (german, "matching", "MACH", None))
    confirm(market, "20", (german, {}))
    say(market, "30", (chinese, "matching", "MACH", None), mt=True)
    confirm(market, "40", (chinese, {}), mt=True)
    assert desk.answer(market, DAY) == Tally(5, done=5)
    found = queries.instructions(market.id).select("processing", "matching", "settlement", "settled_date")
    assert found.rows() == [("accepted", "matched", "settled", DAY)] * 2
    first, second = events(market, "InstructionSettled")
    assert first[0] == f"instruction/{german}"
    assert first[1] == queries.instruction(market.id, german)["id"][0]
    assert first[3] == {
        "direction": "receive",
        "isin": "DE000FCT0018",
        "quantity": 10,
        "amount_minor": 123_456,
        "currency": "EUR",
        "settled_date": "2026-10-13",
        "account": "DEPOT-XETR",
        "cash_account": "CASH-XETR",
        "place_bic": "FCDDDEFFXXX",
    }
    name, data = inbox.original(market.id, first[2])
    assert name == "20"
    assert german.encode() in data
    assert (second[3]["direction"], second[3]["cash_account"]) == ("deliver", "CASH-XHKG")
    assert [content["code"] for *_, content in events(market, "InstructionAdvised")] == ["ACPT", "MACH", "MACH"]
    assert queue(market) == []


def test_each_trouble_is_told_once_with_its_latest_reason(market):
    bilateral(market, *((n, "XETR", "buy", n, 1000 * n) for n in range(1, 5)))
    desk.instruct(market, DAY)
    one, two, three, four = references(market)
    say(
        market,
        "10",
        (one, "matching", "NMAT", "DMON"),
        (two, "matching", "MACH", None),
        (two, "settlement", "PENF", "LATE"),
        (three, "matching", "NMAT", "CMIS"),
        (three, "matching", "MACH", None),
        (four, "processing", "REJT", "SAFE"),
        ("EUB9999999999999", "matching", "MACH", None),
    )
    assert desk.answer(market, DAY) == Tally(7, done=6, refused=1)
    assert queue(market) == [
        ("unmatched_amount", f"instruction/{one}"),
        ("matched_late", f"instruction/{two}"),
        ("instruction_rejected", f"instruction/{four}"),
        ("status_unknown", "instruction/EUB9999999999999"),
    ]
    told = item(market, "unmatched_amount")
    assert (told.facts["amount"], told.facts["quantity"], told.facts["iso_reason"]) == ("10.00", "1", "DMON")
    deadline = read_frame(
        "SELECT deadline, money_minor FROM spine_exception WHERE entity_id = %s AND id = %s",
        [market.id, told.id],
        schema=pl.Schema({"deadline": pl.Datetime("us", "UTC"), "money_minor": pl.Int64}),
    )
    assert deadline.rows() == [(datetime(2026, 10, 13, 14, tzinfo=UTC), 1000)]


def test_a_new_reason_replaces_the_old_one_and_settling_ends_it(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    say(market, "10", (reference, "matching", "NMAT", "CMIS"))
    desk.answer(market, DAY)
    say(market, "20", (reference, "matching", "MACH", None), (reference, "settlement", "PENF", "CLAC"))
    desk.answer(market, DAY)
    assert queue(market) == [("counterparty_lacks_securities", f"instruction/{reference}")]
    confirm(market, "30", (reference, {}))
    desk.answer(market, DAY)
    assert queue(market) == []


def test_a_wrong_confirmation_settles_nothing_and_the_right_one_does(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    confirm(market, "10", (reference, {"amount_minor": 999}), (reference, {}), (reference, {}))
    assert desk.answer(market, DAY) == Tally(3, done=2, refused=1)
    assert queue(market) == [("confirmation_differs", f"instruction/{reference}")]
    assert len(events(market, "InstructionSettled")) == 1
    outcomes = read_frame(
        "SELECT outcome FROM spine_messageitem i JOIN spine_messagefile f ON f.id = i.file AND f.entity_id = i.entity_id"
        " WHERE f.name = '10' ORDER BY ordinal",
        schema=pl.Schema({"outcome": pl.String}),
    )
    assert outcomes["outcome"].to_list() == ["refused", "done", "duplicate"]


def test_a_broken_message_is_refused_and_stops_nobody_else(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    say(market, "10", (reference, "processing", "ACPT", None), tail=b"<Msg><AppHdr></Msg>\n")
    assert desk.answer(market, DAY) == Tally(2, done=1, refused=1)
    assert queue(market) == [("xml_broken", "message/10/2")]


def test_an_unknown_confirmation_is_told(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    confirm(market, "10", ("NOTOURS", {}))
    assert desk.answer(market, DAY) == Tally(1, refused=1)
    assert queue(market) == [("confirmation_unknown", "instruction/NOTOURS")]


def test_answers_are_read_once(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    confirm(market, "10", (references(market)[0], {}))
    desk.answer(market, DAY)
    assert desk.answer(market, DAY) == Tally(0)
    assert len(events(market, "InstructionSettled")) == 1


# --- fail -------------------------------------------------------------------------------------------------------------


def test_the_day_ends_with_every_instruction_accounted_for(market):
    bilateral(market, *((n, "XETR", "buy", n, 1000 * n) for n in range(1, 6)))
    bilateral(market, (9, "XETR", "buy", 9, 9000), settles=NEXT)
    desk.instruct(market, DAY)
    one, two, three, four, five, _ = references(market)
    say(
        market,
        "10",
        (two, "settlement", "PENF", "LACK"),
        (three, "matching", "MACH", None),
        (four, "processing", "REJT", "SAFE"),
    )
    confirm(market, "20", (one, {}))
    desk.answer(market, DAY)
    assert desk.fail(market, DAY) == Tally(5, done=1, open=3, refused=1)
    assert queue(market) == [
        ("lack_of_securities", f"instruction/{two}"),
        ("instruction_rejected", f"instruction/{four}"),
        ("settlement_pending", f"instruction/{three}"),
        ("no_answer", f"instruction/{five}"),
    ]
    assert [(subject, content["reason"]) for subject, _, _, content in events(market, "InstructionFailed")] == [
        (f"instruction/{two}", "LACK"),
        (f"instruction/{three}", None),
        (f"instruction/{four}", "SAFE"),
        (f"instruction/{five}", None),
    ]
    assert queries.settlement_rate(market.id, DAY).rows() == [("FCDDDEFFXXX", "EUR", 5, 1, 15_000, 1000)]
    assert queries.fails(market.id, DAY)["reference"].to_list() == [two, three, four, five]
    assert queries.settled(market.id, DAY)["reference"].to_list() == [one]


def test_failing_twice_on_a_day_is_failing_once_and_the_next_day_again(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    first = desk.fail(market, DAY)
    assert desk.fail(market, DAY) == first == Tally(1, open=1)
    assert len(events(market, "InstructionFailed")) == 1
    desk.fail(market, NEXT)
    assert len(events(market, "InstructionFailed")) == 2
    assert queue(market, closed=True) == [("no_answer", f"instruction/{references(market)[0]}")]


def test_what_settles_late_counts_on_the_day_it_settles(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    desk.fail(market, DAY)
    confirm(market, "10", (references(market)[0], {}), day=NEXT)
    desk.answer(market, NEXT)
    assert desk.fail(market, NEXT) == Tally(1, done=1)
    assert queue(market) == []
    assert queries.settlement_rate(market.id, DAY)["settled"].to_list() == [0]
    assert queries.settlement_rate(market.id, NEXT)["settled"].to_list() == [1]
    assert queries.fails(market.id, DAY).height == 1


# --- actions ----------------------------------------------------------------------------------------------------------


def test_a_rejected_instruction_is_created_anew_and_goes_out_with_the_next_files(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    say(market, "10", (reference, "processing", "REJT", "SAFE"))
    desk.answer(market, DAY)
    resend = actions.ACTIONS["resend"]
    assert resend.two_people
    assert resend.apply(market, DAY, item(market, "instruction_rejected"), {}, "ann") == "closed"
    old, new = queries.of_source(market.id, "trade/1").iter_rows(named=True)
    assert (old["processing"], new["processing"], new["amount_minor"]) == ("rejected", "created", 1000)
    assert events(market, "InstructionCreated")[-1][1] == old["id"], "the rejected instruction is its cause"
    assert desk.instruct(market, NEXT) == Tally(1, done=1)
    assert queries.instruction(market.id, new["reference"])["processing"].to_list() == ["sent"]
    with pytest.raises(Refused, match="instruction_not_resendable"):
        desk.recreate(market, DAY, reference, "ann")


def test_a_cancelled_instruction_is_out_and_no_longer_due(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    say(market, "10", (reference, "matching", "NMAT", "DMON"))
    desk.answer(market, DAY)
    cancel = actions.ACTIONS["cancel_instruction"]
    assert cancel.two_people
    assert cancel.apply(market, DAY, item(market, "unmatched_amount"), {}, "ann") == "closed"
    assert desk.fail(market, DAY) == Tally(1, cancelled=1)
    assert desk.fail(market, NEXT) == Tally(0)
    ((subject, _, _, content),) = events(market, "InstructionCancelled")
    assert (subject, content["source"]) == (f"instruction/{reference}", "trade/1")
    confirm(market, "20", (reference, {}))
    desk.answer(market, DAY)
    assert ("confirmation_unexpected", subject) in queue(market)


@pytest.mark.parametrize("spoil", [lambda m, r: confirm(m, "10", (r, {})), lambda m, r: desk.cancel(m, DAY, r, "bob")])
def test_what_is_settled_or_cancelled_cannot_be_cancelled(market, spoil: Callable[[Entity, str], None]):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    spoil(market, reference)
    desk.answer(market, DAY)
    with pytest.raises(Refused, match="instruction_not_cancellable"):
        desk.cancel(market, DAY, reference, "ann")


def test_a_held_instruction_does_not_go_out(market):
    bilateral(market, (1, "XETR", "buy", 10, 1000))
    desk.instruct(market, DAY)
    (reference,) = references(market)
    say(market, "10", (reference, "processing", "REJT", "SAFE"))
    desk.answer(market, DAY)
    new = desk.recreate(market, DAY, reference, "ann")
    holds.place(market.id, DAY, "risk", pl.DataFrame({"subject": [f"instruction/{new}"], "reason": ["limit"]}))
    assert desk.instruct(market, DAY) == Tally(1, open=1)
    desk.fail(market, DAY)
    assert ("instruction_held", f"instruction/{new}") in queue(market)
    holds.lift(market.id, DAY, "risk", f"instruction/{new}")
    assert desk.instruct(market, DAY) == Tally(1, done=1)


def test_every_reason_speaks_both_languages_and_offers_actions_that_exist():
    for reason, said in WORDS.items():
        assert set(said.actions) <= {*COMMON, *actions.ACTIONS}, reason
        for language in ("en", "zh"):
            assert "%(" not in words.sentence(said, {}, language)
