"""What became of an instruction, by the servicer: MT 548. 结算状态

Source: ISO 15022, MT 548: 25D MTCH, SETT and IPRC with their codes, 24B the reason, qualified by the code it explains.
Both dialects speak the codes of ISO 20022: IPRC//PACK is read as ACPT, IPRC//CAND as CANC.
"""

from typing import Final

import polars as pl

from nostro.kernel.refusals import Refused
from nostro.messages.mt import reading, writing
from nostro.messages.mt.reading import ABSENT, Row, Wanted
from nostro.messages.mt.tree import Node
from nostro.messages.mt.writing import Line
from nostro.messages.shapes import STATUS, Built, Parsed

_AXES: Final = {"matching": "MTCH", "settlement": "SETT", "processing": "IPRC"}
_WIRE: Final = {"ACPT": "PACK", "CANC": "CAND"}
_READ: Final = {"PACK": "ACPT", "CAND": "CANC"}
_RELATED: Final = Wanted("reference", "GENL/LINK", "20C", "RELA")
_COLUMNS: Final = ("reference", *_AXES.values(), "other", "reason", "text")


def read_status(data: bytes) -> Parsed:
    """The statuses of a file of MT 548, as STATUS: one row for each status and reason. 读取结算状态

    Refuses a message without our reference (20C RELA) and a status on another axis than matching, settlement, processing.
    """
    return reading.read(data, _READER)


def _rows(_: str, tree: Node) -> tuple[list[Row], list[Wanted]]:
    shared, lacking = reading.take(tree, [_RELATED])
    rows: list[Row] = []
    for status in tree.all("GENL/STAT"):
        own = dict(shared)
        for at, tag, qualifier in status.fields:
            if tag == "25D":
                own[qualifier if qualifier and qualifier in _AXES.values() else "other"] = at
        reasons = [child for child in status.children if child.code == "REAS"]
        for reason in reasons:
            code = next((at for at, tag, _ in reason.fields if tag == "24B"), ABSENT)
            rows.append({**own, "reason": code, "text": reason.find("70D", "REAS")})
        if not reasons:
            rows.append(own)
    return rows, lacking


def _typed(texts: pl.DataFrame) -> tuple[pl.DataFrame, list[reading.BadValue]]:
    axis = pl.coalesce(pl.when(pl.col(qualifier).is_not_null()).then(pl.lit(name)) for name, qualifier in _AXES.items())
    code = pl.coalesce(reading.after_slash(qualifier) for qualifier in _AXES.values())
    # A full line of 35 goes on in the next; a shorter one ended with a word.
    text = reading.after_slash("text").str.replace_all(r"(?m)^(.{35})\n", "$1").str.replace_all("\n", " ")
    frame = texts.select(
        "ordinal",
        "start",
        "length",
        reference=reading.after_slash("reference"),
        axis=axis,
        code=pl.when(pl.col("IPRC").is_not_null()).then(code.replace(_READ)).otherwise(code),
        reason=reading.after_slash("reason"),
        text=text,
        sender="sender",
        other=pl.col("other").is_not_null(),
    )
    return frame, reading.bad_values(frame, {"MTCH, SETT or IPRC": ("other", pl.col("other"))})


_READER: Final = reading.Reader(
    columns=_COLUMNS,
    types=frozenset({"548"}),
    rows_of=_rows,
    schema=STATUS,
    key="reference",
    typed=_typed,
)


def build_status(frame: pl.DataFrame, *, sender: str, receiver: str) -> Built:
    """One MT 548 for each row of STATUS, in order; reading it gives the row back. The index goes by our reference.

    A text is cut into lines of 35. Refuses, all at once, what the dialect cannot say: an axis or code it does not have, a
    text over 210 characters or without a reason, characters outside the SWIFT x set, a line that would begin with ":" or
    "-".
    """
    processing = pl.col("axis") == "processing"
    code = pl.when(processing).then(pl.col("code").replace(_WIRE)).otherwise(pl.col("code"))
    texts = frame.select(
        "reference",
        "axis",
        "reason",
        "text",
        w_reference=writing.slash(pl.col("reference")),
        w_axis=pl.col("axis").replace_strict(_AXES, default=None, return_dtype=pl.String),
        w_code=writing.slash(code),
        w_reason=writing.slash(pl.col("reason")),
        w_text=writing.slash(pl.col("text").str.extract_all(r"(?s).{1,35}").list.join("\n")),
        w_qualifier=code,
    )
    told = texts.select(
        pl.concat_str(["reference", "axis", "w_code", "reason", "text"], separator="\x00", ignore_nulls=True)
    )
    texts = texts.with_columns(w_seme=writing.slash(pl.lit(writing.own_references(told.to_series()))))
    rules = [
        ("25D", "GENL/STAT", "axis", "matching, settlement or processing", pl.col("w_axis").is_null()),
        (
            "24B",
            "GENL/STAT/REAS",
            "text",
            "a text needs a reason",
            pl.col("text").is_not_null() & pl.col("reason").is_null(),
        ),
        (
            "24B",
            "GENL/STAT/REAS",
            "reason",
            "what is matched has no reason",
            (pl.col("w_qualifier") == "MACH") & pl.col("reason").is_not_null(),
        ),
        ("70D", "GENL/STAT/REAS", "text", "no line begins with : or -", pl.col("w_text").str.contains("\n[:-]")),
    ]
    parts = [
        Line("20C::SEME/", "w_seme", "GENL"),
        Line("20C::RELA/", "w_reference", "GENL/LINK"),
        Line("25D::IPRC/", "w_code", "GENL/STAT"),
        Line("24B::PEND/", "w_reason", "GENL/STAT/REAS", must=False),
        Line("70D::REAS/", "w_text", "GENL/STAT/REAS", must=False),
    ]
    found = writing.refused_where(texts, "reference", "status", rules)
    found += writing.refusals(texts, "reference", "status", parts)
    if found:
        raise Refused(*found)
    nl = writing.NL
    reason = pl.concat_str(
        pl.lit(f":16R:REAS{nl}:24B::"),
        pl.col("w_qualifier"),
        pl.lit("/"),
        pl.col("w_reason"),
        pl.lit(nl),
        (pl.lit(":70D::REAS/") + pl.col("w_text").str.replace_all("\n", nl) + nl).fill_null(""),
        pl.lit(f":16S:REAS{nl}"),
    )
    messages = texts.select(
        pl.concat_str(
            pl.lit(f"{writing.header('548', sender, receiver)}:16R:GENL{nl}:20C::SEME/"),
            pl.col("w_seme"),
            pl.lit(f"{nl}:23G:INST{nl}:16R:LINK{nl}:20C::RELA/"),
            pl.col("w_reference"),
            pl.lit(f"{nl}:16S:LINK{nl}:16R:STAT{nl}:25D::"),
            pl.col("w_axis"),
            pl.lit("/"),
            pl.col("w_code"),
            pl.lit(nl),
            reason.fill_null(""),
            pl.lit(f":16S:STAT{nl}:16S:GENL{nl}-}}"),
        )
    ).to_series()
    return writing.file_of(texts["reference"], messages)
