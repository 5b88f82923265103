"""Posting rules: what each fact is posted as, and what a rule file may not say."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nostro.departments.accounting as accounting
from nostro.departments.accounting.rules import posting
from nostro.kernel.events.accounting import OpeningCash, OpeningPosition, PositionValued
from nostro.kernel.events.settlement import InstructionSettled
from nostro.kernel.events.trades import TradeAllocated
from nostro.kernel.refusals import Refused

SHIPPED = {
    path.name: path.read_text(encoding="utf-8")
    for path in (Path(accounting.__file__).parent / "posting").glob("*.rule")
}
RULES = posting.compiled(SHIPPED)
DAY = date(2026, 10, 13)
CASH = "on accounting.OpeningCash/1\nalways\n"
POSITION = "on accounting.OpeningPosition/1\nalways\n"


def _entries(*facts):
    """The entries of these facts of one class, as "Dr a Cr b 1 of X" by event, and the reasons of those refused."""
    rows = [{"seq": n, "subject": f"s/{n}", **{c: getattr(f, c) for c in f.columns()}} for n, f in enumerate(facts, 1)]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    done, refused = posting.entries(RULES[facts[0].kind()], frame)
    told = [
        f"{r['event']}.{r['leg']} Dr {r['debit']} Cr {r['credit']} {r['amount_minor']} of {r['asset']}"
        for r in done.to_dicts()
    ]
    return told, refused.select("reason", "subject", "cause").rows()


def test_a_purchase_is_owned_from_the_trade_date_and_owed_until_it_settles():
    buy = TradeAllocated("DE1", "buy", "FLOW", 100, 5_000_00, 2_50, 0, "EUR", "CSD", DAY)
    assert _entries(buy) == (
        [
            "1.1 Dr book/FLOW/DE1 Cr pending/CSD/DE1 100 of DE1",
            "1.2 Dr cost/FLOW/DE1 Cr unsettled/CSD/EUR 500000 of EUR",
            "1.3 Dr fees/FLOW/EUR Cr payable_fees/EUR 250 of EUR",
        ],
        [],
    )


def test_a_sale_is_the_reverse_and_its_taxes_are_an_expense_too():
    sell = TradeAllocated("DE1", "sell", "FLOW", 100, 5_000_00, 0, 1_00, "EUR", "CSD", DAY)
    assert _entries(sell) == (
        [
            "1.1 Dr pending/CSD/DE1 Cr book/FLOW/DE1 100 of DE1",
            "1.2 Dr unsettled/CSD/EUR Cr cost/FLOW/DE1 500000 of EUR",
            "1.4 Dr taxes/FLOW/EUR Cr payable_taxes/EUR 100 of EUR",
        ],
        [],
    )


def test_settlement_moves_what_was_pending_to_the_custodian_and_the_bank():
    receive = InstructionSettled("receive", "DE1", 100, 5_000_00, "EUR", DAY, "DEPOT", "CASH", "CSD")
    deliver = InstructionSettled("deliver", "DE1", 30, 1_500_00, "EUR", DAY, "DEPOT", "CASH", "CSD")
    assert _entries(receive, deliver)[0] == [
        "1.1 Dr pending/CSD/DE1 Cr depot/DEPOT/DE1 100 of DE1",
        "1.2 Dr unsettled/CSD/EUR Cr nostro/CASH/EUR 500000 of EUR",
        "2.1 Dr depot/DEPOT/DE1 Cr pending/CSD/DE1 30 of DE1",
        "2.2 Dr nostro/CASH/EUR Cr unsettled/CSD/EUR 150000 of EUR",
    ]


def test_openings_stand_against_equity_and_an_overdraft_turns_the_sign():
    assert _entries(OpeningPosition("FLOW", "DE1", 7, 700_00, "EUR", "DEPOT"))[0] == [
        "1.1 Dr book/FLOW/DE1 Cr depot/DEPOT/DE1 7 of DE1",
        "1.2 Dr cost/FLOW/DE1 Cr equity/EUR 70000 of EUR",
    ]
    cash = [OpeningCash("CASH", "EUR", amount, 1, "S1") for amount in (500, -200, 0)]
    assert _entries(*cash) == (
        ["1.1 Dr nostro/CASH/EUR Cr equity/EUR 500 of EUR", "2.1 Dr equity/EUR Cr nostro/CASH/EUR 200 of EUR"],
        [],
    )


def test_a_gain_is_credited_to_the_result_and_a_loss_debited():
    valued = [PositionValued("FLOW", "DE1", 1, 1, "EUR", 0, change) for change in (10, -10, 0)]
    assert _entries(*valued)[0] == [
        "1.1 Dr valuation/FLOW/DE1 Cr result/FLOW/EUR 10 of EUR",
        "2.1 Dr result/FLOW/EUR Cr valuation/FLOW/DE1 10 of EUR",
    ]


def test_an_event_no_clause_speaks_of_or_with_a_negative_entry_is_refused_whole():
    odd = TradeAllocated("DE1", "lend", "FLOW", 100, 5_000_00, 0, 0, "EUR", "CSD", DAY)
    negative = TradeAllocated("DE1", "buy", "FLOW", 100, 5_000_00, -1, 0, "EUR", "CSD", DAY)
    good = TradeAllocated("DE1", "buy", "FLOW", 1, 50_00, 0, 0, "EUR", "CSD", DAY)
    told, refused = _entries(odd, negative, good)
    assert [line.split()[0] for line in told] == ["3.1", "3.2"]
    assert refused == [("posting_rule_missing", "posting/1", 1), ("posting_amount_negative", "posting/2", 2)]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("on trades.TradeSwapped/1\nalways\n nothing", [("rule_fact_unknown", 1)]),
        ("on accounting.OpeningCash/1\nwhen amount > 0\n nothing", [("rule_field_unknown", 2)]),
        ("on accounting.OpeningCash/1\nwhen currency > 0\n nothing", [("rule_condition_invalid", 2)]),
        ("on accounting.OpeningCash/1\nwhen amount_minor = many\n nothing", [("rule_condition_invalid", 2)]),
        (
            "on accounting.OpeningCash/1\nwhenever\n nothing",
            [("rule_unreadable", 2), ("rule_unreadable", 3), ("rule_empty", 1)],
        ),
        ("on accounting.OpeningCash/1\nalways", [("rule_empty", 2)]),
        ("always\n nothing", [("rule_unreadable", 1)]),
        (
            CASH + " Dr cash/{account}/{currency} Cr equity/{currency} amount_minor of currency",
            [("rule_account_invalid", 3)],
        ),
        (
            CASH + " Dr nostro/{currency} Cr equity/{currency} amount_minor of currency",
            [("rule_account_invalid", 3)],
        ),
        (
            CASH + " Dr nostro/{bank}/{currency} Cr equity/{currency} amount_minor of currency",
            [("rule_field_unknown", 3)],
        ),
        (
            "on trades.TradeEnriched/1\nalways\n Dr pending/{ccp_bic}/{isin} Cr book/{exec_id}/{isin} quantity of isin",
            [("rule_account_invalid", 3)],
        ),
        (
            POSITION + " Dr book/{book}/{isin} Cr equity/{currency} quantity of isin",
            [("rule_asset_mixed", 3)],
        ),
        (
            POSITION + " Dr book/{book}/{isin} Cr depot/{account}/{isin} cost_minor of isin",
            [("rule_asset_mixed", 3)],
        ),
        (
            POSITION + " Dr cost/{book}/{isin} Cr equity/{currency} isin of currency",
            [("rule_amount_invalid", 3)],
        ),
        (
            CASH + " Dr equity/{currency} Cr equity/{currency} amount_minor of currency",
            [("rule_account_invalid", 3)],
        ),
        ("on trades.TradeAllocated/1\nwhen side = buy\n nothing\nwhen quantity > 0\n nothing", [("rule_overlaps", 4)]),
        (
            "on accounting.OpeningCash/1\nwhen amount_minor > 0\n nothing\nwhen amount_minor > 5\n nothing",
            [("rule_overlaps", 4)],
        ),
        ("on accounting.OpeningCash/1\nwhen amount_minor > 0\n nothing\nwhen amount_minor < 1\n nothing", []),
        (
            "on accounting.OpeningCash/1\nwhen amount_minor > 0\n nothing\nwhen amount_minor < 2\n nothing",
            [("rule_overlaps", 4)],
        ),
    ],
)
def test_a_rule_that_cannot_be_right_is_refused_with_its_line(text, errors):
    assert _refused({"one.rule": text}) == sorted(
        [(reason, "one.rule", line) for reason, line in errors], key=lambda e: e[2]
    )


def test_all_errors_of_all_files_come_at_once_and_a_fact_has_one_file():
    cash = "on accounting.OpeningCash/1\nalways\n nothing"
    assert _refused({"a.rule": cash, "b.rule": cash, "c.rule": "on x\nwhen y = 1\n", "d.rule": ""}) == [
        ("rule_overlaps", "b.rule", 1),
        ("rule_fact_unknown", "c.rule", 1),
        ("rule_empty", "c.rule", 2),
        ("rule_empty", "d.rule", 1),
    ]


def _refused(sources):
    try:
        posting.compiled(sources)
    except Refused as error:
        return [(r.reason, *_place(r)) for r in error.refusals]
    return []


def _place(refusal):
    file, line = refusal.place.split(" line ")
    return file, int(line)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 10**12), st.integers(0, 10**6)), max_size=20)
)
def test_however_events_are_cut_into_batches_their_entries_are_the_same(trades):
    facts = [TradeAllocated("DE1", side, "B", 1, gross, fee, fee, "EUR", "CSD", DAY) for side, gross, fee in trades]
    if not facts:
        return
    whole, _ = _entries(*facts)
    single = [line.replace("1.", f"{n}.", 1) for n, fact in enumerate(facts, 1) for line in _entries(fact)[0]]
    assert whole == single
