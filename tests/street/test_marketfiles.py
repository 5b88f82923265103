"""Names of files and of columns in the exchange folder."""

from datetime import date

import polars as pl
import pytest

from nostro.messages import marketfiles


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10_executions.OMSFDEFFXXX.fix", ("executions.fix", "OMSFDEFFXXX")),
        ("05_opening_cash.FCREF.csv", ("opening_cash.csv", "FCREF")),
        ("40_sese024.FCDEDEFFXXX.xml", ("sese024.xml", "FCDEDEFFXXX")),
    ],
)
def test_a_file_name_says_kind_and_sender(name: str, expected: tuple[str, str]) -> None:
    assert marketfiles.kind_of(name) == expected


@pytest.mark.parametrize("name", ["executions.fix", "10_executions.fix", "10_executions.fcde.fix", "x/10_a.B.csv"])
def test_another_form_of_name_is_refused_with_the_form_expected(name: str) -> None:
    with pytest.raises(ValueError, match="number_stem"):
        marketfiles.kind_of(name)


def test_a_decimal_bears_its_scale_in_the_name_of_its_column() -> None:
    names = marketfiles.frame_names(marketfiles.MARKETS)
    assert names["fee_bp"] == "fee_bp_micro"
    assert names["cycle_days"] == "cycle_days"
    assert marketfiles.frame_names(marketfiles.FX)["rate"] == "rate_e8"
    assert marketfiles.frame_names(marketfiles.OPENINGS)["cost"] == "cost_e4"


def test_every_kind_reads_what_it_builds() -> None:
    for kind, columns in marketfiles.KINDS.items():
        values = {}
        for name, column in columns.items():
            if column.kind == "choice":
                values[marketfiles.frame_names(columns)[name]] = [sorted(column.choices)[0]]
            else:
                of_kind = {"text": "a, b", "date": date(2026, 10, 13), "integer": 3, "decimal": 1_234_567}
                values[marketfiles.frame_names(columns)[name]] = [of_kind[str(column.kind)]]
        frame = pl.DataFrame(values)
        parsed = marketfiles.read_market_file(kind, marketfiles.build_market_file(kind, frame))
        assert parsed.bad.is_empty(), kind
        assert parsed.good.select(frame.columns).equals(frame), kind


def test_a_bad_row_names_the_column_of_the_file() -> None:
    parsed = marketfiles.read_market_file("prices.csv", b"isin,day,price,currency\nX,2026-10-13,many,EUR\n")
    assert parsed.bad["ordinal"].to_list() == [1]
    assert "column price" in parsed.bad["errors"][0]
