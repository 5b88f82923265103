"""Texts put together a column at a time."""

import polars as pl
import pytest

from nostro.kernel.frames import filled


def test_a_text_is_filled_whatever_chunks_a_filter_has_left():
    pieces = pl.concat([pl.DataFrame({"a": [a], "n": [n]}) for n, a in enumerate("xyz", 1)], rechunk=False)
    kept = pieces.filter(pl.Series([True, False, True]))
    assert kept.select(filled("book/{}/{}!", "a", pl.col("n"))).to_series().to_list() == ["book/x/1!", "book/z/3!"]


def test_a_text_without_one_of_its_parts_is_null():
    frame = pl.DataFrame({"a": ["x", None]})
    assert frame.select(filled("{}", "a")).to_series().to_list() == ["x", None]


def test_a_template_has_a_place_for_each_column():
    with pytest.raises(AssertionError, match="1 columns"):
        filled("book/{}/{}", "a")
