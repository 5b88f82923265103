"""Trades go to books whole or in parts that add up, to the last cent."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.trades.rules import allocate

TODAY = date(2026, 10, 13)
BOOKS = pl.DataFrame(
    [("FLOW", False), ("FUNDA", False), ("FUNDB", False), ("BLOCK", True)], schema=["code", "is_block"], orient="row"
)
TRADE = {
    "id": 1, "exec_id": "X1", "isin": "DE0007164600", "scale": 0, "side": "buy", "trade_date": TODAY, "quantity": 100,
    "quantity_micro": 100_000_000,  # of the execution: its name is also a part's
    "gross_minor": 100_001, "fee_minor": 15, "tax_minor": 0, "currency": "EUR", "book": "BLOCK", "is_block": True,
}  # fmt: skip
LINE = {
    "exec_id": "X1", "message": 7, "isin": "DE0007164600", "side": "buy", "trade_date": TODAY,
    "total_micro": 100_000_000,
}  # fmt: skip
LINE_SCHEMA = {
    "exec_id": pl.String, "message": pl.Int64, "isin": pl.String, "side": pl.String, "trade_date": pl.Date,
    "total_micro": pl.Int64, "book": pl.String, "quantity_micro": pl.Int64,
}  # fmt: skip


def _allocate(trades: list[dict], lines: list[dict]) -> tuple[list[tuple], list[tuple]]:
    instructions = pl.DataFrame([{**LINE, **line} for line in lines], schema=LINE_SCHEMA)
    done, refused = allocate.allocate(pl.DataFrame([{**TRADE, **t} for t in trades]), instructions, BOOKS)
    return done.rows(), refused.select("subject", "reason").rows()


def _parts(*parts: tuple[str, float], **change) -> list[dict]:
    return [{"book": book, "quantity_micro": int(quantity * 10**6), **change} for book, quantity in parts]


def test_a_trade_in_an_ordinary_book_belongs_to_it_wholly():
    assert _allocate([{"book": "FLOW", "is_block": False}], []) == ([(1, "FLOW", 100, 100_001, 15, 0)], [])


def test_a_block_trade_is_split_and_the_largest_part_takes_the_odd_cent():
    done, refused = _allocate([{}], _parts(("FUNDA", 45), ("FUNDB", 55)))
    assert done == [(1, "FUNDA", 45, 45_000, 6, 0), (1, "FUNDB", 55, 55_001, 9, 0)]
    assert refused == []


def test_the_last_instruction_counts_and_parts_in_one_book_are_added():
    lines = [*_parts(("FUNDA", 99)), *_parts(("FUNDA", 20), ("FUNDB", 50), ("FUNDA", 30), message=8)]
    assert _allocate([{}], lines)[0] == [(1, "FUNDA", 50, 50_001, 8, 0), (1, "FUNDB", 50, 50_000, 7, 0)]


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ([], ["allocation_missing"]),
        (_parts(("FUNDA", 45), ("FUNDB", 54)), ["allocation_sum_differs"]),
        (_parts(("FUNDA", 45), ("FUNDB", 56)), ["allocation_sum_differs"]),
        (_parts(("FUNDA", 45), ("NONE", 55)), ["allocation_book_unknown"]),
        (_parts(("FUNDA", 45), ("BLOCK", 55)), ["allocation_book_unknown"]),
        (_parts(("FUNDA", 45.5), ("FUNDB", 54.5)), ["allocation_fraction"]),
        (_parts(("FUNDA", 45), ("FUNDB", 55), side="sell"), ["allocation_differs"]),
        (_parts(("FUNDA", 45), ("FUNDB", 55), isin="US0378331005"), ["allocation_differs"]),
        (_parts(("FUNDA", 45), ("FUNDB", 55), trade_date=date(2026, 10, 12)), ["allocation_differs"]),
        (_parts(("FUNDA", 45), ("FUNDB", 55), total_micro=99_000_000), ["allocation_differs"]),
        (
            _parts(("FUNDA", 45.5), ("NONE", 60), side="sell"),
            ["allocation_differs", "allocation_book_unknown", "allocation_sum_differs", "allocation_fraction"],
        ),
    ],
)
def test_an_instruction_is_taken_whole_or_not_at_all(lines, reasons):
    done, refused = _allocate([{}, {"id": 2, "exec_id": "X2", "book": "FLOW", "is_block": False}], lines)
    assert done == [(2, "FLOW", 100, 100_001, 15, 0)]
    assert refused == [("execution/X1", reason) for reason in reasons]


@settings(deadline=None)  # the first example pays for imports and compilation
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 10**12), min_size=1),
            st.lists(st.integers(0, 2**63 - 1), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_shares_of_a_trade_add_up_and_none_is_more_than_a_parts_worth_away(blocks):
    rows = [
        (number, book, quantity, sum(books.values()), *amounts)
        for number, (books, amounts) in enumerate(blocks)
        for book, quantity in books.items()
    ]
    names = ["trade", "book", "quantity", "whole", *allocate.AMOUNTS]
    parts = allocate.split(
        pl.DataFrame(rows, schema={n: pl.String if n == "book" else pl.Int64 for n in names}, orient="row")
    )
    for number, (books, amounts) in enumerate(blocks):
        mine = parts.filter(pl.col("trade") == number)
        for name, amount in zip(allocate.AMOUNTS, amounts, strict=True):
            shares = dict(zip(mine["book"], mine[name], strict=True))
            assert sum(shares.values()) == amount
            largest = min(books, key=lambda book: (-books[book], book))
            floors = {book: amount * quantity // sum(books.values()) for book, quantity in books.items()}
            assert all(shares[book] == floors[book] for book in books if book != largest)
            assert 0 <= shares[largest] - floors[largest] < len(books)
