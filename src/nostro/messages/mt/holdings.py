"""What a custodian holds for us: MT 535, statement of holdings. 持仓对账单

Source: ISO 15022, MT 535: 28E the page, 13a STAT the number of the statement, 98A STAT its day, 97A SAFE the account,
17B ACTI whether it holds anything, and a FIN for each instrument with 93B AGGR the whole balance, N when it is short.
"""

from typing import Final

import polars as pl

from nostro.kernel.refusals import Refused
from nostro.messages.mt import reading, writing
from nostro.messages.mt.reading import ABSENT, Row, Wanted
from nostro.messages.mt.tree import Node
from nostro.messages.mt.writing import Line, Part
from nostro.messages.shapes import HOLDING, Built, Parsed

_PAGE: Final = 100  # positions: some 8,000 characters; FIN takes 10,000 in a message
_WANTS: Final = (
    Wanted("statement", "GENL", "20C", "SEME"),
    Wanted("page", "GENL", "28E"),
    Wanted("number", "GENL", "13A", "STAT", must=False),
    Wanted("long_number", "GENL", "13J", "STAT", must=False),
    Wanted("day", "GENL", "98A", "STAT", must=False),
    Wanted("time", "GENL", "98C", "STAT", must=False),
    Wanted("account", "GENL", "97A", "SAFE"),
)


def read_holdings(data: bytes) -> Parsed:
    """The positions of a file of MT 535, as HOLDING: one row for each FIN, or one of nulls for a statement without any.

    The pages of a statement are one: they follow each other in the file, and `statement` is the reference of the first. A
    sequence that names its own account (SUBSAFE) keeps it. Refuses a statement of which a page is missing, one without a
    number (13a), a position without ISIN, and one that is counted neither in units nor nominal.
    """
    return reading.read(data, _READER)


def _rows(_: str, tree: Node) -> tuple[list[Row], list[Wanted]]:
    shared, lacking = reading.take(tree, _WANTS)
    if shared["number"] == shared["long_number"] == ABSENT:
        lacking.append(_WANTS[2])
    if shared["day"] == shared["time"] == ABSENT:
        lacking.append(_WANTS[4])
    rows: list[Row] = []
    for part in tree.all("SUBSAFE"):
        own = part.find("97A", "SAFE")
        for position in (child for child in part.children if child.code == "FIN"):
            held = {"isin": position.find("35B"), "quantity_micro": position.find("93B", "AGGR"), "own_account": own}
            rows.append({**shared, **held})
            if held["quantity_micro"] == ABSENT:
                lacking.append(Wanted("quantity_micro", "SUBSAFE/FIN", "93B", "AGGR"))
    return rows or [shared], lacking


def _typed(texts: pl.DataFrame) -> tuple[pl.DataFrame, list[reading.BadValue]]:
    size = reading.quantity_micro("quantity_micro")
    short = pl.col("quantity_micro").str.contains("/N[0-9,]+$")
    number = pl.coalesce(reading.after_slash("number"), reading.after_slash("long_number"))
    frame = texts.select(
        "ordinal",
        "start",
        "length",
        statement=reading.after_slash("statement"),
        sequence=number.cast(pl.Int64, strict=False),
        account=pl.coalesce(reading.after_slash("own_account"), reading.after_slash("account")),
        day=pl.coalesce(reading.date("day"), reading.date("time")),
        isin=reading.isin("isin"),
        quantity_micro=pl.when(short).then(-size).otherwise(size),
        sender="sender",
        main=reading.after_slash("account"),
        page=pl.col("page").str.extract("^([0-9]+)/", 1).cast(pl.Int64),
        goes_on=pl.col("page").str.ends_with("/MORE"),
        held=pl.col("isin").is_not_null(),
        counted=pl.col("quantity_micro").str.contains("/(UNIT|FAMT)/"),
        by_number=pl.col("number").is_not_null(),
        by_day=pl.col("day").is_not_null(),
    )
    rules = {
        "number @13A": ("number", pl.col("by_number") & pl.col("sequence").is_null()),
        "number @13J": ("long_number", ~pl.col("by_number") & pl.col("sequence").is_null()),
        "calendar_date @A": ("day", pl.col("by_day") & pl.col("day").is_null()),
        "calendar_date @C": ("time", ~pl.col("by_day") & pl.col("day").is_null()),
        "isin_needed": ("isin", pl.col("held") & pl.col("isin").is_null()),
        "UNIT or FAMT": ("quantity_micro", pl.col("held") & ~pl.col("counted")),
        "at most 6 decimals": ("quantity_micro", pl.col("held") & pl.col("quantity_micro").is_null()),
    }
    wrong = reading.bad_values(frame, rules)
    joined = _join_pages(frame)
    refused = set(joined["whole"].gather([one.row for one in wrong]).to_list())
    firsts = joined.unique("ordinal", keep="first", maintain_order=True).select("row", "ordinal", "whole", "gap")
    told = set(joined["ordinal"].gather([one.row for one in wrong]).to_list())
    for row, ordinal, whole, gap in firsts.rows():
        # Half a statement would look like a break of every position in its other half.
        if gap:
            wrong.append(reading.BadValue(row, "page", "pages from 1 to the last, in order"))
        elif whole in refused and ordinal not in told:
            wrong.append(reading.BadValue(row, "page", "another page of the statement is refused"))
    return joined, wrong


def _join_pages(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with the reference and the ordinal of their first page, and whether a page of their statement is missing."""
    of = ["sender", "main", "day", "sequence"]
    pages = frame.unique("ordinal", keep="first", maintain_order=True).select(
        "ordinal", "page", "goes_on", *of, first=pl.col("statement")
    )
    pages = pages.with_columns(part=(pl.col("page") == 1).cum_sum().over(of))
    own = [*of, "part"]
    pages = pages.with_columns(
        first=pl.col("first").first().over(own),
        whole=pl.col("ordinal").first().over(own),
        gap=(
            (pl.col("page") != pl.int_range(1, pl.len() + 1)).any()
            | (pl.col("goes_on") != (pl.int_range(1, pl.len() + 1) < pl.len())).any()
        ).over(own),
    )
    joined = frame.with_row_index("row").join(
        pages.select("ordinal", "first", "whole", "gap"), on="ordinal", how="left", maintain_order="left"
    )
    return joined.with_columns(statement=pl.col("first"), gap=pl.col("gap").fill_null(False))


_READER: Final = reading.Reader(
    columns=(*(want.column for want in _WANTS), "isin", "quantity_micro", "own_account"),
    types=frozenset({"535"}),
    rows_of=_rows,
    schema=HOLDING,
    key="statement",
    typed=_typed,
)


def build_holdings(frame: pl.DataFrame, *, sender: str, receiver: str) -> Built:
    """MT 535 for the statements of a frame of HOLDING, in pages of 100 positions; reading it gives the rows back.

    The rows of a statement stand together. The index has a row for each page. Refuses, all at once, what the dialect cannot
    say: a number over 99,999, a reference over 16 characters, a quantity over 15 with its comma.
    """
    of = ["statement", "sequence", "account", "day"]
    held = pl.col("isin").is_not_null()
    rows = frame.with_row_index("row").with_columns(
        place=pl.int_range(0, pl.len()).over(of), all_positions=held.sum().cast(pl.Int64).over(of)
    )
    rows = rows.with_columns(
        page=pl.col("place") // _PAGE + 1,
        pages=((pl.col("all_positions") + _PAGE - 1) // _PAGE).clip(lower_bound=1),
        w_statement=writing.slash(pl.col("statement")),
        w_number=writing.slash(pl.col("sequence").cast(pl.String).str.zfill(5)),
        w_day=writing.slash(writing.day("day")),
        w_account=writing.slash(pl.col("account")),
        w_isin=pl.lit("ISIN ") + pl.col("isin"),
        w_quantity=pl.lit("/UNIT/")
        + writing.sign(pl.col("quantity_micro"))
        + writing.number(pl.col("quantity_micro"), 6),
    )
    general: list[Part] = [
        Line("20C::SEME/", "w_statement", "GENL"),
        Line("13J::STAT/", "w_number", "GENL"),
        Line("98A::STAT/", "w_day", "GENL"),
        Line("97A::SAFE/", "w_account", "GENL"),
    ]
    position: list[Part] = [
        "16R:FIN",
        Line("35B:", "w_isin", "SUBSAFE/FIN"),
        Line("93B::AGGR/", "w_quantity", "SUBSAFE/FIN"),
        "16S:FIN",
    ]
    found = writing.refusals(rows.unique(of, keep="first", maintain_order=True), "statement", "statement", general)
    found += writing.refusals(
        rows.filter(held | pl.col("quantity_micro").is_not_null()), "statement", "statement", position
    )
    header = writing.header("535", sender, receiver)
    if found:
        raise Refused(*found)
    pages = (
        rows.with_columns(fin=pl.when(held).then(writing.text_of(position)))
        .group_by([*of, "page"], maintain_order=True)
        .agg(
            pl.col("w_statement", "w_number", "w_day", "w_account", "pages").first(),
            fins=pl.col("fin").drop_nulls().str.join(""),
        )
        .with_columns(own=pl.concat_str(pl.col("w_statement"), pl.col("page").cast(pl.String), separator="#"))
    )
    references = writing.slash(pl.lit(writing.own_references(pages["own"])))
    pages = pages.with_columns(w_seme=pl.when(pl.col("page") == 1).then(pl.col("w_statement")).otherwise(references))
    nl = writing.NL
    empty = pl.col("fins") == ""
    goes_on = (
        pl.when(pl.col("pages") == 1)
        .then(pl.lit("ONLY"))
        .when(pl.col("page") < pl.col("pages"))
        .then(pl.lit("MORE"))
        .otherwise(pl.lit("LAST"))
    )
    messages = pages.select(
        pl.concat_str(
            pl.lit(f"{header}:16R:GENL{nl}:28E:"),
            pl.col("page").cast(pl.String),
            pl.lit("/"),
            goes_on,
            pl.lit(f"{nl}:13J::STAT/"),
            pl.col("w_number"),
            pl.lit(f"{nl}:20C::SEME/"),
            pl.col("w_seme"),
            pl.lit(f"{nl}:23G:NEWM{nl}:98A::STAT/"),
            pl.col("w_day"),
            pl.lit(f"{nl}:22F::SFRE//DAIL{nl}:22F::CODE//COMP{nl}:22F::STTY//CUST{nl}:22F::STBA//SETT{nl}:97A::SAFE/"),
            pl.col("w_account"),
            pl.lit(f"{nl}:17B::ACTI//"),
            pl.when(empty).then(pl.lit("N")).otherwise(pl.lit("Y")),
            pl.lit(f"{nl}:17B::CONS//N{nl}:16S:GENL{nl}"),
            pl.when(empty)
            .then(pl.lit(""))
            .otherwise(pl.concat_str(pl.lit(f":16R:SUBSAFE{nl}"), pl.col("fins"), pl.lit(f":16S:SUBSAFE{nl}"))),
            pl.lit("-}"),
        )
    ).to_series()
    return writing.file_of(pages["statement"], messages)
