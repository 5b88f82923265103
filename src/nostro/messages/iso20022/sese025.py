"""sese.025: the confirmation that an instruction has settled. 结算确认"""

from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from nostro.messages.iso20022.parts import (
    DIRECTION,
    amount_text,
    cash_direction,
    date_fields,
    header_fields,
    movement_agrees,
    quantity_fields,
    quantity_text,
    sender_bic,
)
from nostro.messages.iso20022.reading import Tables, read_lines
from nostro.messages.iso20022.structure import (
    EXACT_4,
    FAULT,
    ISIN,
    TEXT_35,
    Amount,
    Choice,
    Group,
    Leaf,
    Outline,
    code,
    day,
    micro,
    minor,
)
from nostro.messages.iso20022.writing import build_lines, header, rows
from nostro.messages.shapes import CONFIRMATION, Built, Parsed

_DEFINITION: Final = "sese.025.001.12"
_R: Final = "Document/SctiesSttlmTxConf"
_MOVEMENT: Final = f"{_R}/TxIdDtls/SctiesMvmntTp"
_SETTLED: Final = f"{_R}/TradDtls/FctvSttlmDt/Dt"
_QUANTITY: Final = f"{_R}/QtyAndAcctDtls/SttldQty/Qty"
_TYPE: Final = f"{_R}/SttlmParams/SctiesTxTp"
_AMOUNT: Final = f"{_R}/SttldAmt"
# SecuritiesTransactionType25Code
_TYPES: Final = (
    "AUTO BSBK BYIY CLAI CNCB COLI COLO CONV CORP ETFT FCTA INSP ISSU MKDW MKUP NETT NSYN OWNE OWNI PAIR PLAC "
    "PORT REAL REBL REDI REDM RELE REPU RODE RVPO SBBK SBRE SECB SECL SLRE SUBS SWIF SWIT SYND TBAC TRAD TRPO "
    "TRVO TURN"
)

OUTLINE: Final = Outline(
    _DEFINITION,
    Group(
        "",
        (
            *header_fields(_DEFINITION),
            Leaf(f"{_R}/TxIdDtls/AcctOwnrTxId", TEXT_35),
            Leaf(_MOVEMENT, code("RECE", "DELI")),
            Leaf(f"{_R}/TxIdDtls/Pmt", code("APMT")),
            *date_fields(_SETTLED),
            Leaf(f"{_R}/FinInstrmId/ISIN", ISIN),
            *quantity_fields(_QUANTITY),
            Leaf(f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id", TEXT_35),
            Leaf(f"{_TYPE}/Cd", code(*_TYPES.split()), need=False),
            Leaf(f"{_TYPE}/Prtry/Id", EXACT_4, need=False),
            Choice((f"{_TYPE}/Cd", f"{_TYPE}/Prtry/Id")),
            Amount(f"{_AMOUNT}/Amt"),
            Leaf(f"{_AMOUNT}/CdtDbtInd", code("CRDT", "DBIT")),
            movement_agrees(_MOVEMENT, f"{_AMOUNT}/CdtDbtInd"),
        ),
    ),
    key=("", f"{_R}/TxIdDtls/AcctOwnrTxId"),
)


def build_confirmations(
    frame: pl.DataFrame, *, sender: str, receiver: str, created: datetime, schemas: Path | None = None
) -> Built:
    """One line for each CONFIRMATION; the sender is the argument's, not the column's. INDEX keys are the references.

    Refuses (`Refused`), naming all of them, rows that the message cannot hold.
    """

    def plain(chunk: pl.DataFrame) -> Tables:
        texts = {
            **header(OUTLINE, sender, receiver, created),
            f"{_R}/TxIdDtls/AcctOwnrTxId": pl.col("reference"),
            _MOVEMENT: pl.col("direction").replace_strict(DIRECTION, default=pl.col("direction")),
            f"{_R}/TxIdDtls/Pmt": pl.lit("APMT"),
            f"{_SETTLED}/Dt": pl.col("settled_date"),
            f"{_R}/FinInstrmId/ISIN": pl.col("isin"),
            f"{_QUANTITY}/Unit": quantity_text(pl.col("quantity_micro")),
            f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id": pl.col("account"),
            f"{_TYPE}/Cd": pl.lit("TRAD"),
            f"{_AMOUNT}/Amt": amount_text(pl.col("amount_minor"), pl.col("currency")),
            f"{_AMOUNT}/Amt/@Ccy": pl.col("currency"),
            f"{_AMOUNT}/CdtDbtInd": cash_direction(pl.col("direction")),
        }
        return {"": rows(chunk, OUTLINE.main, "", "", **texts)}

    columns = [name for name in CONFIRMATION if name != "sender"]
    return build_lines(frame.select(columns), "reference", OUTLINE, plain, schemas)


def read_confirmations(data: bytes, schemas: Path | None = None) -> Parsed:
    """The confirmations of a bulk file: WHERE and CONFIRMATION. The sender is the header's."""
    return read_lines(data, OUTLINE, _convert, schemas)


def _convert(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    good = tables[""].select(
        "ordinal",
        reference=pl.col(f"{_R}/TxIdDtls/AcctOwnrTxId"),
        direction=pl.when(pl.col(_MOVEMENT) == "RECE").then(pl.lit("receive")).otherwise(pl.lit("deliver")),
        isin=pl.col(f"{_R}/FinInstrmId/ISIN"),
        quantity_micro=micro(f"{_QUANTITY}/Unit", f"{_QUANTITY}/FaceAmt"),
        amount_minor=minor(f"{_AMOUNT}/Amt"),
        currency=pl.col(f"{_AMOUNT}/Amt/@Ccy"),
        settled_date=day(f"{_SETTLED}/Dt", f"{_SETTLED}/DtTm"),
        account=pl.col(f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id"),
        sender=sender_bic(),
    )
    return good, pl.DataFrame(schema=FAULT)
