"""The columns in which each kind of message is spoken of, whatever dialect it came in. 报文数据结构

Quantities and prices are whole millionths (`_micro`), cash is whole minor units of the currency named beside it.
Every frame of messages read from a file begins with the columns of WHERE.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

WHERE: Final = pl.Schema(
    {
        "ordinal": pl.Int64,  # the message's place in its file, from 1
        "start": pl.Int64,  # byte offset of the message in the file
        "length": pl.Int64,  # bytes of the message, without the separator between messages
    }
)
BAD: Final = pl.Schema(
    [
        *WHERE.items(),
        ("key", pl.String()),  # the message's own key when it could still be read, else null
        ("reason", pl.String()),  # MessageReason of the first error
        ("errors", pl.String()),  # JSON list of {"reason", "place", "facts"}: all errors of this message
    ]
)
INDEX: Final = pl.Schema([("key", pl.String()), *WHERE.items()])


class MessageReason(StrEnum):
    """Why a message cannot be read. Its words stand in `spine/words.py`."""

    FIX_GARBLED = "fix_garbled"  # no BeginString, wrong BodyLength or CheckSum: facts rule, found, expected
    FIX_FIELD_MISSING = "fix_field_missing"  # facts tag, name
    FIX_FIELD_INVALID = "fix_field_invalid"  # facts tag, name, value, rule
    XML_BROKEN = "xml_broken"  # not well-formed: facts line, column, message
    XML_INVALID = "xml_invalid"  # refused by the schema or our structural rules: facts path, rule, value
    MT_BROKEN = "mt_broken"  # blocks or sequences do not close: facts line, rule
    MT_FIELD_MISSING = "mt_field_missing"  # facts field, sequence
    MT_FIELD_INVALID = "mt_field_invalid"  # facts field, sequence, value, rule
    FILE_BROKEN = "file_broken"  # not the encoding or form it should be: facts rule
    CSV_FIELD_MISSING = "csv_field_missing"  # facts column, line
    CSV_FIELD_INVALID = "csv_field_invalid"  # facts column, line, value, rule


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file says. `good` has WHERE plus the kind's columns; `bad` has BAD. Nothing of the file is in neither."""

    good: pl.DataFrame
    bad: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Built:
    """One outgoing file: its bytes, and an INDEX row for each message in it."""

    data: bytes
    index: pl.DataFrame


EXECUTION: Final = pl.Schema(  # FIX 4.4 ExecutionReport (35=8, 150=F): one trade done for us
    {
        "exec_id": pl.String,  # 17
        "order_id": pl.String,  # 37
        "book": pl.String,  # 1 Account: the trading book, or the block account when it is allocated later
        "isin": pl.String,  # 48 with 22=4. As it came: form and check digit are judged by the trades department
        "side": pl.String,  # "buy" or "sell" (54)
        "quantity_micro": pl.Int64,  # 32
        "price_micro": pl.Int64,  # 31
        "currency": pl.String,  # 15
        "trade_date": pl.Date,  # 75
        "settle_date": pl.Date,  # 64, null when the street leaves it to the market's rule
        "mic": pl.String,  # 30 LastMkt
        "counterparty_bic": pl.String,  # 448 with 447=B and 452=17 (contra firm)
        "ccp_bic": pl.String,  # 448 with 447=B and 452=21 (clearing organization); null when bilateral
        "transact_time": pl.String,  # 60, as it came
        "sender": pl.String,  # 49
        "content": pl.String,  # everything that would make it another trade, joined: for "same id, other content"
    }
)
ALLOCATION: Final = pl.Schema(  # FIX 4.4 AllocationInstruction (35=J): one row for each NoAllocs entry
    {
        "alloc_id": pl.String,  # 70
        "exec_id": pl.String,  # 17 in NoExecs (124): the block trade that is allocated
        "isin": pl.String,
        "side": pl.String,
        "total_micro": pl.Int64,  # 53
        "price_micro": pl.Int64,  # 6 AvgPx
        "trade_date": pl.Date,
        "book": pl.String,  # 79 AllocAccount
        "quantity_micro": pl.Int64,  # 80 AllocQty
        "sender": pl.String,
    }
)
CONFIRM: Final = pl.Schema(  # FIX 4.4 Confirmation (35=AK): what the counterparty thinks was traded, seen from our side
    {
        "confirm_id": pl.String,  # 664
        "order_id": pl.String,  # 37 in NoOrders (73)
        "isin": pl.String,
        "side": pl.String,
        "quantity_micro": pl.Int64,  # 80
        "price_micro": pl.Int64,  # 6
        "net_minor": pl.Int64,  # 118
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "counterparty_bic": pl.String,  # 448 with 452=17
        "sender": pl.String,
    }
)
INSTRUCTION: Final = pl.Schema(  # sese.023 or MT541/MT543 (against payment)
    {
        "reference": pl.String,  # TxId or :20C::SEME//, at most 16 characters of the SWIFT x set
        "direction": pl.String,  # "receive" or "deliver"
        "isin": pl.String,
        "quantity_micro": pl.Int64,
        "amount_minor": pl.Int64,
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,  # intended
        "account": pl.String,  # our safekeeping account
        "party_bic": pl.String,  # who instructs: us
        "counterparty_bic": pl.String,
        "place_bic": pl.String,  # PSET
    }
)
STATUS: Final = pl.Schema(  # sese.024 or MT548
    {
        "reference": pl.String,  # our instruction
        "axis": pl.String,  # "matching", "settlement" or "processing"
        "code": pl.String,  # MACH, NMAT; PEND, PENF; ACPT (PACK), REJT, CANC
        "reason": pl.String,  # ISO reason code (DMON, DQUA, CMIS, LATE, LACK, CLAC, MONY, CMON, ...), null when none
        "text": pl.String,
        "sender": pl.String,
    }
)
CONFIRMATION: Final = pl.Schema(  # sese.025 or MT545/MT547: it has settled
    {
        "reference": pl.String,
        "direction": pl.String,
        "isin": pl.String,
        "quantity_micro": pl.Int64,
        "amount_minor": pl.Int64,
        "currency": pl.String,
        "settled_date": pl.Date,  # effective
        "account": pl.String,
        "sender": pl.String,
    }
)
HOLDING: Final = pl.Schema(  # semt.002 or MT535: one row for each position of each statement
    {
        "statement": pl.String,
        "sequence": pl.Int64,
        "account": pl.String,
        "day": pl.Date,
        "isin": pl.String,  # null in the one row of a statement that holds nothing
        "quantity_micro": pl.Int64,  # aggregate balance, negative when short; null as isin
        "sender": pl.String,
    }
)
CASH: Final = pl.Schema(  # camt.053 or MT940: one row for each entry, the statement's own columns repeated
    {
        "statement": pl.String,
        "sequence": pl.Int64,  # ElctrncSeqNb or :28C:
        "account": pl.String,
        "currency": pl.String,
        "day": pl.Date,  # closing date
        "opening_minor": pl.Int64,  # booked, signed
        "closing_minor": pl.Int64,
        "entry": pl.Int64,  # from 1; null in the one row of a statement without entries
        "value_date": pl.Date,
        "amount_minor": pl.Int64,  # signed: + is a credit on our account
        "reference": pl.String,  # ours when the bank repeats it (EndToEndId, :61: customer reference), else null
        "bank_reference": pl.String,
        "text": pl.String,
        "sender": pl.String,
    }
)
