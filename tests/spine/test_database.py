"""Frames go into PostgreSQL and come back as they were."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nostro.spine.database import copy_in, raw, read_frame

ROW = pl.Schema(
    {
        "whole": pl.Int64,
        "text": pl.String,
        "bytes": pl.Binary,
        "answer": pl.Boolean,
        "day": pl.Date,
        "moment": pl.Datetime("us", "UTC"),
    }
)
NOON = datetime(2026, 10, 13, 12, tzinfo=UTC)


@pytest.fixture
def table(db):
    raw().execute(
        "CREATE TEMP TABLE kept (place serial, whole bigint, text text, bytes bytea, answer boolean, day date,"
        " moment timestamptz) ON COMMIT DROP"
    )
    return "kept"


def kept(rows):
    frame = pl.DataFrame(rows, schema=ROW, orient="row")
    raw().execute("TRUNCATE kept")
    assert copy_in("kept", frame) == frame.height
    return read_frame("SELECT whole, text, bytes, answer, day, moment FROM kept ORDER BY place", schema=ROW)


@pytest.mark.parametrize(
    "row",
    [
        (1, "a", b"a", True, date(2026, 10, 13), NOON),
        (None, None, None, None, None, None),
        (-(2**63), "", b"", False, date(1, 1, 1), NOON.replace(microsecond=120_000)),
        (
            2**63 - 1,
            'comma, "quote"\nline',
            b"\x00\xff\n,",
            True,
            date(9999, 12, 31),
            NOON.replace(microsecond=123_456),
        ),
        (0, "\\N \\x41 \\.", b"\\x41", False, date(2000, 2, 29), NOON.replace(microsecond=1)),
        (0, "虚构证券 é\t", b",", False, date(1970, 1, 1), NOON.replace(second=59, microsecond=999_999)),
    ],
)
def test_every_value_comes_back_as_it_went(table, row):
    assert kept([row]).rows() == [row]


# PostgreSQL keeps no zero byte in a text, and Python's surrogates are not text.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | texts,
            st.none() | st.binary(max_size=9),
            st.none() | st.booleans(),
            st.none() | st.dates(),
            st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)),
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_frame_comes_back_as_it_went(table, rows):
    assert kept(rows).rows() == rows


def test_a_query_without_rows_answers_an_empty_frame_of_its_schema(table):
    assert read_frame("SELECT whole FROM kept", schema=pl.Schema({"whole": pl.Int64})).schema == {"whole": pl.Int64}


def test_a_session_in_another_time_zone_is_refused_and_not_misread(table):
    kept([(1, "a", b"", True, date(2026, 10, 13), NOON)])
    raw().execute("SET LOCAL timezone = 'Asia/Shanghai'")
    with pytest.raises(pl.exceptions.PolarsError):
        read_frame("SELECT moment FROM kept", schema=pl.Schema({"moment": pl.Datetime("us", "UTC")}))


def test_parameters_are_values_and_never_text_of_the_query(table):
    kept([(1, "it's; DROP TABLE kept --", b"", True, date(2026, 10, 13), NOON)])
    found = read_frame(
        "SELECT whole FROM kept WHERE text = %s", ["it's; DROP TABLE kept --"], schema=pl.Schema({"whole": pl.Int64})
    )
    assert found["whole"].to_list() == [1]
