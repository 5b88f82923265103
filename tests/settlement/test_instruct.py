"""Obligations become instructions, from our accounts, under unique references."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from nostro.departments.settlement.rules import instruct

CUTOFF = datetime(2026, 10, 13, 14, tzinfo=UTC)
ACCOUNTS = pl.DataFrame(
    [
        ("DEPOT-DE", "", "securities", "FCUSDEFFXXX", "FCSDDEFFXXX"),
        ("CASH-DE", "EUR", "cash", "FCUSDEFFXXX", "FCSDDEFFXXX"),
        ("DEPOT-UK", "", "securities", "FCUSGB2LXXX", "FCSDGB2LXXX"),
        ("CASH-HK", "HKD", "cash", "FCUSHKHHXXX", "FCSDHKHHXXX"),
    ],
    schema=["number", "currency", "kind", "servicer_bic", "place_bic"],
    orient="row",
)


def obligations(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """(source, place, currency) -> a purchase of 5 units for 10.00."""
    return pl.DataFrame(
        [
            {
                "source": source,
                "cause": 40 + n,
                "subject": f"execution/X{n}",
                "direction": "receive",
                "instrument_id": 1001,
                "isin": "DE000FCT0018",
                "quantity": 5,
                "amount_minor": 1000,
                "currency": currency,
                "trade_date": date(2026, 10, 9),
                "settle_date": date(2026, 10, 13),
                "mic": "XETR",
                "place_bic": place,
                "counterparty_bic": "FCBKDEFFXXX",
                "deadline": CUTOFF,
            }
            for n, (source, place, currency) in enumerate(rows, 1)
        ]
    )


def test_an_obligation_is_instructed_from_our_accounts_at_its_place():
    done = instruct.instruct(obligations(("trade/1", "FCSDDEFFXXX", "EUR")), ACCOUNTS, "EUB", 4711).done
    (row,) = done.iter_rows(named=True)
    assert (row["account"], row["cash_account"], row["servicer_bic"]) == ("DEPOT-DE", "CASH-DE", "FCUSDEFFXXX")
    assert row["reference"] == "EUB0000000004711"


@pytest.mark.parametrize(
    ("place", "currency", "kind"),
    [
        ("FCSDDEFFXXX", "USD", "cash"),
        ("FCSDGB2LXXX", "GBP", "cash"),
        ("FCSDHKHHXXX", "HKD", "securities"),
        ("FCSDUS33XXX", "USD", "securities and cash"),
    ],
)
def test_without_an_account_nothing_is_instructed(place, currency, kind):
    result = instruct.instruct(
        obligations(("trade/1", place, currency), ("net/2", "FCSDDEFFXXX", "EUR")), ACCOUNTS, "EUB", 4711
    )
    assert result.done.select("source", "reference").rows() == [("net/2", "EUB0000000004711")]
    (row,) = result.refused.iter_rows(named=True)
    assert (row["reason"], row["subject"], row["money_minor"]) == ("account_missing", "execution/X1", 1000)
    assert f'"kind":"{kind}"' in row["facts"]
    assert (row["cause"], row["deadline"]) == (41, CUTOFF)


@pytest.mark.parametrize(
    ("code", "event", "expected"),
    [
        ("EUB", 1, "EUB0000000000001"),
        ("EU", 1, "EU00000000000001"),
        ("EUROBANK", 7, "EURO000000000007"),
        ("EUROBANK", 10**12 - 1, "EURO999999999999"),
    ],
)
def test_references_are_sixteen_characters_and_as_unique_as_their_events(code, event, expected):
    (text,) = pl.select(instruct.reference(code, pl.lit(event))).to_series()
    assert text == expected
    assert len(text) == instruct.REFERENCE_LENGTH_MAX
