"""A morning's and an evening's reference files, through the desk and out of the queries."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from django.db import connection

from nostro.kernel.refusals import Refused, Tally
from nostro.ledger.assets import assets
from nostro.messages import marketfiles
from nostro.reference import actions, desk, queries
from nostro.spine import inbox
from nostro.spine.actions import Item
from nostro.spine.entities import every, house
from nostro.spine.events import MACHINE

DAY = date(2026, 10, 13)
FRIDAY = date(2026, 10, 9)
ENTITIES = """code,name,name_zh,kind,currency,lei,bic
EUB,Fictitious Brokers,虚构证券,broker,EUR,5493001KJTIIGC8Y1R12,FCEUDEFFXXX
CNI,Fictitious Life,虚构保险,insurer,CNY,5493001KJTIIGC8Y1R12,FCCNCNSHXXX
"""
MARKETS = f"""{",".join(marketfiles.MARKETS)}
XNYS,2000-01-01,New York,纽约,USD,FCSDUS33XXX,FCCPUS33XXX,mt,2,XNYS,US,America/New_York,15:20,500,0.5,0,0
XNYS,2024-05-28,New York,纽约,USD,FCSDUS33XXX,FCCPUS33XXX,mt,1,XNYS,US,America/New_York,15:20,500,0.5,0,0
XETR,2000-01-01,Frankfurt,法兰克福,EUR,FCSDDEFFXXX,FCCPDEFFXXX,iso,2,XETR,TARGET,Europe/Berlin,16:00,500,1.5,0,0
"""
INSTRUMENTS = """isin,name,name_zh,cfi,currency,mic,scale
DE0007164600,Fictitious Motors 07,虚构汽车07,ESVUFR,EUR,XETR,0
US0378331005,Fictitious Fruit 01,虚构水果01,ESVUFR,USD,XNYS,2
DE0007164601,Wrong Digit,错码,ESVUFR,EUR,XETR,0
"""
PARTIES = """bic,lei,name,name_zh,kind
FCBKDEFFXXX,5493001KJTIIGC8Y1R12,Fictitious Bank,虚构银行,counterparty
FCCPDEFFXXX,5493001KJTIIGC8Y1R12,Fictitious Clearing,虚构清算,ccp
"""


def _receive(entity_id: int, phase: str, kind: str, text: str) -> None:
    stem, extension = kind.split(".")
    name = f"{phase}/10_{stem}.FCDATA.{extension}"
    assert inbox.receive(entity_id, DAY, kind=kind, sender="FCDATA", name=name, data=text.encode())


def _queue(entity_id: int = 0) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, subject, state FROM spine_exception WHERE entity_id = %s ORDER BY id", [entity_id]
        )
        return cursor.fetchall()


@pytest.fixture
def loaded(db) -> None:
    for kind, text in (
        ("entities.csv", ENTITIES),
        ("markets.csv", MARKETS),
        ("instruments.csv", INSTRUMENTS),
        ("parties.csv", PARTIES),
    ):
        _receive(0, "1_morning", kind, text)
    assert desk.load_reference(house(), DAY) == Tally(10, done=9, refused=1)


def test_reference_files_become_entities_markets_instruments_parties_and_assets(loaded):
    assert [(e.id, e.code, e.currency) for e in every()] == [(0, "HOUSE", "EUR"), (1, "EUB", "EUR"), (2, "CNI", "CNY")]
    assert assets().rows() == [
        (1, "CNY", 2),
        (2, "EUR", 2),
        (3, "USD", 2),
        (1001, "DE0007164600", 0),
        (1002, "US0378331005", 2),
    ]
    assert queries.instruments().select("instrument_id", "isin", "scale").rows() == [
        (1001, "DE0007164600", 0),
        (1002, "US0378331005", 2),
    ]
    assert queries.parties().select("bic", "kind").rows() == [("FCBKDEFFXXX", "counterparty"), ("FCCPDEFFXXX", "ccp")]
    assert _queue() == [("csv_field_invalid", "message/1_morning/10_instruments.FCDATA.csv/3", "open")]


def test_the_same_load_again_changes_nothing_and_a_changed_file_changes_what_it_names(loaded):
    assert desk.load_reference(house(), DAY) == Tally(0)
    _receive(0, "2_again", "instruments.csv", INSTRUMENTS.replace("Fruit 01", "Apples 01").replace("XETR,0", "XETR,1"))
    assert desk.load_reference(house(), DAY) == Tally(3, done=1, refused=2)
    assert queries.instruments().select("instrument_id", "name", "scale").rows() == [
        (1001, "Fictitious Motors 07", 0),
        (1002, "Fictitious Apples 01", 2),
    ]


def test_a_market_speaks_with_the_rules_of_the_day(loaded):
    assert queries.markets(date(2024, 5, 27)).select("mic", "cycle_days").rows() == [("XETR", 2), ("XNYS", 2)]
    assert queries.markets(DAY).select("mic", "cycle_days").rows() == [("XETR", 2), ("XNYS", 1)]
    assert queries.cutoffs(DAY).rows() == [
        ("XETR", "FCSDDEFFXXX", datetime(2026, 10, 13, 14, 0, tzinfo=UTC)),
        ("XNYS", "FCSDUS33XXX", datetime(2026, 10, 13, 19, 20, tzinfo=UTC)),
    ]
    pairs = pl.DataFrame(
        [
            ("XNYS", FRIDAY),
            ("XNYS", date(2024, 5, 24)),
            ("XNYS", date(2026, 10, 10)),
            ("XPAR", FRIDAY),
            ("XNYS", FRIDAY),
        ],
        schema=["mic", "trade_date"],
        orient="row",
    )
    assert queries.settle_dates(pairs).select("settle_date", "fault").rows() == [
        (DAY, None),
        (date(2024, 5, 29), None),
        (None, "trade_on_holiday"),
        (None, "calendar_unknown"),
        (DAY, None),
    ]
    assert queries.market_terms(pairs.unique())["mic"].to_list() == ["XNYS", "XNYS", "XNYS"]
    assert queries.shut_markets(date(2026, 10, 11)) == ["XETR", "XNYS"]
    assert queries.shut_markets(DAY) == []


PRICES = "isin,day,price,currency\n"


def _open_prices() -> None:
    lines = "DE0007164600,2026-10-12,50,EUR\nDE0007164600,2026-10-12,fifty,EUR\n"
    lines += "DE0007164600,2026-10-09,49,EUR\nUS0378331005,2026-10-12,200.5,USD\n"
    _receive(0, "1_morning", "prices.csv", PRICES + lines)
    _receive(0, "1_morning", "fx.csv", "base,quote,day,rate\nEUR,USD,2026-10-12,1.17\n")
    assert desk.load_opening_prices(house(), DAY) == Tally(5, done=4, refused=1)


def test_a_bad_price_line_costs_itself_and_names_its_file_and_row(loaded):
    _open_prices()
    assert queries.last_prices(DAY).rows() == [
        ("DE0007164600", 50_000_000, "EUR", date(2026, 10, 12)),
        ("US0378331005", 200_500_000, "USD", date(2026, 10, 12)),
    ]
    assert queries.fx_rates(DAY).rows() == [("EUR", "USD", 117_000_000, date(2026, 10, 12))]
    assert ("csv_field_invalid", "message/1_morning/10_prices.FCDATA.csv/2", "open") in _queue()


def test_a_close_that_is_wild_stale_or_missing_is_not_used_until_two_people_say_so(loaded):
    _open_prices()
    _receive(0, "3_evening", "prices.csv", PRICES + "DE0007164600,2026-10-13,70,EUR\n")
    assert desk.load_closing_prices(house(), DAY) == Tally(2, open=2)
    assert queries.prices(DAY).is_empty()
    assert _queue()[-2:] == [
        ("price_wild", "price/DE0007164600", "open"),
        ("price_missing", "price/US0378331005", "open"),
    ]

    facts = {"isin": "DE0007164600", "price": "70", "currency": "EUR", "day": "2026-10-13"}
    wild = Item(1, DAY, "reference", "price_wild", "price/DE0007164600", facts)
    assert actions.ACTIONS["accept_price"].apply(house(), DAY, wild, {}, "anna") == "closed"
    missing = Item(2, DAY, "reference", "price_missing", "price/US0378331005", {"currency": "USD", "day": "2026-10-13"})
    with pytest.raises(Refused, match="value_invalid"):
        actions.ACTIONS["set_price"].apply(house(), DAY, missing, {"price": "two hundred"}, "anna")
    with pytest.raises(Refused, match="more than 0"):
        actions.ACTIONS["set_price"].apply(house(), DAY, missing, {"price": "0"}, "anna")
    assert actions.ACTIONS["set_price"].apply(house(), DAY, missing, {"price": "201.25"}, "anna") == "closed"
    assert queries.prices(DAY).rows() == [("DE0007164600", 70_000_000, "EUR"), ("US0378331005", 201_250_000, "USD")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject, actor FROM spine_event WHERE entity_id = 0 AND kind = 'reference.PriceSet/1' ORDER BY seq"
        )
        assert cursor.fetchall() == [("price/DE0007164600", "anna"), ("price/US0378331005", "anna")]


def test_a_price_set_by_hand_goes_before_the_vendors_and_a_later_file_closes_what_it_cures(loaded):
    _open_prices()
    _receive(
        0, "3_evening", "prices.csv", PRICES + "DE0007164600,2026-10-13,51,EUR\nUS0378331005,2026-10-12,200.5,USD\n"
    )
    assert desk.load_closing_prices(house(), DAY) == Tally(2, done=1, open=1)
    assert _queue()[-1] == ("price_stale", "price/US0378331005", "open")
    _receive(0, "4_again", "prices.csv", PRICES + "US0378331005,2026-10-13,201,USD\n")
    assert desk.load_closing_prices(house(), DAY) == Tally(1, done=1)
    assert _queue()[-1] == ("price_stale", "price/US0378331005", "closed")
    desk.set_price(house(), DAY, "DE0007164600", 52_000_000, "EUR", MACHINE)
    assert queries.prices(DAY).rows() == [("DE0007164600", 52_000_000, "EUR"), ("US0378331005", 201_000_000, "USD")]


def test_two_people_add_an_instrument_when_all_they_say_of_it_is_sound(loaded):
    item = Item(1, DAY, "trades", "instrument_unknown", "execution/X1", {"isin": "GB0002634946"})
    said = {
        "name": "Fictitious Aero",
        "name_zh": "虚构航空",
        "cfi": "ESVUFR",
        "currency": "GBP",
        "mic": "XETR",
        "scale": "0",
    }
    wrong = {**said, "cfi": "1", "scale": "x", "mic": "XPAR"}
    with pytest.raises(Refused) as refused:
        actions.ACTIONS["add_instrument"].apply(every()[1], DAY, item, wrong, "anna")
    assert [r.facts["field"] for r in refused.value.refusals] == ["cfi", "scale", "mic"]
    assert actions.ACTIONS["add_instrument"].apply(every()[1], DAY, item, said, "anna") == "open"
    assert queries.instruments().row(-1) == (1003, "GB0002634946", "Fictitious Aero", "GBP", "XETR", 0)
    assert (4, "GBP", 2) in assets().rows()


def test_an_entitys_books_accounts_and_instructions_stay_its_own(loaded):
    first, second = every()[1:]
    _receive(1, "1_morning", "books.csv", "code,name,name_zh,is_block\nFLOW,Flow,做市,no\nBLOCK,Block,大宗,yes\n")
    accounts = "DEPOT-DE,,securities,FCAGDEFFXXX,FCSDDEFFXXX\nCASH-DE,EUR,cash,FCAGDEFFXXX,FCSDDEFFXXX\n"
    _receive(1, "1_morning", "accounts.csv", "number,currency,kind,servicer_bic,place_bic\n" + accounts)
    ssis = "FCBKDEFFXXX,FCSDDEFFXXX,2020-01-01,FCAGDEFFXXX,1\nFCBKDEFFXXX,FCSDDEFFXXX,2026-10-13,FCCSDEFFXXX,2\n"
    ssis += "FCBKDEFFXXX,FCSDDEFFXXX,2026-10-14,FCNXDEFFXXX,3\n"
    _receive(1, "1_morning", "ssis.csv", "party_bic,place_bic,valid_from,agent_bic,account\n" + ssis)
    assert desk.load_static(first, DAY) == Tally(7, done=7)
    assert queries.books(1).rows() == [("BLOCK", True), ("FLOW", False)]
    assert queries.accounts(1).rows() == [
        ("CASH-DE", "EUR", "cash", "FCAGDEFFXXX", "FCSDDEFFXXX"),
        ("DEPOT-DE", "", "securities", "FCAGDEFFXXX", "FCSDDEFFXXX"),
    ]
    assert queries.ssis(1, DAY).rows() == [("FCBKDEFFXXX", "FCSDDEFFXXX", "FCCSDEFFXXX", "2")]
    assert queries.ssis(1, FRIDAY).rows() == [("FCBKDEFFXXX", "FCSDDEFFXXX", "FCAGDEFFXXX", "1")]
    assert desk.load_static(second, DAY) == Tally(0)
    assert queries.books(2).is_empty()

    item = Item(
        1, DAY, "trades", "ssi_missing", "execution/X1", {"counterparty": "FCBKDEFFXXX", "place": "FCSDUS33XXX"}
    )
    with pytest.raises(Refused, match="agent_bic"):
        actions.ACTIONS["add_ssi"].apply(first, DAY, item, {"agent_bic": "nobody", "account": "9"}, "anna")
    assert (
        actions.ACTIONS["add_ssi"].apply(first, DAY, item, {"agent_bic": "FCAGUS33XXX", "account": "9"}, "anna")
        == "open"
    )
    assert queries.ssis(1, DAY).row(-1) == ("FCBKDEFFXXX", "FCSDUS33XXX", "FCAGUS33XXX", "9")
