"""semt.002: the custody statement of holdings. 托管持仓对账单"""

from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from nostro.messages.iso20022.parts import date_fields, header_fields, quantity_fields, quantity_text, sender_bic
from nostro.messages.iso20022.reading import Tables, read_file
from nostro.messages.iso20022.structure import (
    EXACT_4,
    FAULT,
    ISIN,
    TEXT_35,
    YES_NO,
    Check,
    Choice,
    Group,
    Leaf,
    Mark,
    Outline,
    code,
    day,
    micro,
    pattern,
)
from nostro.messages.iso20022.writing import build_file, header, numbered, rows, statements
from nostro.messages.shapes import HOLDING, Built, Parsed

_DEFINITION: Final = "semt.002.001.12"
_R: Final = "Document/SctiesBalCtdyRpt"
_GENERAL: Final = f"{_R}/StmtGnlDtls"
_BALANCE: Final = f"/{_R}/BalForAcct"
_QUANTITY: Final = "AggtBal/Qty/Qty/Qty"
_SUB_ACCOUNTS: Final = f"{_R}/SubAcctDtls"
_FREQUENCIES: Final = "ADHO DAIL INDA MNTH ONDE OVNG QUTR SEMI TOMN TOWK TWMN WEEK YEAR"  # EventFrequency7Code

OUTLINE: Final = Outline(
    _DEFINITION,
    Group(
        "",
        (
            *header_fields(_DEFINITION),
            # A statement in pages could lose one unseen: it is read whole or not at all.
            Leaf(f"{_R}/Pgntn/PgNb", pattern("single_page", "0{0,4}1")),
            Leaf(f"{_R}/Pgntn/LastPgInd", code("true", "1")),
            Mark(f"{_GENERAL}/RptNb"),
            Leaf(f"{_GENERAL}/RptNb/Shrt", pattern("three_digits", "[0-9]{3}"), need=False),
            Leaf(f"{_GENERAL}/RptNb/Lng", pattern("five_digits", "[0-9]{5}"), need=False),
            Choice((f"{_GENERAL}/RptNb/Shrt", f"{_GENERAL}/RptNb/Lng"), need=f"{_GENERAL}/RptNb"),
            Leaf(f"{_GENERAL}/StmtId", TEXT_35),
            *date_fields(f"{_GENERAL}/StmtDtTm"),
            Leaf(f"{_GENERAL}/Frqcy/Cd", code(*_FREQUENCIES.split()), need=False),
            Leaf(f"{_GENERAL}/Frqcy/Prtry/Id", EXACT_4, need=False),
            Choice((f"{_GENERAL}/Frqcy/Cd", f"{_GENERAL}/Frqcy/Prtry/Id")),
            Leaf(f"{_GENERAL}/UpdTp/Cd", code("COMP")),
            Leaf(f"{_GENERAL}/StmtBsis/Cd", code("SETT")),
            Leaf(f"{_GENERAL}/ActvtyInd", YES_NO),
            Leaf(f"{_GENERAL}/SubAcctInd", YES_NO),
            Leaf(f"{_R}/SfkpgAcct/Id", TEXT_35),
            Mark(_SUB_ACCOUNTS),
            # Positions in sub-accounts have no column of their own; reading on without them would show a shortage.
            Check(_SUB_ACCOUNTS, pl.when(pl.col(_SUB_ACCOUNTS).is_not_null()).then(pl.lit("no_sub_accounts"))),
        ),
        (
            Group(
                f"{_R}/BalForAcct",
                (
                    Leaf("FinInstrmId/ISIN", ISIN),
                    Leaf("AggtBal/ShrtLngInd", code("LONG", "SHOR")),
                    *quantity_fields(_QUANTITY),
                ),
            ),
        ),
    ),
    key=("", f"{_GENERAL}/StmtId"),
)


def build_holdings(
    frame: pl.DataFrame, *, sender: str, receiver: str, created: datetime, schemas: Path | None = None
) -> Built:
    """A business file of the statements in HOLDING: complete, daily, on settled positions, each in one page.

    Rows of one statement have the same statement, sequence, account and day; a statement that holds nothing has one row
    without an ISIN. The sender is the argument's. INDEX keys are the statement ids. Refuses (`Refused`), naming all of
    them, statements the message cannot hold: a sequence above 99,999, a quantity of more than eighteen digits.
    """
    held, heads = statements(frame, ("statement", "sequence", "account", "day"))
    held = held.filter(pl.col("isin").is_not_null() | pl.col("quantity_micro").is_not_null())

    def plain(lines: pl.DataFrame) -> Tables:
        active = pl.col("ordinal").is_in(lines["ordinal"].unique().to_list())
        texts = {
            **header(OUTLINE, sender, receiver, created),
            f"{_R}/Pgntn/PgNb": pl.lit("1"),
            f"{_R}/Pgntn/LastPgInd": pl.lit("true"),
            f"{_GENERAL}/RptNb/Lng": pl.col("sequence").cast(pl.String).str.zfill(5),
            f"{_GENERAL}/StmtId": pl.col("statement"),
            f"{_GENERAL}/StmtDtTm/Dt": pl.col("day"),
            f"{_GENERAL}/Frqcy/Cd": pl.lit("DAIL"),
            f"{_GENERAL}/UpdTp/Cd": pl.lit("COMP"),
            f"{_GENERAL}/StmtBsis/Cd": pl.lit("SETT"),
            f"{_GENERAL}/ActvtyInd": pl.when(active).then(pl.lit("true")).otherwise(pl.lit("false")),
            f"{_GENERAL}/SubAcctInd": pl.lit("false"),
            f"{_R}/SfkpgAcct/Id": pl.col("account"),
        }
        short = pl.col("quantity_micro") < 0
        balances = {
            "FinInstrmId/ISIN": pl.col("isin"),
            "AggtBal/ShrtLngInd": pl.when(short).then(pl.lit("SHOR")).otherwise(pl.lit("LONG")),
            f"{_QUANTITY}/Unit": quantity_text(pl.col("quantity_micro")).str.strip_prefix("-"),
        }
        return {
            "": rows(heads, OUTLINE.main, "", "", **texts),
            _BALANCE: rows(lines, OUTLINE.tables[_BALANCE], numbered(_BALANCE, pl.col("ordinal")), "", **balances),
        }

    return build_file(held, heads.select("ordinal", key="statement"), OUTLINE, plain, created, schemas)


def read_holdings(data: bytes, schemas: Path | None = None) -> Parsed:
    """The statements of a file: WHERE and HOLDING, a row for each balance, one without an ISIN if there is none.

    Reads a business file, one message a line, or one message in the file. Refuses what would be read in part: pages,
    sub-accounts, changes only (DELT), and positions that are not settled ones (CONT, TRAD).
    """
    return read_file(data, OUTLINE, _convert, schemas)


def _convert(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    heads = tables[""].select(
        "ordinal",
        statement=pl.col(f"{_GENERAL}/StmtId"),
        sequence=pl.coalesce(f"{_GENERAL}/RptNb/Lng", f"{_GENERAL}/RptNb/Shrt").cast(pl.Int64, strict=False),
        account=pl.col(f"{_R}/SfkpgAcct/Id"),
        day=day(f"{_GENERAL}/StmtDtTm/Dt", f"{_GENERAL}/StmtDtTm/DtTm"),
        sender=sender_bic(),
    )
    sign = pl.when(pl.col("AggtBal/ShrtLngInd") == "SHOR").then(-1).otherwise(1)
    balances = tables[_BALANCE].select(
        "ordinal",
        isin=pl.col("FinInstrmId/ISIN"),
        quantity_micro=micro(f"{_QUANTITY}/Unit", f"{_QUANTITY}/FaceAmt") * sign,
    )
    good = heads.join(balances, on="ordinal", how="left", maintain_order="left_right")
    return good.select("ordinal", *HOLDING), pl.DataFrame(schema=FAULT)
