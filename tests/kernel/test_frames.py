"""Sums of minor units never wrap: they fit 64 bits or name the sum that does not."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nostro.kernel.frames import REFUSED, checked_minor, refusals, sum_by, sum_minor, total_minor
from nostro.kernel.money import INT64_MAX, INT64_MIN
from nostro.kernel.refusals import Refusal, Refused, Tally

large = st.integers(INT64_MIN, INT64_MAX)


@given(st.lists(large, max_size=20))
def test_a_sum_is_exact_or_refused(values):
    exact = sum(values)
    series = pl.Series("cash_minor", values, pl.Int64)
    if INT64_MIN <= exact <= INT64_MAX:
        assert sum_minor(series) == exact
    else:
        with pytest.raises(OverflowError, match=f"cash_minor is {exact} minor units"):
            sum_minor(series)


@given(st.lists(st.tuples(st.sampled_from("abc"), large), max_size=20))
def test_sums_by_key_are_exact_or_the_one_that_does_not_fit_is_named(rows):
    exact: dict[str, int] = {}
    for key, value in rows:
        exact[key] = exact.get(key, 0) + value
    frame = pl.DataFrame(rows, schema={"key": pl.String, "cash_minor": pl.Int64}, orient="row")
    wrong = [value for value in exact.values() if not INT64_MIN <= value <= INT64_MAX]
    if wrong:
        with pytest.raises(OverflowError, match="|".join(f"cash_minor is {value} " for value in wrong)):
            sum_by(frame, ["key"], "cash_minor")
    else:
        summed = sum_by(frame, ["key"], "cash_minor")
        assert summed.schema == {"key": pl.String, "cash_minor": pl.Int64}
        assert summed.rows() == sorted(exact.items())


@pytest.mark.parametrize(
    "values", [[INT64_MAX, 1], [INT64_MIN, -1], [INT64_MAX, INT64_MAX], [2**62, 2**62], [INT64_MAX] * 4 + [2] * 4]
)
def test_a_sum_just_past_64_bits_is_named_and_never_wrapped(values):
    with pytest.raises(OverflowError, match=str(sum(values))):
        sum_minor(pl.Series("x", values))


def test_an_empty_sum_is_zero_and_an_empty_frame_has_no_sums():
    assert sum_minor(pl.Series("x", [], pl.Int64)) == 0
    empty = pl.DataFrame(schema={"key": pl.String, "cash_minor": pl.Int64})
    assert sum_by(empty, ["key"], "cash_minor").height == 0


def test_two_halves_that_pass_64_bits_between_them_still_sum_to_what_fits():
    assert sum_minor(pl.Series("x", [INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, 2])) == 0


def test_a_checked_column_comes_back_as_int64():
    frame = pl.DataFrame({"x": [1, 2]}).select(total_minor("x"))
    assert frame.schema == {"x": pl.Int128}
    assert checked_minor(frame, "x").schema == {"x": pl.Int64}


def test_single_refusals_have_the_columns_of_a_bulk_refusal():
    frame = refusals([Refusal("ssi_missing", "trade/1", "line 3", {"party": "虚构"})])
    assert frame.schema == REFUSED
    assert frame.rows() == [("ssi_missing", "trade/1", "line 3", '{"party": "虚构"}', None, None)]
    assert refusals([]).schema == REFUSED


def test_a_door_that_refuses_carries_every_refusal():
    refused = Refused(Refusal("a", "x"), Refusal("b", "y", "line 2", {"k": "v"}))
    assert [r.reason for r in refused.refusals] == ["a", "b"]
    assert "b y line 2 {'k': 'v'}" in str(refused)
    with pytest.raises(AssertionError):
        Refused()


counts = st.integers(-2, 50)


@given(counts, counts, counts, counts, counts)
def test_a_tally_exists_only_when_nothing_vanished(seen, done, waiting, cancelled, refused):
    parts = (done, waiting, cancelled, refused)
    if min(seen, *parts) >= 0 and seen == sum(parts):
        assert Tally(seen, *parts).seen == seen
    else:
        with pytest.raises(ValueError, match="lost count"):
            Tally(seen, *parts)


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_a_tally_that_adds_up_exists_and_two_add_up_again(parts):
    tally = Tally(sum(parts), *parts)
    assert tally + tally == Tally(2 * sum(parts), *(2 * part for part in parts))


def test_a_tally_reads_as_a_sum():
    assert str(Tally(12_480, 12_431, 37, 9, 3)) == "seen 12,480 = done 12,431 + open 37 + cancelled 9 + refused 3"
