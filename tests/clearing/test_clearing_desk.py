"""The clearing desk: cleared trades become nets, nets are agreed with the CCP, and the rest says why not."""

import json
from datetime import date

import polars as pl
import pytest

from nostro.departments.clearing import actions, desk, queries
from nostro.departments.clearing.words import WORDS
from nostro.kernel.refusals import Tally
from nostro.messages.marketfiles import build_market_file
from nostro.spine import holds, inbox, words
from nostro.spine.actions import Item
from nostro.spine.database import copy_in, read_frame
from nostro.spine.entities import Entity

DAY = date(2026, 10, 13)
CCP, CSD, AGENT = "FCPDDEFFXXX", "FCDDDEFFXXX", "FCKDDEFFXXX"
ISINS = {"A": "DE000FCT0018", "B": "DE000FCT0026"}


@pytest.fixture
def market(firm: Entity) -> Entity:
    """One market with two shares, and the firm's accounts there."""
    copy_in(
        "reference_market",
        pl.DataFrame(
            {
                "mic": "XETR",
                "valid_from": date(2026, 1, 1),
                "name": "Fictitious Exchange",
                "name_zh": "虚构交易所",
                "currency": "EUR",
                "place_bic": CSD,
                "ccp_bic": CCP,
                "dialect": "iso",
                "cycle_days": 2,
                "exchange_calendar": "XETR",
                "bank_calendar": "TARGET",
                "timezone": "Europe/Berlin",
                "cutoff": "16:00",
                "price_tolerance_bp": 500,
                "fee_bp_micro": 0,
                "tax_buy_bp_micro": 0,
                "tax_sell_bp_micro": 0,
            }
        ),
    )
    copy_in(
        "reference_instrument",
        pl.DataFrame(
            {
                "id": [1001, 1002],
                "isin": list(ISINS.values()),
                "name": ["Fictitious Motors", "Fictitious Mills"],
                "name_zh": ["虚构汽车", "虚构磨坊"],
                "cfi": "ESVUFR",
                "currency": "EUR",
                "mic": "XETR",
                "scale": 0,
            }
        ),
    )
    return firm


def traded(firm: Entity, *rows: tuple[int, str, str, int, int], ccp: str | None = CCP) -> None:
    """(id, share, side, units, gross minor) -> a captured, enriched and allocated trade."""
    frame = pl.DataFrame(rows, schema=["id", "share", "side", "quantity", "gross_minor"], orient="row")
    common = frame.select(
        "id",
        "side",
        entity_id=pl.lit(firm.id),
        price_micro=pl.lit(1_000_000),
        currency=pl.lit("EUR"),
        trade_date=pl.lit(date(2026, 10, 9)),
        settle_date=pl.lit(DAY),
        mic=pl.lit("XETR"),
        counterparty_bic=pl.lit("FCBKDEFFXXX"),
        ccp_bic=pl.lit(ccp, pl.String),
        business_date=pl.lit(DAY),
    )
    copy_in(
        "trades_execution",
        common.with_columns(
            exec_id=pl.format("X{}", "id"),
            order_id=pl.format("O{}", "id"),
            book=pl.lit("FLOW"),
            isin=frame["share"].replace_strict(ISINS),
            quantity_micro=frame["quantity"] * 10**6,
            content_sha256=pl.lit("0" * 64),
            message=pl.lit(0),
        ),
    )
    copy_in(
        "trades_trade",
        common.with_columns(
            instrument_id=frame["share"].replace_strict({"A": 1001, "B": 1002}),
            quantity=frame["quantity"],
            gross_minor=frame["gross_minor"],
            net_minor=frame["gross_minor"],
            fee_minor=pl.lit(0),
            tax_minor=pl.lit(0),
            place_bic=pl.lit(CSD),
            agent_bic=pl.lit(ccp or AGENT),
            book=pl.lit("FLOW"),
            is_block=pl.lit(False),
            event=pl.col("id"),
        ),
    )
    copy_in(
        "trades_allocation",
        frame.select(
            "quantity",
            "gross_minor",
            entity_id=pl.lit(firm.id),
            trade="id",
            book=pl.lit("FLOW"),
            fee_minor=pl.lit(0),
            tax_minor=pl.lit(0),
            business_date=pl.lit(DAY),
            event="id",
        ),
    )


def reported(firm: Entity, name: str, *rows: tuple[str, str, int, int], bad: str = "") -> None:
    """(share, direction, units, cash minor) -> the CCP's file in the inbox, perhaps with a bad line at its end."""
    frame = pl.DataFrame(rows, schema=["share", "direction", "quantity", "cash"], orient="row")
    data = build_market_file(
        "obligations.csv",
        frame.select(
            "direction",
            ccp_bic=pl.lit(CCP),
            isin=pl.col("share").replace_strict(ISINS, return_dtype=pl.String),
            settle_date=pl.lit(DAY),
            currency=pl.lit("EUR"),
            quantity_micro=pl.col("quantity").cast(pl.Int64) * 10**6,
            cash_e4=pl.col("cash").cast(pl.Int64) * 100,
            trades=pl.lit(1),
        ),
    )
    inbox.receive(firm.id, DAY, kind="obligations.csv", sender=CCP, name=name, data=data + bad.encode())


def events(firm: Entity, kind: str) -> list[tuple[str, int | None, dict[str, object]]]:
    """(subject, cause, content) of all events of a kind, in order."""
    found = read_frame(
        "SELECT subject, cause, content FROM spine_event WHERE entity_id = %s AND kind = %s ORDER BY seq",
        [firm.id, kind],
        schema=pl.Schema({"subject": pl.String, "cause": pl.Int64, "content": pl.String}),
    )
    return [(subject, cause, json.loads(content)) for subject, cause, content in found.iter_rows()]


def queue(firm: Entity) -> list[tuple[str, str, str]]:
    """(reason, subject, state) of all exceptions."""
    return read_frame(
        "SELECT reason, subject, state FROM spine_exception WHERE entity_id = %s ORDER BY id",
        [firm.id],
        schema=pl.Schema({"reason": pl.String, "subject": pl.String, "state": pl.String}),
    ).rows()


def item(firm: Entity, reason: str) -> Item:
    (row,) = read_frame(
        "SELECT id, subject, facts FROM spine_exception WHERE entity_id = %s AND reason = %s",
        [firm.id, reason],
        schema=pl.Schema({"id": pl.Int64, "subject": pl.String, "facts": pl.String}),
    ).iter_rows()
    return Item(row[0], DAY, "clearing", reason, row[1], json.loads(row[2]))


def test_trades_are_novated_and_the_net_is_their_cause(market):
    traded(market, (1, "A", "buy", 10, 1000), (2, "A", "sell", 4, 410), (3, "B", "sell", 7, 700))
    assert desk.novate(market, DAY) == Tally(3, done=3)
    nets = queries.nets(market.id)
    assert nets.select("isin", "direction", "quantity", "cash_minor", "trades").rows() == [
        (ISINS["A"], "receive", 6, -590, 2),
        (ISINS["B"], "deliver", -7, 700, 1),
    ]
    first, second = nets["net"].to_list()
    assert [(subject, content["quantity"]) for subject, _, content in events(market, "clearing.NetFormed/1")] == [
        (f"net/{first}", 6),
        (f"net/{second}", -7),
    ]
    assert [(subject, cause) for subject, cause, _ in events(market, "clearing.TradeNovated/1")] == [
        ("trade/1", first),
        ("trade/2", first),
        ("trade/3", second),
    ]
    assert queries.trades_of(market.id, first) == [1, 2]
    assert queries.net_of(market.id, 3) == second


def test_novating_again_changes_nothing(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    assert desk.novate(market, DAY) == Tally(0)
    assert queries.nets(market.id).height == 1


def test_a_held_trade_waits_until_its_hold_is_lifted(market):
    traded(market, (1, "A", "buy", 10, 1000), (2, "A", "buy", 5, 500))
    holds.place(market.id, DAY, "compliance", pl.DataFrame({"subject": ["trade/2"], "reason": ["screening"]}))
    assert desk.novate(market, DAY) == Tally(2, done=1, open=1)
    holds.lift(market.id, DAY, "compliance", "trade/2")
    assert desk.novate(market, DAY) == Tally(1, done=1)
    assert queries.nets(market.id)["trades"].to_list() == [1, 1]


def test_bilateral_trades_are_none_of_clearing(market):
    traded(market, (1, "A", "buy", 10, 1000), ccp=None)
    assert desk.novate(market, DAY) == Tally(0)


def test_only_agreed_nets_go_to_settlement(market):
    traded(market, (1, "A", "buy", 10, 1000), (2, "B", "sell", 7, 700))
    desk.novate(market, DAY)
    reported(market, "o.csv", ("A", "receive", 10, 1000), ("B", "deliver", 8, 700))
    assert desk.agree(market, DAY) == Tally(2, done=1, refused=1)
    assert queries.for_settlement(market.id)["isin"].to_list() == [ISINS["A"]]
    subject = f"obligation/{CCP}/{ISINS['B']}/2026-10-13/EUR/deliver"
    assert queue(market) == [("obligation_differs", subject, "open")]
    ((agreed, cause, _),) = events(market, "clearing.NetAgreed/1")
    assert agreed == f"net/{cause}"


def test_each_disagreement_has_its_reason_and_words(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    reported(market, "o.csv", ("B", "deliver", 8, 700), bad=f"{CCP},{ISINS['A']},2026-10-13,EUR,receive,ten,10,1\n")
    assert desk.agree(market, DAY) == Tally(3, refused=3)
    assert [reason for reason, _, _ in queue(market)] == [
        "csv_field_invalid",
        "obligation_missing",
        "obligation_unknown",
    ]
    for reason in ("obligation_missing", "obligation_unknown"):
        told = item(market, reason)
        for language in ("en", "zh"):
            assert "?" not in words.sentence(WORDS[reason], told.facts, language)


def test_a_line_that_cannot_be_stops_no_other(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    reported(
        market,
        "o.csv",
        ("A", "receive", 10, 1000),
        bad=f"NOT A BIC AT ALL,{ISINS['B']},2026-10-13,EURO,deliver,1,1,1\n",
    )
    assert desk.agree(market, DAY) == Tally(2, done=1, refused=1)
    assert queue(market) == [("obligation_invalid", "message/o.csv/2", "open")]


def test_the_ccps_next_word_settles_the_matter(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    desk.agree(market, DAY)
    assert [(reason, state) for reason, _, state in queue(market)] == [("obligation_missing", "open")]
    reported(market, "o1.csv", ("A", "receive", 9, 1000))
    desk.agree(market, DAY)
    reported(market, "o2.csv", ("A", "receive", 10, 1000))
    assert desk.agree(market, DAY) == Tally(1, done=1)
    assert [(reason, state) for reason, _, state in queue(market)] == [
        ("obligation_missing", "closed"),
        ("obligation_differs", "closed"),
    ]
    assert desk.agree(market, DAY) == Tally(0), "nothing new, nothing open"


def test_a_trade_that_comes_late_can_be_compared_again(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    reported(market, "o.csv", ("A", "receive", 12, 1200))
    desk.agree(market, DAY)
    assert actions.ACTIONS["retry"].apply(market, DAY, item(market, "obligation_differs"), {}, "ann") == "open"
    traded(market, (2, "A", "buy", 2, 200))
    desk.novate(market, DAY)
    assert actions.ACTIONS["retry"].apply(market, DAY, item(market, "obligation_differs"), {}, "ann") == "closed"
    assert queries.for_settlement(market.id).height == 2


def test_two_people_may_take_our_figure(market):
    traded(market, (1, "A", "buy", 10, 1000))
    desk.novate(market, DAY)
    reported(market, "o.csv", ("A", "receive", 9, 1000))
    desk.agree(market, DAY)
    accept = actions.ACTIONS["accept_obligation"]
    assert accept.two_people
    assert accept.apply(market, DAY, item(market, "obligation_differs"), {}, "ann") == "closed"
    assert queries.for_settlement(market.id).height == 1
    ((subject, _, _),) = events(market, "clearing.NetAgreed/1")
    assert subject == f"net/{queries.nets(market.id)['net'][0]}"


def test_every_reason_offers_actions_that_exist():
    from nostro.spine.actions import COMMON

    for reason, said in WORDS.items():
        assert set(said.actions) <= {*COMMON, *actions.ACTIONS}, reason
