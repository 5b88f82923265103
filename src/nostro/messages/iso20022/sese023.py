"""sese.023: the settlement instruction, delivery or receipt against payment. 证券结算指令"""

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
)
from nostro.messages.iso20022.reading import Tables, read_lines
from nostro.messages.iso20022.structure import (
    BIC,
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
from nostro.messages.shapes import INSTRUCTION, Built, Parsed

_DEFINITION: Final = "sese.023.001.12"
_R: Final = "Document/SctiesSttlmTxInstr"
_MOVEMENT: Final = f"{_R}/SttlmTpAndAddtlParams/SctiesMvmntTp"
_PAYMENT: Final = f"{_R}/SttlmTpAndAddtlParams/Pmt"
_QUANTITY: Final = f"{_R}/QtyAndAcctDtls/SttlmQty/Qty"
_TYPE: Final = f"{_R}/SttlmParams/SctiesTxTp"
_DELIVERING: Final = f"{_R}/DlvrgSttlmPties"
_RECEIVING: Final = f"{_R}/RcvgSttlmPties"
_AMOUNT: Final = f"{_R}/SttlmAmt"
# SecuritiesTransactionType23Code
_TYPES: Final = (
    "AUTO BSBK BYIY CLAI CNCB COLI COLO CONV CORP ETFT FCTA INSP ISSU MKDW MKUP NETT NSYN OWNE OWNI PAIR PLAC "
    "PORT REAL REDI REDM RELE REPU RODE RVPO SBBK SBRE SECB SECL SLRE SUBS SWIF SWIT SYND TBAC TRAD TRPO TRVO "
    "TURN"
)

OUTLINE: Final = Outline(
    _DEFINITION,
    Group(
        "",
        (
            *header_fields(_DEFINITION),
            Leaf(f"{_R}/TxId", TEXT_35),
            Leaf(_MOVEMENT, code("RECE", "DELI")),
            Leaf(_PAYMENT, code("APMT")),
            *date_fields(f"{_R}/TradDtls/TradDt/Dt"),
            *date_fields(f"{_R}/TradDtls/SttlmDt/Dt"),
            Leaf(f"{_R}/FinInstrmId/ISIN", ISIN),
            *quantity_fields(_QUANTITY),
            Leaf(f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id", TEXT_35),
            Leaf(f"{_TYPE}/Cd", code(*_TYPES.split()), need=False),
            Leaf(f"{_TYPE}/Prtry/Id", EXACT_4, need=False),
            Choice((f"{_TYPE}/Cd", f"{_TYPE}/Prtry/Id")),
            Leaf(f"{_DELIVERING}/Dpstry/Id/AnyBIC", BIC),
            Leaf(f"{_DELIVERING}/Pty1/Id/AnyBIC", BIC),
            Leaf(f"{_RECEIVING}/Dpstry/Id/AnyBIC", BIC),
            Leaf(f"{_RECEIVING}/Pty1/Id/AnyBIC", BIC),
            Amount(f"{_AMOUNT}/Amt"),
            Leaf(f"{_AMOUNT}/CdtDbtInd", code("CRDT", "DBIT")),
            movement_agrees(_MOVEMENT, f"{_AMOUNT}/CdtDbtInd"),
        ),
    ),
    key=("", f"{_R}/TxId"),
)


def build_instructions(
    frame: pl.DataFrame, *, sender: str, receiver: str, created: datetime, schemas: Path | None = None
) -> Built:
    """One line for each INSTRUCTION, against payment, the securities transaction a trade (TRAD).

    Quantities are written in units. The party that instructs is the receiving one when it receives. INDEX keys are the
    references. Refuses (`Refused`), naming all of them, rows that the message cannot hold: a quantity or amount of more
    than eighteen digits, a reference above 35 characters, a negative amount.
    """

    def plain(chunk: pl.DataFrame) -> Tables:
        receives = pl.col("direction") == "receive"
        ours, theirs = pl.col("party_bic"), pl.col("counterparty_bic")
        texts = {
            **header(OUTLINE, sender, receiver, created),
            f"{_R}/TxId": pl.col("reference"),
            _MOVEMENT: pl.col("direction").replace_strict(DIRECTION, default=pl.col("direction")),
            _PAYMENT: pl.lit("APMT"),
            f"{_R}/TradDtls/TradDt/Dt/Dt": pl.col("trade_date"),
            f"{_R}/TradDtls/SttlmDt/Dt/Dt": pl.col("settle_date"),
            f"{_R}/FinInstrmId/ISIN": pl.col("isin"),
            f"{_QUANTITY}/Unit": quantity_text(pl.col("quantity_micro")),
            f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id": pl.col("account"),
            f"{_TYPE}/Cd": pl.lit("TRAD"),
            f"{_DELIVERING}/Dpstry/Id/AnyBIC": pl.col("place_bic"),
            f"{_DELIVERING}/Pty1/Id/AnyBIC": pl.when(receives).then(theirs).otherwise(ours),
            f"{_RECEIVING}/Dpstry/Id/AnyBIC": pl.col("place_bic"),
            f"{_RECEIVING}/Pty1/Id/AnyBIC": pl.when(receives).then(ours).otherwise(theirs),
            f"{_AMOUNT}/Amt": amount_text(pl.col("amount_minor"), pl.col("currency")),
            f"{_AMOUNT}/Amt/@Ccy": pl.col("currency"),
            f"{_AMOUNT}/CdtDbtInd": cash_direction(pl.col("direction")),
        }
        return {"": rows(chunk, OUTLINE.main, "", "", **texts)}

    return build_lines(frame.select(*INSTRUCTION), "reference", OUTLINE, plain, schemas)


def read_instructions(data: bytes, schemas: Path | None = None) -> Parsed:
    """The instructions of a bulk file: WHERE and INSTRUCTION. Free of payment is refused."""
    return read_lines(data, OUTLINE, _convert, schemas)


def _convert(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    receives = pl.col(_MOVEMENT) == "RECE"
    delivering, receiving = pl.col(f"{_DELIVERING}/Pty1/Id/AnyBIC"), pl.col(f"{_RECEIVING}/Pty1/Id/AnyBIC")
    good = tables[""].select(
        "ordinal",
        reference=pl.col(f"{_R}/TxId"),
        direction=pl.when(receives).then(pl.lit("receive")).otherwise(pl.lit("deliver")),
        isin=pl.col(f"{_R}/FinInstrmId/ISIN"),
        quantity_micro=micro(f"{_QUANTITY}/Unit", f"{_QUANTITY}/FaceAmt"),
        amount_minor=minor(f"{_AMOUNT}/Amt"),
        currency=pl.col(f"{_AMOUNT}/Amt/@Ccy"),
        trade_date=day(f"{_R}/TradDtls/TradDt/Dt/Dt", f"{_R}/TradDtls/TradDt/Dt/DtTm"),
        settle_date=day(f"{_R}/TradDtls/SttlmDt/Dt/Dt", f"{_R}/TradDtls/SttlmDt/Dt/DtTm"),
        account=pl.col(f"{_R}/QtyAndAcctDtls/SfkpgAcct/Id"),
        party_bic=pl.when(receives).then(receiving).otherwise(delivering),
        counterparty_bic=pl.when(receives).then(delivering).otherwise(receiving),
        place_bic=pl.when(receives)
        .then(pl.col(f"{_RECEIVING}/Dpstry/Id/AnyBIC"))
        .otherwise(pl.col(f"{_DELIVERING}/Dpstry/Id/AnyBIC")),
    )
    return good, pl.DataFrame(schema=FAULT)
