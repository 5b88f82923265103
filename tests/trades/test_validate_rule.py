"""One row for each reason to refuse an execution, and what a good one becomes."""

import json
from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.trades.rules import enrich, validate

TODAY = date(2026, 10, 13)
GOOD = {
    "exec_id": "X1",
    "order_id": "O1",
    "book": "FLOW",
    "isin": "DE0007164600",
    "side": "buy",
    "quantity_micro": 100_000_000,
    "price_micro": 50_000_000,
    "currency": "EUR",
    "trade_date": TODAY,
    "settle_date": None,
    "mic": "XETR",
    "counterparty_bic": "FCBKDEFFXXX",
    "ccp_bic": None,
    "price_accepted": False,
}
SCHEMA = {
    "id": pl.Int64,
    "message": pl.Int64,
    **dict.fromkeys(("quantity_micro", "price_micro"), pl.Int64),
    **dict.fromkeys(("trade_date", "settle_date"), pl.Date),
    **dict.fromkeys(("exec_id", "order_id", "book", "isin", "side", "currency", "mic"), pl.String),
    "counterparty_bic": pl.String,
    "ccp_bic": pl.String,
    "price_accepted": pl.Boolean,
}
TERM = {
    "place_bic": "FCSDDEFFXXX",
    "price_tolerance_bp": 500,
    "fee_bp_micro": 1_500_000,
    "tax_buy_bp_micro": 50_000_000,
    "tax_sell_bp_micro": 0,
    "settle_date": date(2026, 10, 15),
    "fault": None,
}


def _executions(*changes: dict) -> pl.DataFrame:
    rows = [{**GOOD, "id": 10 + n, "message": 100 + n, **change} for n, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=SCHEMA)


def _term(mic: str, trade_date: date, **change) -> dict:
    return {"mic": mic, "trade_date": trade_date, **TERM, **change}


REFERENCE = validate.Reference(
    instruments=pl.DataFrame(
        [(1001, "DE0007164600", "EUR", 0), (1002, "US0378331005", "USD", 2), (1003, "GB0002634946", "GBP", 0)],
        schema=["instrument_id", "isin", "currency", "scale"],
        orient="row",
    ),
    terms=pl.DataFrame(
        [
            _term("XETR", TODAY),
            _term("XETR", date(2026, 10, 11), settle_date=None, fault="trade_on_holiday"),
            _term("XETR", date(2031, 1, 2), settle_date=None, fault="calendar_unknown"),
            _term("XNYS", TODAY, place_bic="FCSDUS33XXX", settle_date=date(2026, 10, 14)),
        ],
        schema_overrides={"settle_date": pl.Date, "fault": pl.String},
    ),
    parties=pl.DataFrame(
        [("FCBKDEFFXXX", "counterparty"), ("FCNODEFFXXX", "counterparty"), ("FCCPDEFFXXX", "ccp")],
        schema=["bic", "kind"],
        orient="row",
    ),
    ssis=pl.DataFrame(
        [("FCBKDEFFXXX", "FCSDDEFFXXX", "FCAGDEFFXXX"), ("FCBKDEFFXXX", "FCSDUS33XXX", "FCAGUS33XXX")],
        schema=["party_bic", "place_bic", "agent_bic"],
        orient="row",
    ),
    books=pl.DataFrame([("FLOW", False), ("BLOCK", True)], schema=["code", "is_block"], orient="row"),
    prices=pl.DataFrame(
        [("DE0007164600", 50_000_000, "EUR"), ("US0378331005", 200_000_000, "USD")],
        schema=["isin", "price_micro", "currency"],
        orient="row",
    ).with_columns(day=pl.lit(date(2026, 10, 12))),
)
CASES = [
    # change                                                      reasons, in the order of the checks
    ({}, []),
    ({"isin": "DE0007164601"}, ["isin_invalid"]),
    ({"isin": "DE00071646"}, ["isin_invalid"]),
    ({"isin": "XS0104440986", "currency": "USD", "price_micro": 10_000}, ["instrument_unknown"]),
    ({"currency": "USD"}, ["currency_differs"]),
    ({"quantity_micro": 100_500_000}, ["quantity_fraction"]),
    (
        {
            "isin": "US0378331005",
            "currency": "USD",
            "mic": "XNYS",
            "quantity_micro": 10_000,
            "price_micro": 200_000_000,
        },
        [],
    ),
    ({"price_micro": 0}, ["amount_invalid", "price_out_of_tolerance"]),
    ({"quantity_micro": 2**63 - 1 - 775_807, "price_micro": 10**15, "price_accepted": True}, ["amount_invalid"]),
    ({"isin": "GB0002634946", "currency": "GBP"}, ["price_unknown"]),
    ({"isin": "GB0002634946", "currency": "GBP", "price_accepted": True}, []),
    ({"price_micro": 52_500_000}, []),
    ({"price_micro": 52_500_001}, ["price_out_of_tolerance"]),
    ({"price_micro": 47_500_000}, []),
    ({"price_micro": 47_499_999}, ["price_out_of_tolerance"]),
    ({"price_micro": 60_000_000, "price_accepted": True}, []),
    ({"counterparty_bic": "FCXXDEFFXXX"}, ["counterparty_unknown"]),
    ({"ccp_bic": "FCCPDEFFXXX"}, []),
    ({"ccp_bic": "FCNODEFFXXX"}, ["ccp_unknown"]),
    ({"mic": "XPAR"}, ["market_unknown"]),
    ({"trade_date": date(2026, 10, 11)}, ["trade_on_holiday"]),
    ({"trade_date": date(2031, 1, 2)}, ["calendar_unknown"]),
    ({"settle_date": date(2026, 10, 15)}, []),
    ({"settle_date": date(2026, 10, 16)}, ["settle_date_differs"]),
    ({"counterparty_bic": "FCNODEFFXXX"}, ["ssi_missing"]),
    ({"counterparty_bic": "FCNODEFFXXX", "ccp_bic": "FCCPDEFFXXX"}, []),
    ({"book": "NONE"}, ["book_unknown"]),
    (
        {
            "currency": "USD",
            "quantity_micro": 500_000,
            "counterparty_bic": "FCXXDEFFXXX",
            "mic": "XPAR",
            "book": "NONE",
        },
        ["currency_differs", "quantity_fraction", "counterparty_unknown", "market_unknown", "book_unknown"],
    ),
]


@pytest.mark.parametrize(("change", "reasons"), CASES)
def test_an_execution_is_refused_for_all_its_reasons_and_for_no_other(change, reasons):
    passed, refused = validate.validate(_executions(change), REFERENCE)
    assert refused["reason"].to_list() == reasons
    assert passed.height == (not reasons)


def test_every_check_has_a_case():
    assert {reason for _, reasons in CASES for reason in reasons} == set(validate.REASONS)


def test_refusals_stand_in_the_order_of_the_executions_and_carry_what_a_clerk_needs():
    changes = [{"exec_id": f"X{n}", **change} for n, (change, _) in enumerate(CASES)]
    passed, refused = validate.validate(_executions(*changes), REFERENCE)
    assert refused.select("subject", "reason").rows() == [
        (f"execution/X{n}", reason) for n, (_, reasons) in enumerate(CASES) for reason in reasons
    ]
    assert passed["exec_id"].to_list() == [f"X{n}" for n, (_, reasons) in enumerate(CASES) if not reasons]
    dear = refused.filter(pl.col("reason") == "price_out_of_tolerance").row(1, named=True)
    assert json.loads(dear["facts"]) == {
        "exec_id": "X12",
        "isin": "DE0007164600",
        "price": "52.500001",
        "last": "50",
        "day": "2026-10-12",
        "currency": "EUR",
        "off_bp": "500",
        "tolerance_bp": "500",
    }
    assert (dear["money_minor"], dear["currency"], dear["id"], dear["message"]) == (525_000, "EUR", 22, 112)
    huge = refused.filter(pl.col("subject") == "execution/X8").row(0, named=True)
    assert huge["money_minor"] is None


def test_a_good_execution_becomes_a_trade_with_units_costs_and_a_settlement_date():
    bought = {"quantity_micro": 100_000_000, "price_micro": 50_005_000}
    passed, _ = validate.validate(_executions(bought, {**bought, "side": "sell", "ccp_bic": "FCCPDEFFXXX"}), REFERENCE)
    trades = enrich.enrich(passed)
    assert trades.select("quantity", "gross_minor", "net_minor", "fee_minor", "tax_minor").rows() == [
        (100, 500_050, 500_050, 75, 2500),
        (100, 500_050, 500_050, 75, 0),
    ]
    assert trades.select("settle_date", "agent_bic", "is_block", "instrument_id").rows() == [
        (date(2026, 10, 15), "FCAGDEFFXXX", False, 1001),
        (date(2026, 10, 15), "FCCPDEFFXXX", False, 1001),
    ]


def test_stamp_duty_is_rounded_half_up_to_the_penny():
    # HMRC STSM014030: 13.4547 is 13.45 and 13.4550 is 13.46, here 50 bp on 2,690.94 and 2,691.00.
    frame = pl.DataFrame({"gross": [269_094, 269_100]})
    charged = frame.select(enrich.charge_minor(pl.col("gross").cast(pl.Int128), pl.lit(50_000_000)))
    assert charged.to_series().to_list() == [1345, 1346]


@settings(deadline=None)  # the first example pays for imports and compilation
@given(st.lists(st.tuples(st.integers(1, 2**63 - 1), st.integers(0, 10_000 * 10**6)), min_size=1, max_size=20))
def test_a_column_of_charges_equals_the_charges_one_by_one(rows):
    frame = pl.DataFrame(rows, schema={"gross": pl.Int64, "rate": pl.Int64}, orient="row")
    charged = frame.select(enrich.charge_minor(pl.col("gross").cast(pl.Int128), pl.col("rate"))).to_series().to_list()
    slow = [int(Fraction(gross * rate, 10**10) + Fraction(1, 2)) for gross, rate in rows]
    assert [int(c) for c in charged] == slow


@settings(deadline=None)  # the first example pays for imports and compilation
@given(st.lists(st.sampled_from(range(len(CASES))), max_size=12))
def test_an_execution_is_judged_alike_whatever_stands_beside_it(picks):
    passed, refused = validate.validate(
        _executions(*({"exec_id": f"X{n}", **CASES[p][0]} for n, p in enumerate(picks))), REFERENCE
    )
    by_subject = refused.group_by("subject", maintain_order=True).agg("reason")
    assert dict(by_subject.rows()) == {f"execution/X{n}": CASES[p][1] for n, p in enumerate(picks) if CASES[p][1]}
    assert passed.height + by_subject.height == len(picks)
