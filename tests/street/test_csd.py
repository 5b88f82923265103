"""What a CSD answers, on days small enough to check in the head."""

from datetime import date

import polars as pl
import pytest

from nostro.messages.shapes import INSTRUCTION
from nostro_street import csd

ACCOUNTS = pl.DataFrame(
    {
        "number": ["S1", "S2"],
        "owner_bic": ["FCEBDEFFXXX", "FCFMDEFFXXX"],
        "servicer_bic": ["FCKDDEFFXXX", "FCKDDEFFXXX"],
        "place_bic": ["FCDDDEFFXXX", "FCDDDEFFXXX"],
        "currency": ["EUR", "EUR"],
    }
)
ISINS = pl.Series("isin", ["DEFCT0000170"])


def instruction(**changes: object) -> pl.DataFrame:
    row = {
        "reference": "R1",
        "direction": "receive",
        "isin": "DEFCT0000170",
        "quantity_micro": 10_000_000,
        "amount_minor": 100_00,
        "currency": "EUR",
        "trade_date": date(2026, 10, 9),
        "settle_date": date(2026, 10, 13),
        "account": "S1",
        "party_bic": "FCEBDEFFXXX",
        "counterparty_bic": "FCXDDEFFXXX",
        "place_bic": "FCDDDEFFXXX",
        "entity": "EUB",
        "servicer_bic": "FCKDDEFFXXX",
    }
    schema = {**INSTRUCTION, "entity": pl.String, "servicer_bic": pl.String}
    return pl.DataFrame([row | changes], schema=schema)


@pytest.mark.parametrize(
    ("changes", "rejection"),
    [
        ({}, None),
        ({"account": "S9"}, "SAFE"),
        ({"account": "S2"}, "SAFE"),
        ({"servicer_bic": "FCKUUS33XXX"}, "SAFE"),
        ({"place_bic": "FCDUUS33XXX"}, "DEPT"),
        ({"isin": "DEFCT0000188"}, "DSEC"),
        ({"quantity_micro": 0}, "DQUA"),
        ({"quantity_micro": 1_500_000}, "DQUA"),
        ({"currency": "USD"}, "DMON"),
        ({"settle_date": date(2026, 10, 8)}, "DDAT"),
    ],
)
def test_an_instruction_is_rejected_for_the_first_rule_it_breaks(
    changes: dict[str, object], rejection: str | None
) -> None:
    assert csd.check(instruction(**changes), ACCOUNTS, ISINS)["rejection"].to_list() == [rejection]


def test_a_reference_serves_once_for_each_firm() -> None:
    both = pl.concat([instruction(), instruction(), instruction(entity="FMC", account="S2", party_bic="FCFMDEFFXXX")])
    assert csd.check(both, ACCOUNTS, ISINS)["rejection"].to_list() == [None, "REFE", None]


def side(row_name: str, *terms: tuple[int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                row_name: row,
                "entity": "EUB",
                "place_bic": "P",
                "agent_bic": "A",
                "isin": "I",
                "direction": "receive",
                "currency": "EUR",
                "units": units,
                "amount_minor": amount,
                "settle_date": date(2026, 10, day),
            }
            for row, (units, amount, day) in enumerate(terms)
        ],
        schema_overrides={row_name: pl.Int64},
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # units, amount, day            their row and why not
        ([(10, 100, 13)], [(10, 100, 13)], [(0, None)]),
        ([(10, 100, 13)], [(10, 101, 13)], [(0, "DMON")]),
        ([(10, 100, 13)], [(11, 100, 13)], [(0, "DQUA")]),
        ([(10, 100, 13)], [(10, 100, 14)], [(0, "DDAT")]),
        ([(10, 100, 13)], [(11, 101, 13)], [(None, "CMIS")]),
        ([(10, 100, 13), (10, 100, 13)], [(10, 100, 13)], [(0, None), (None, "CMIS")]),
        # What matches in all is not taken by what matches in part.
        ([(10, 101, 13), (10, 100, 13)], [(10, 100, 13)], [(None, "CMIS"), (0, None)]),
    ],
)
def test_matching_finds_the_like_and_names_the_one_term_that_differs(
    ours: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]], expected: list[tuple[int | None, str | None]]
) -> None:
    found = csd.match(side("our_row", *ours), side("their_row", *theirs))
    assert found.select("their_row", "unmatched").rows() == expected


def due(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "our_row": at,
                "account": "S",
                "cash_account": "C",
                "isin": "I",
                "direction": direction,
                "units": units,
                "amount_minor": amount,
            }
            for at, (direction, units, amount) in enumerate(rows)
        ],
        schema_overrides={"our_row": pl.Int64},
    )


@pytest.mark.parametrize(
    ("have", "money", "rows", "failing"),
    [
        (10, 0, [("deliver", 10, 5)], [None]),
        (9, 0, [("deliver", 10, 5)], ["LACK"]),
        # The smaller ones go first, whatever their order.
        (9, 0, [("deliver", 6, 5), ("deliver", 4, 5), ("deliver", 5, 5)], ["LACK", None, None]),
        (0, 4, [("receive", 10, 5)], ["MONY"]),
        # What is delivered pays for what is received, and what is received can be delivered on.
        (10, 0, [("deliver", 10, 5), ("receive", 3, 5)], [None, None]),
        (0, 5, [("deliver", 3, 7), ("receive", 3, 5)], [None, None]),
        (0, 4, [("deliver", 3, 7), ("receive", 3, 5)], ["LACK", "MONY"]),
    ],
)
def test_settlement_takes_the_small_before_the_large_until_nothing_moves(
    have: int, money: int, rows: list[tuple[str, int, int]], failing: list[str | None]
) -> None:
    positions = pl.DataFrame({"account": ["S"], "isin": ["I"], "units": [have]})
    cash = pl.DataFrame({"account": ["C"], "amount_minor": [money]})
    assert csd.settle(due(*rows), positions, cash)["failing"].to_list() == failing


def test_what_feeds_a_delivery_settles_before_it():
    positions = pl.DataFrame({"account": ["S"], "isin": ["I"], "units": [0]})
    cash = pl.DataFrame({"account": ["C"], "amount_minor": [5]})
    turns = csd.settle(due(("deliver", 3, 7), ("receive", 3, 5)), positions, cash)["turn"].to_list()
    assert turns[1] < turns[0]
