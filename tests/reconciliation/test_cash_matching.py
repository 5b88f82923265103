"""Cash: entry by entry, and the balance that remains."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.reconciliation.rules import cash

DAY = date(2026, 10, 13)
THEIRS = pl.Schema(
    {
        "account": pl.String,
        "currency": pl.String,
        "day": pl.Date,
        "statement": pl.Int64,
        "entry": pl.Int64,
        "amount_minor": pl.Int64,
        "reference": pl.String,
        "bank_reference": pl.String,
    }
)
OURS = pl.Schema(
    {
        "account": pl.String,
        "currency": pl.String,
        "day": pl.Date,
        "reference": pl.String,
        "amount_minor": pl.Int64,
    }
)


def _compare(theirs, ours):
    """theirs: (amount, our reference, bank reference); ours: (amount, reference)."""
    left = [("C", "EUR", DAY, 1, n, amount, ref, bank) for n, (amount, ref, bank) in enumerate(theirs, 1)]
    right = [("C", "EUR", DAY, ref, amount) for amount, ref in ours]
    return cash.compare(pl.DataFrame(left, schema=THEIRS, orient="row"), pl.DataFrame(right, schema=OURS, orient="row"))


def test_each_kind_of_difference_has_its_reason_and_subject():
    # what the bank says            | what we say     | break
    table = [
        ([(10, "R1", "B1")], [(10, "R1")], []),
        ([(-10, "R1", "B1")], [(10, "R1")], [("cash_amount_differs", "cash/C/R1", 20)]),
        ([], [(10, "R1")], [("cash_missing_at_bank", "cash/C/R1", 10)]),
        ([(10, "R9", "B1")], [], [("cash_unknown", "cash/C/B1", 10)]),
        ([(10, None, "B1")], [], [("cash_unknown", "cash/C/B1", 10)]),
        ([(10, "R9", None)], [], [("cash_unknown", "cash/C/R9", 10)]),
        ([(10, None, None)], [], [("cash_unknown", "cash/C/entry 1", 10)]),
        ([(10, "R1", "B1"), (10, "R1", "B2")], [(10, "R1")], [("cash_twice", "cash/C/B2", 10)]),
        ([(10, "R1", "B1"), (20, "R1", "B2")], [(20, "R1"), (10, "R1")], []),
        ([(10, "R1", "B1"), (25, "R1", "B2")], [(20, "R1"), (10, "R1")], [("cash_amount_differs", "cash/C/R1", 5)]),
        (
            [(10, "R1", "B1")],
            [(10, "R2")],
            [("cash_unknown", "cash/C/B1", 10), ("cash_missing_at_bank", "cash/C/R2", 10)],
        ),
    ]
    for theirs, ours, breaks in table:
        told = cash.told(_compare(theirs, ours))
        assert told.select("reason", "subject", "money_minor").rows() == breaks, (theirs, ours)
        assert set(told["account"]) <= {"C"}


def test_the_facts_of_a_break_are_amounts_as_people_write_them():
    told = cash.told(_compare([(1_234_56, "R1", "B1")], [(1_000_00, "R1")]))
    assert '"theirs":"1234.56","ours":"1000.00","difference":"234.56"' in told["facts"][0]
    assert '"reference":"-","bank_reference":"B1"' in cash.told(_compare([(1, None, "B1")], []))["facts"][0]


def _prove(closing, ours, earlier, lines):
    closings = pl.DataFrame(
        [("C", "EUR", DAY, 1, closing, ours, earlier)],
        schema={
            "account": pl.String,
            "currency": pl.String,
            "day": pl.Date,
            "statement": pl.Int64,
            "closing_minor": pl.Int64,
            "ours_minor": pl.Int64,
            "earlier_minor": pl.Int64,
        },
        orient="row",
    )
    return cash.prove(closings, lines).select("theirs_minor", "ours_minor").rows()


def test_the_balance_is_proved_by_the_lines_or_the_rest_is_a_break():
    missing = _compare([], [(40, "R1")])
    # closing of the bank, ours, differences of earlier days | unexplained: theirs, ours with what the lines explain
    table = [
        ((100, 140, 0), []),
        ((100, 140, 7), [(100, 107)]),
        ((107, 140, 7), []),
        ((99, 140, 0), [(99, 100)]),
    ]
    for figures, unexplained in table:
        assert _prove(*figures, missing) == unexplained, figures


def test_an_opening_that_differs_explains_the_same_difference_at_the_close():
    accepted = pl.DataFrame(
        {
            "account": ["C"],
            "currency": ["EUR"],
            "day": [DAY],
            "id": [1],
            "opening_minor": [90],
            "previous_minor": [100],
        }
    )
    line = cash.openings(accepted)
    assert line.select("item", "theirs_minor", "ours_minor", "reason").rows() == [
        ("opening", 90, 100, "statement_opening_differs")
    ]
    assert cash.told(line).is_empty()
    assert _prove(90, 100, 0, line) == []


movements = st.lists(
    st.tuples(st.integers(-(10**12), 10**12).filter(bool), st.sampled_from(["R1", "R2", "R3", "R4"])), max_size=12
)


@settings(deadline=None)
@given(movements, st.randoms())
def test_a_statement_made_of_our_own_movements_has_no_break_in_any_order(ours, random):
    theirs = [(amount, ref, f"B{n}") for n, (amount, ref) in enumerate(ours)]
    random.shuffle(theirs)
    lines = _compare(theirs, ours)
    assert lines["reason"].null_count() == lines.height == len(ours)


@settings(deadline=None)
@given(movements.filter(bool), st.data())
def test_a_line_left_out_or_altered_gives_exactly_one_break(ours, data):
    theirs = [(amount, ref, f"B{n}") for n, (amount, ref) in enumerate(ours)]
    at = data.draw(st.integers(0, len(ours) - 1))
    amount, ref, bank = theirs[at]
    fewer = _compare(theirs[:at] + theirs[at + 1 :], ours)
    assert fewer["reason"].drop_nulls().to_list() == ["cash_missing_at_bank"]
    other = data.draw(st.integers(-(10**12), 10**12).filter(lambda n: n != amount))
    altered = _compare([*theirs[:at], (other, ref, bank), *theirs[at + 1 :]], ours)
    assert altered["reason"].drop_nulls().to_list() == ["cash_amount_differs"]
    more = _compare([*theirs, (other, "R9", "B99")], ours)
    assert more["reason"].drop_nulls().to_list() == ["cash_unknown"]


@settings(deadline=None)
@given(movements, movements)
def test_no_entry_of_either_side_is_lost_and_differences_add_up(left, right):
    lines = _compare([(amount, ref, f"B{n}") for n, (amount, ref) in enumerate(left)], right)
    assert sorted(lines["theirs_minor"].drop_nulls()) == sorted(amount for amount, _ in left)
    assert sorted(lines["ours_minor"].drop_nulls()) == sorted(amount for amount, _ in right)
