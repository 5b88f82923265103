"""Market files: each kind of value, each way for a line or a file to be wrong, and back again."""

import csv
import io
import json
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.money import INT64_MAX, INT64_MIN
from nostro.messages.csvfile import LINE_BYTES_MAX, Column, build_csv, read_csv
from nostro.messages.shapes import BAD, WHERE

PRICES = {
    "isin": Column("text"),
    "day": Column("date"),
    "price": Column("decimal", scale=6),
    "lots": Column("integer", required=False),
    "side": Column("choice", choices=frozenset({"buy", "sell"})),
    "note": Column("text", required=False),
}
HEADER = "isin,day,price,lots,side,note\n"
LINE = "DE0007164600,2026-11-24,182.5,3,buy,fine\n"


def said(parsed):
    """The bad rows as (ordinal, rule, column) of each error; a missing value has the rule "missing"."""
    return [
        (row["ordinal"], e["facts"].get("rule", "missing"), e["facts"].get("column", ""))
        for row in parsed.bad.iter_rows(named=True)
        for e in json.loads(row["errors"])
    ]


def test_a_clean_line_becomes_typed_values_with_its_place_in_the_file():
    data = (HEADER + LINE).encode()
    parsed = read_csv(data, PRICES)
    assert parsed.bad.is_empty()
    assert parsed.bad.schema == BAD
    (row,) = parsed.good.rows()
    assert row == (1, len(HEADER), len(LINE) - 1, "DE0007164600", date(2026, 11, 24), 182_500_000, 3, "buy", "fine")
    assert data[row[1] : row[1] + row[2]] == LINE.strip().encode()


@pytest.mark.parametrize(
    ("line", "errors"),
    [
        (",2026-11-24,1,,buy,", [("missing", "isin")]),
        ("A,2026-02-30,1,,buy,", [("iso_date", "day")]),
        ("A,24.11.2026,1,,buy,", [("iso_date", "day")]),
        ("A,0000-01-01,1,,buy,", [("iso_date", "day")]),
        ("A,2026-11-24,1.0000001,,buy,", [("decimals_max 6", "price")]),
        ("A,2026-11-24,1e3,,buy,", [("decimal_number", "price")]),
        ("A,2026-11-24,.5,,buy,", [("decimal_number", "price")]),
        ("A,2026-11-24,NaN,,buy,", [("decimal_number", "price")]),
        ("A,2026-11-24,１,,buy,", [("decimal_number", "price")]),
        ('A,2026-11-24,"1,000",,buy,', [("decimal_number", "price")]),
        ("A,2026-11-24,9223372036854.775808,,buy,", [("fits_64_bits", "price")]),
        ("A,2026-11-24,-9223372036854.775809,,buy,", [("fits_64_bits", "price")]),
        ("A,2026-11-24," + "9" * 60 + ",,buy,", [("fits_64_bits", "price")]),
        ("A,2026-11-24,1,1.0,buy,", [("whole_number", "lots")]),
        ("A,2026-11-24,1,9223372036854775808,buy,", [("fits_64_bits", "lots")]),
        ("A,2026-11-24,1,,hold,", [("one_of buy|sell", "side")]),
        ("A,2026-11-24,1,,buy", [("fields 6", "")]),
        ("A,2026-11-24,1,,buy,,", [("fields 6", "")]),
        ("A,2026-11-24,1,,buy,a\0b", [("nul_byte", "")]),
        ('A,2026-11-24,1,,buy,a"b', [("quotes", "")]),
        ('A,2026-11-24,1,,buy,"a"b', [("quotes", "")]),
        ('A,2026-11-24,1,,buy,"a', [("quotes", "")]),
        (
            ",,x,y,z,",
            [
                ("missing", "isin"),
                ("missing", "day"),
                ("decimal_number", "price"),
                ("whole_number", "lots"),
                ("one_of buy|sell", "side"),
            ],
        ),
    ],
)
def test_a_bad_line_names_all_its_errors_and_costs_no_other_line(line, errors):
    parsed = read_csv((HEADER + LINE + line + "\n" + LINE).encode(), PRICES)
    assert said(parsed) == [(2, rule, column) for rule, column in errors]
    assert parsed.good["ordinal"].to_list() == [1, 3]
    (where,) = parsed.bad.select("start", "length").rows()
    assert where == (len(HEADER + LINE), len(line.encode()))


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("0", 0),
        ("-0.000001", -1),
        ("1.5000000000", 1_500_000),
        ("007.1", 7_100_000),
        ("9223372036854.775807", INT64_MAX),
        ("-9223372036854.775808", INT64_MIN),
    ],
)
def test_a_decimal_is_read_exactly_to_the_last_millionth(text, micro):
    parsed = read_csv(f"price\n{text}\n".encode(), {"price": Column("decimal", scale=6)})
    assert parsed.good["price"].to_list() == [micro]


@pytest.mark.parametrize(
    ("data", "rules"),
    [
        (b"", [("no_header", "")]),
        (b"\r\n\r\n", [("no_header", "")]),
        (b"\xff\xfei\x00s\x00", [("utf_8", "")]),
        ((HEADER + LINE).encode() + b"A,2026-11-24,1,,buy,M\xfcnchen\n", [("utf_8", "")]),
        (
            b"isin,day,price,side,side,colour\n",
            [
                ("column_missing", "lots"),
                ("column_missing", "note"),
                ("column_twice", "side"),
                ("column_unknown", "colour"),
            ],
        ),
        (b'isin,"day,price\n', [("quotes", "")]),
    ],
)
def test_an_unreadable_file_is_one_bad_row_that_names_everything_wrong(data, rules):
    parsed = read_csv(data, PRICES)
    assert said(parsed) == [(0, rule, column) for rule, column in rules]
    assert parsed.bad["reason"].to_list() == ["file_broken"]
    assert parsed.bad["length"].to_list() == [len(data)]
    assert parsed.good.is_empty()
    assert parsed.good.columns == [*WHERE, *PRICES]


def test_another_encoding_is_named_with_the_line_and_byte_that_show_it():
    data = (HEADER + LINE).encode() + b"A,2026-11-24,1,,buy,M\xfcnchen\n"
    facts = json.loads(read_csv(data, PRICES).bad["errors"][0])[0]["facts"]
    assert facts == {"rule": "utf_8", "line": "3", "byte": str(data.index(b"\xfc")), "found": "0xFC"}


def test_an_over_long_line_is_refused_and_the_next_one_read():
    long = "A,2026-11-24,1,,buy," + "x" * LINE_BYTES_MAX
    parsed = read_csv((HEADER + long + "\n" + LINE).encode(), PRICES)
    assert said(parsed) == [(1, f"line_bytes_max {LINE_BYTES_MAX}", "")]
    assert parsed.good["ordinal"].to_list() == [2]
    assert len(parsed.bad["errors"][0]) < 500


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", ["", "\n", "\n\n"])
def test_byte_order_mark_line_ends_and_blank_lines_change_no_value(bom, eol, ending):
    text = HEADER + LINE + "\n" + 'A,2026-11-25,-0.5,,sell,"two\nlines, ""quoted"""' + "\n" + LINE.strip() + ending
    data = bom + text.replace("\n", eol).encode()
    parsed = read_csv(data, PRICES)
    assert parsed.bad.is_empty()
    assert parsed.good["price"].to_list() == [182_500_000, -500_000, 182_500_000]
    assert parsed.good["note"].to_list() == ["fine", f'two{eol}lines, "quoted"', "fine"]
    second = parsed.good.row(1, named=True)
    assert data[second["start"] :][: second["length"]].endswith(b'"""')


def test_an_open_quote_costs_its_own_line_and_not_the_rest_of_the_file():
    data = (HEADER + LINE + 'A,2026-11-24,1,,buy,"open\n' + LINE * 3 + 'B,2026-11-24,1,,buy,"a\nb"\n').encode()
    parsed = read_csv(data, PRICES)
    assert said(parsed) == [(2, "quotes", "")]
    assert parsed.good["note"].to_list() == ["fine"] * 4 + ["a\nb"]
    assert parsed.good["ordinal"].to_list() == [1, 3, 4, 5, 6]


def test_lines_are_counted_as_an_editor_counts_them():
    data = (HEADER + 'A,2026-11-24,1,,buy,"a\nb"\n' + "\n" + "B,2026-11-24,x,,buy,\n").encode()
    (row,) = read_csv(data, PRICES).bad.iter_rows(named=True)
    assert row["ordinal"] == 2
    assert json.loads(row["errors"])[0]["facts"] == {
        "column": "price",
        "line": "5",
        "value": "x",
        "rule": "decimal_number",
    }


def test_columns_may_stand_in_any_order():
    parsed = read_csv(b"side,note,isin,lots,price,day\nbuy,,A,,1,2026-11-24\n", PRICES)
    assert parsed.good.columns == [*WHERE, *PRICES]
    assert parsed.good.row(0)[3:] == ("A", date(2026, 11, 24), 1_000_000, None, "buy", None)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
WIDE = st.integers(INT64_MIN, INT64_MAX)
ROWS = st.lists(
    st.tuples(TEXT.filter(bool), st.dates(), WIDE, st.none() | WIDE, st.sampled_from(["buy", "sell"]), st.none() | TEXT)
)


@given(ROWS)
def test_reading_gives_back_what_was_built(rows):
    frame = pl.DataFrame(rows, schema={name: column.dtype for name, column in PRICES.items()}, orient="row")
    parsed = read_csv(build_csv(frame, PRICES), PRICES)
    assert parsed.bad.is_empty()
    # An empty text and none are the same in a CSV file.
    expected = frame.with_columns(note=pl.when(pl.col("note") != "").then("note"))
    assert parsed.good.drop("ordinal", "start", "length").equals(expected)


@given(st.lists(st.none() | TEXT))
def test_a_file_of_one_column_loses_no_empty_row(values):
    column = {"note": Column("text", required=False)}
    frame = pl.DataFrame({"note": values}, schema={"note": pl.String})
    assert read_csv(build_csv(frame, column), column).good["note"].to_list() == [v or None for v in values]


@given(
    st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", '""', "é", '"x,\n"', '"\n"', "\0"]), max_size=40).map(
        "".join
    )
)
@settings(max_examples=500)
def test_every_line_is_either_read_or_refused_and_well_formed_ones_as_the_standard_library_reads_them(body):
    columns = {"p": Column("text", required=False), "q": Column("text", required=False)}
    data = ("p,q\n" + body).encode()
    parsed = read_csv(data, columns)
    seen = sorted(parsed.good["ordinal"].to_list() + parsed.bad["ordinal"].to_list())
    assert seen == list(range(1, len(seen) + 1))
    covered = bytearray(data)
    for frame in (parsed.good, parsed.bad):
        for start, length in frame.select("start", "length").rows():
            covered[start : start + length] = b"\n" * length
    assert bytes(covered[4:]).strip(b"\r\n") == b""
    for row in parsed.good.iter_rows(named=True):
        piece = data[row["start"] : row["start"] + row["length"]].decode()
        (slow,) = csv.reader(io.StringIO(piece, newline=""), strict=True)
        assert [v or None for v in slow] == [row["p"], row["q"]]


def test_builders_refuse_what_readers_would():
    frame = pl.DataFrame({"isin": ["A", ""], "side": ["buy", "hold"], "note": ["a\0", None]})
    with pytest.raises(ValueError, match=r"isin: a value is missing.*side: .*one of buy\|sell.*note: .*NUL"):
        build_csv(frame, {name: PRICES[name] for name in frame.columns})
    with pytest.raises(ValueError, match="no column day, price"):
        build_csv(frame, PRICES | {})


def test_a_file_of_many_chunks_is_read_whole():
    rows = 300_000
    frame = pl.DataFrame({"n": range(rows)}).select(
        isin=pl.format("DE{}", pl.col("n").cast(pl.String).str.zfill(10)),
        day=date(2026, 11, 24),
        price=pl.col("n") * 1_234_567,
        lots=pl.col("n"),
        side=pl.lit("buy"),
        note=pl.lit(None, pl.String),
    )
    data = build_csv(frame, PRICES)
    parsed = read_csv(data, PRICES)
    assert parsed.good.height == rows
    assert parsed.good["price"].equals(frame["price"])
