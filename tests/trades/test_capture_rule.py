"""The same execution twice is one trade; another one under its id is none."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.trades.rules import capture


def _reports(rows: list[tuple[str, str]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"exec_id": pl.String, "content": pl.String}, orient="row")
    return frame.select(
        "exec_id",
        capture.content_hashes(frame["content"]),
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        isin=pl.lit("DE0007164600"),
        side=pl.lit("buy"),
        trade_date=pl.lit(date(2026, 10, 13)),
        mic=pl.lit("XETR"),
        message=pl.int_range(101, pl.len() + 101, dtype=pl.Int64),
    )


def _known(rows: list[tuple[str, str]]) -> pl.DataFrame:
    return _reports(rows).select(*capture.KNOWN)


def test_the_first_report_counts_and_the_later_ones_are_measured_against_it():
    judged = capture.judge(
        _reports([("X1", "a"), ("X2", "a"), ("X1", "a"), ("X1", "b"), ("X3", "c"), ("X4", "z"), ("X3", "d")]),
        _known([("X3", "d"), ("X4", "z")]),
    )
    assert judged.new.select("exec_id", "ordinal").rows() == [("X1", 1), ("X2", 2)]
    assert judged.duplicates.select("exec_id", "ordinal").rows() == [("X1", 3), ("X4", 6), ("X3", 7)]
    assert judged.conflicts.select("exec_id", "ordinal").rows() == [("X1", 4), ("X3", 5)]


def test_a_refusal_names_the_execution_and_where_it_was_told():
    judged = capture.judge(_reports([("X1", "a"), ("X1", "a"), ("X1", "b")]), _known([]))
    again = capture.duplicate_refusals(judged.duplicates, "10_executions.OMS.fix")
    other = capture.conflict_refusals(judged.conflicts, "10_executions.OMS.fix")
    assert pl.concat([again, other]).select("reason", "subject", "place").rows() == [
        ("execution_duplicate", "execution/X1", "10_executions.OMS.fix message 2"),
        ("execution_conflict", "execution/X1", "10_executions.OMS.fix message 3"),
    ]


@settings(deadline=None)  # the first example pays for imports and compilation
@given(
    st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("xyz")), max_size=12),
    st.dictionaries(st.sampled_from("ABCD"), st.sampled_from("xyz")),
)
def test_a_batch_is_split_as_one_by_one_and_nothing_is_lost(rows, before):
    taken = dict(before)
    expected: dict[str, list[int]] = {"new": [], "duplicates": [], "conflicts": []}
    for number, (exec_id, content) in enumerate(rows, 1):
        verdict = "new" if exec_id not in taken else "duplicates" if taken[exec_id] == content else "conflicts"
        taken.setdefault(exec_id, content)
        expected[verdict].append(number)
    judged = capture.judge(_reports(rows), _known(list(before.items())))
    assert {name: getattr(judged, name)["ordinal"].to_list() for name in expected} == expected
