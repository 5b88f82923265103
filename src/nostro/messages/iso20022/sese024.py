"""sese.024: what has become of an instruction, on three axes: processing, matching, settlement. 指令状态

Reasons are those of the code lists of sese.024.001.13, or the sender's own.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from nostro.messages.iso20022.parts import Field, header_fields, sender_bic
from nostro.messages.iso20022.reading import Tables, read_lines
from nostro.messages.iso20022.structure import (
    EXACT_4,
    FAULT,
    TEXT_35,
    TEXT_210,
    Check,
    Choice,
    Group,
    Leaf,
    Mark,
    Outline,
    code,
    judge,
)
from nostro.messages.iso20022.writing import build_lines, header, rows
from nostro.messages.shapes import STATUS, Built, Parsed

_DEFINITION: Final = "sese.024.001.13"
_R: Final = "Document/SctiesSttlmTxStsAdvc"
_REFERENCE: Final = f"{_R}/TxId/AcctOwnrTxId"
_MATCHED: Final = f"{_R}/MtchgSts/Mtchd"


@dataclass(frozen=True, slots=True)
class _Status:
    """A status that may give reasons: where it stands, and what STATUS calls it."""

    path: str
    axis: str
    code: str

    @property
    def table(self) -> str:
        """The table of its reasons."""
        return f"/{self.path}/Rsn"

    def group(self) -> Group:
        """Its reasons, each with a code or one of the sender's own, and perhaps a text."""
        fields = (
            Leaf("Cd/Cd", code(*_REASONS[self.code].split()), need=False),
            Leaf("Cd/Prtry/Id", EXACT_4, need=False),
            Choice(("Cd/Cd", "Cd/Prtry/Id")),
            Leaf("AddtlRsnInf", TEXT_210, need=False),
        )
        return Group(f"{self.path}/Rsn", fields)

    def fields(self) -> tuple[Field, ...]:
        """Its presence, and that it has no reason."""
        return Mark(self.path), Leaf(f"{self.path}/NoSpcfdRsn", code("NORE"), need=False)


_REASONS: Final = {
    "ACPT": "ADEA CDCY CDRE CDRG LATE NSTP OTHR RQWV SMPG",  # AcknowledgementReason5Code
    "REJT": (  # RejectionReason75Code
        "ADEA BATC CAEV CASH CASY DDAT DDEA DEPT DMON DQUA DSEC DTRD ICAG ICUS IEXE IIND INPS INVB INVE INVL INVN "
        "LATE MINO MUNO NCRR OTHR PHYS PLCE PLIS REFE RTGS SAFE SDUT SETR SETS TXST VALR"
    ),
    "CANC": "BYIY CANI CANS CANT CANZ CORP CSUB CTHP CXLR OTHR SCEX",  # CancelledStatusReason16Code
    "NMAT": (  # UnmatchedReason11Code
        "ACRU ADEA CLAT CMIS CPCA DCMX DDAT DDEA DELN DEPT DMCT DMON DQUA DSEC DTRA DTRD FRAP ICAG ICUS IEXE IIND "
        "INPS INVE LATE LEOG MIME NCRR NMAS OTHR PHYS PLCE PLIS PODU REGD RTGS SAFE SETR SETS TXST UNBR"
    ),
    "PEND": (  # PendingReason24Code
        "ADEA AWMO AWSH BATC BENO BLOC BOTH CAIS CDLR CERT CHAS CLAC CLHT CMON COLL CPEC CSDH CVAL DENO DEPO DISA "
        "DKNY DOCC DOCY FLIM FROZ FUTU GLOB IAAD INBC INCA LAAW LACK LALO LATE LINK LIQU MINO MONY MUNO NCON NEWI "
        "NMAS NOFX OTHR PART PATD PHCK PHSE PRCY PREA PREL PRSY REFS REFU REGT SBLO SDUT SETS TAMM YCOL"
    ),
    "PENF": (  # FailingReason4Code
        "ADEA AWMO AWSH BATC BENO BLOC BOTH BYIY CAIS CANR CDLR CERT CHAS CLAC CLAT CLHT CMON COLL CPEC CSDH CVAL "
        "CYCL DENO DEPO DISA DKNY DOCC DOCY FLIM FROZ GLOB IAAD INBC INCA LAAW LACK LALO LATE LINK LIQU MINO MLAT "
        "MONY MUNO NCON NEWI NOFX OBJT OTHR PART PATD PHCK PHSE PRCY PREA PREL PRSY REFS REGT SBLO SDUT SETS STCD "
        "YCOL"
    ),
}
_PROCESSING: Final = (
    _Status(f"{_R}/PrcgSts/AckdAccptd", "processing", "ACPT"),
    _Status(f"{_R}/PrcgSts/Rjctd", "processing", "REJT"),
    _Status(f"{_R}/PrcgSts/Canc", "processing", "CANC"),
)
_UNMATCHED: Final = _Status(f"{_R}/MtchgSts/Umtchd", "matching", "NMAT")
_SETTLEMENT: Final = (
    _Status(f"{_R}/SttlmSts/Pdg", "settlement", "PEND"),
    _Status(f"{_R}/SttlmSts/Flng", "settlement", "PENF"),
)
_STATUSES: Final = (*_PROCESSING, _UNMATCHED, *_SETTLEMENT)

OUTLINE: Final = Outline(
    _DEFINITION,
    Group(
        "",
        (
            *header_fields(_DEFINITION),
            Leaf(_REFERENCE, TEXT_35),
            *(field for status in _PROCESSING for field in status.fields()),
            Mark(_MATCHED),
            Leaf(f"{_MATCHED}/Rsn/Id", EXACT_4, need=False),
            Leaf(f"{_MATCHED}/Rsn/Issr", TEXT_35, need=f"{_MATCHED}/Rsn/Id"),
            Leaf(f"{_MATCHED}/AddtlRsnInf", TEXT_210, need=False),
            *_UNMATCHED.fields(),
            *(field for status in _SETTLEMENT for field in status.fields()),
            # Other statuses exist (repair, pending cancellation, proprietary): alone they say nothing our columns hold.
            Check(
                _R,
                pl.when(pl.all_horizontal(pl.col(p).is_null() for p in (_MATCHED, *(s.path for s in _STATUSES)))).then(
                    pl.lit("some_of PrcgSts|MtchgSts|SttlmSts")
                ),
            ),
        ),
        tuple(status.group() for status in _STATUSES),
    ),
    key=("", _REFERENCE),
)


def build_statuses(
    frame: pl.DataFrame, *, sender: str, receiver: str, created: datetime, schemas: Path | None = None
) -> Built:
    """One line for each STATUS; the sender is the argument's, not the column's. INDEX keys are the references.

    Refuses (`Refused`), naming all of them, rows the message cannot hold: an axis and code that are not one status, a
    reason its code list does not know, a text without a reason (except beside MACH).
    """

    def plain(chunk: pl.DataFrame) -> Tables:
        def is_status(axis: str, code: str) -> pl.Expr:
            return (pl.col("axis") == axis) & (pl.col("code") == code)

        def when(there: pl.Expr, text: pl.Expr) -> pl.Expr:
            return pl.when(there).then(text)

        no_reason = pl.col("reason").is_null() & pl.col("text").is_null()
        matched = is_status("matching", "MACH")
        own_reason = matched & pl.col("reason").is_not_null()
        texts = {
            **header(OUTLINE, sender, receiver, created),
            _REFERENCE: pl.col("reference"),
            _MATCHED: when(matched, pl.lit("")),
            f"{_MATCHED}/Rsn/Id": when(matched, pl.col("reason")),
            f"{_MATCHED}/Rsn/Issr": when(own_reason, pl.lit(sender)),
            f"{_MATCHED}/AddtlRsnInf": when(matched, pl.col("text")),
        }
        tables = {}
        for status in _STATUSES:
            there = is_status(status.axis, status.code)
            texts[status.path] = when(there, pl.lit(""))
            texts[f"{status.path}/NoSpcfdRsn"] = when(there & no_reason, pl.lit("NORE"))
            reasons = {"Cd/Cd": pl.col("reason"), "AddtlRsnInf": pl.col("text")}
            told = chunk.filter(there & ~no_reason)
            tables[status.table] = rows(told, OUTLINE.tables[status.table], f"{status.table}[1]", "", **reasons)
        return {"": rows(chunk, OUTLINE.main, "", "", **texts), **tables}

    columns = [name for name in STATUS if name != "sender"]
    return build_lines(frame.select(columns), "reference", OUTLINE, plain, schemas)


def read_statuses(data: bytes, schemas: Path | None = None) -> Parsed:
    """The statuses of a bulk file: WHERE and STATUS.

    A message may hold a status on each axis and several reasons for it: one row for each, all at the same place. The
    sender is the header's; a bare Document has none.
    """
    return read_lines(data, OUTLINE, _convert, schemas)


def _convert(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    main = tables[""]
    told = {"reference": pl.col(_REFERENCE), "sender": sender_bic()}
    matched = main.filter(pl.col(_MATCHED).is_not_null()).select(
        "ordinal",
        **told,
        axis=pl.lit("matching"),
        code=pl.lit("MACH"),
        reason=pl.col(f"{_MATCHED}/Rsn/Id"),
        text=pl.col(f"{_MATCHED}/AddtlRsnInf"),
    )
    found = [matched]
    faults = []
    for status in _STATUSES:
        reasons = tables[status.table].select("ordinal", reason=pl.coalesce("Cd/Cd", "Cd/Prtry/Id"), text="AddtlRsnInf")
        there = main.filter(pl.col(status.path).is_not_null()).with_columns(
            reasons=pl.col("ordinal").is_in(reasons["ordinal"].unique().to_list())
        )
        both_or_none = pl.col("reasons") == pl.col(f"{status.path}/NoSpcfdRsn").is_not_null()
        rule = pl.when(both_or_none).then(pl.lit("exactly_one_of NoSpcfdRsn|Rsn"))
        faults.append(judge(there, [Check(status.path, rule)]))
        one = there.select("ordinal", **told, axis=pl.lit(status.axis), code=pl.lit(status.code))
        found.append(one.join(reasons, on="ordinal", how="left", maintain_order="left_right"))
    good = pl.concat(found).sort("ordinal", maintain_order=True)
    return good.select("ordinal", *STATUS), pl.concat(faults) if faults else pl.DataFrame(schema=FAULT)
