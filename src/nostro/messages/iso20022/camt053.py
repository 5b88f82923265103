"""camt.053: the bank's statement of a cash account. 银行对账单"""

from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl
from stdnum import iban

from nostro.kernel.frames import filled
from nostro.messages.iso20022.parts import amount_text, date_fields, header_fields, sender_bic
from nostro.messages.iso20022.reading import Tables, read_file
from nostro.messages.iso20022.structure import (
    AT,
    CURRENCY,
    DATE_TIME,
    FAULT,
    IBAN,
    TEXT_4,
    TEXT_34,
    TEXT_35,
    TEXT_140,
    TEXT_500,
    UP,
    Amount,
    Check,
    Choice,
    Group,
    Leaf,
    Mark,
    Outline,
    code,
    day,
    judge,
    minor,
    number_max,
    pattern,
)
from nostro.messages.iso20022.writing import build_file, header, numbered, rows, statements
from nostro.messages.shapes import CASH, Built, Parsed

_DEFINITION: Final = "camt.053.001.13"
_R: Final = "Document/BkToCstmrStmt"
_STATEMENT: Final = f"/{_R}/Stmt"
_BALANCE: Final = f"{_STATEMENT}/Bal"
_ENTRY: Final = f"{_STATEMENT}/Ntry"
_DETAILS: Final = f"{_ENTRY}/NtryDtls"
_TRANSACTION: Final = f"{_DETAILS}/TxDtls"
_REMITTANCE: Final = f"{_TRANSACTION}/RmtInf/Ustrd"
_HEAD: Final = ("statement", "sequence", "account", "currency", "day", "opening_minor", "closing_minor")
_UNKNOWN_REFERENCE: Final = "NOTPROVIDED"

OUTLINE: Final = Outline(
    _DEFINITION,
    Group(
        "",
        (
            *header_fields(_DEFINITION),
            Leaf(f"{_R}/GrpHdr/MsgId", TEXT_35),
            Leaf(f"{_R}/GrpHdr/CreDtTm", DATE_TIME),
        ),
        (
            Group(
                f"{_R}/Stmt",
                (
                    Leaf("Id", TEXT_35),
                    # A statement in pages could lose one unseen: it is read whole or not at all.
                    Leaf("StmtPgntn/PgNb", pattern("single_page", "0{0,4}1"), need=False),
                    Leaf("StmtPgntn/LastPgInd", code("true", "1"), need="StmtPgntn/PgNb"),
                    Leaf("ElctrncSeqNb", number_max(18), need=False),
                    Leaf("Acct/Id/IBAN", IBAN, need=False),
                    Leaf("Acct/Id/Othr/Id", TEXT_34, need=False),
                    Choice(("Acct/Id/IBAN", "Acct/Id/Othr/Id")),
                    Leaf("Acct/Ccy", CURRENCY, need=False),
                ),
                (
                    Group(
                        "Bal",
                        (
                            Leaf("Tp/CdOrPrtry/Cd", TEXT_4, need=False),
                            Leaf("Tp/CdOrPrtry/Prtry", TEXT_35, need=False),
                            Choice(("Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry")),
                            Amount("Amt"),
                            Leaf("CdtDbtInd", code("CRDT", "DBIT")),
                            *date_fields("Dt"),
                        ),
                    ),
                    Group(
                        "Ntry",
                        (
                            Amount("Amt"),
                            Leaf("CdtDbtInd", code("CRDT", "DBIT")),
                            # What is not booked is in no balance, and would break the sum of the statement.
                            Leaf("Sts/Cd", code("BOOK")),
                            *date_fields("BookgDt", need=False),
                            *date_fields("ValDt", need=False),
                            Leaf("AcctSvcrRef", TEXT_35, need=False),
                            Mark("BkTxCd", need=True),
                            Mark("BkTxCd/Prtry"),
                            Leaf("BkTxCd/Prtry/Cd", TEXT_35, need="BkTxCd/Prtry"),
                            Leaf("AddtlNtryInf", TEXT_500, need=False),
                        ),
                        (
                            Group(
                                "NtryDtls",
                                (),
                                (
                                    Group(
                                        "TxDtls",
                                        (
                                            Leaf("Refs/AcctSvcrRef", TEXT_35, need=False),
                                            Leaf("Refs/EndToEndId", TEXT_35, need=False),
                                        ),
                                        (Group("RmtInf/Ustrd", (Leaf(".", TEXT_140),)),),
                                    ),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    key=(_STATEMENT, "Id"),
)


def build_cash(
    frame: pl.DataFrame, *, sender: str, receiver: str, created: datetime, schemas: Path | None = None
) -> Built:
    """A business file of the statements in CASH, each in its own message, with a balance before and after.

    Rows of one statement repeat its own columns; one without entries has one row without an entry. Lines of a text are
    written as remittance lines of 140 characters at most. The sender is the argument's. INDEX keys are the statement
    ids. Refuses (`Refused`), naming all of them, statements the message cannot hold.
    """
    lines, heads = statements(frame, _HEAD)
    accounts = {number: iban.is_valid(number) for number in heads["account"].drop_nulls().unique().to_list()}
    heads = heads.with_columns(
        is_iban=pl.col("account").replace_strict(accounts, default=False, return_dtype=pl.Boolean)
    )
    lines = lines.filter(pl.col("entry").is_not_null())

    def plain(entries: pl.DataFrame) -> Tables:
        def signed(amount: str) -> dict[str, pl.Expr]:
            direction = pl.when(pl.col(amount) < 0).then(pl.lit("DBIT")).otherwise(pl.lit("CRDT"))
            magnitude = amount_text(pl.col(amount), pl.col("currency")).str.strip_prefix("-")
            return {"Amt": magnitude, "Amt/@Ccy": pl.col("currency"), "CdtDbtInd": direction}

        is_iban = pl.col("is_iban")
        statement = {
            "Id": pl.col("statement"),
            "ElctrncSeqNb": pl.col("sequence"),
            "Acct/Id/IBAN": pl.when(is_iban).then("account"),
            "Acct/Id/Othr/Id": pl.when(~is_iban).then("account"),
            "Acct/Ccy": pl.col("currency"),
        }
        main = {
            **header(OUTLINE, sender, receiver, created),
            f"{_R}/GrpHdr/MsgId": filled(
                "{}-{}", pl.lit(f"{created:%Y%m%d%H%M%S%f}"), pl.col("ordinal").cast(pl.String).str.zfill(7)
            ),
            f"{_R}/GrpHdr/CreDtTm": pl.lit(created.isoformat()),
        }

        def balance(kind: str, amount: str, number: int) -> pl.DataFrame:
            texts = {"Tp/CdOrPrtry/Cd": pl.lit(kind), **signed(amount), "Dt/Dt": pl.col("day")}
            return rows(heads, OUTLINE.tables[_BALANCE], f"{at_statement}/Bal[{number}]", at_statement, **texts)

        at_statement = f"{_STATEMENT}[1]"
        entry = {
            **signed("amount_minor"),
            "Sts/Cd": pl.lit("BOOK"),
            "BookgDt/Dt": pl.col("day"),
            "ValDt/Dt": pl.col("value_date"),
            "AcctSvcrRef": pl.col("bank_reference"),
            "BkTxCd": pl.lit(""),
            "BkTxCd/Prtry/Cd": pl.lit(_UNKNOWN_REFERENCE),
        }
        entries = entries.with_columns(at=numbered(f"{at_statement}/Ntry", pl.col("ordinal")))
        detailed = entries.filter(pl.col("reference").is_not_null() | pl.col("text").is_not_null())
        at = pl.col("at")
        told = (
            detailed.filter(pl.col("text").is_not_null())
            .with_columns(line=pl.col("text").str.split("\n"))
            .explode("line")
        )
        return {
            "": rows(heads, OUTLINE.main, "", "", **main),
            _STATEMENT: rows(heads, OUTLINE.tables[_STATEMENT], at_statement, "", **statement),
            _BALANCE: pl.concat([balance("OPBD", "opening_minor", 1), balance("CLBD", "closing_minor", 2)]),
            _ENTRY: rows(entries, OUTLINE.tables[_ENTRY], at, at_statement, **entry),
            _DETAILS: rows(detailed, OUTLINE.tables[_DETAILS], at + "/NtryDtls[1]", at),
            _TRANSACTION: rows(
                detailed,
                OUTLINE.tables[_TRANSACTION],
                at + "/NtryDtls[1]/TxDtls[1]",
                at + "/NtryDtls[1]",
                **{"Refs/EndToEndId": pl.col("reference")},
            ),
            _REMITTANCE: rows(
                told,
                OUTLINE.tables[_REMITTANCE],
                filled(
                    "{}/NtryDtls[1]/TxDtls[1]/RmtInf/Ustrd[{}]", at, pl.int_range(1, 1 + pl.len()).over("ordinal", at)
                ),
                at + "/NtryDtls[1]/TxDtls[1]",
                **{".": pl.col("line")},
            ),
        }

    return build_file(lines, heads.select("ordinal", key="statement"), OUTLINE, plain, created, schemas)


def read_cash(data: bytes, schemas: Path | None = None) -> Parsed:
    """The statements of a file: WHERE and CASH, a row for each entry, one without an entry if there is none.

    Reads a business file, one message a line, or one message in the file. The opening balance is OPBD, or PRCD where a
    bank gives the last closing one; both balances and every entry are in one currency. An entry's reference is its one
    end-to-end id: an entry that gathers several has none. Refuses pages and entries that are not booked.
    """
    return read_file(data, OUTLINE, _convert, schemas)


def _signed(path: str) -> pl.Expr:
    return minor(path) * pl.when(pl.col("CdtDbtInd") == "DBIT").then(-1).otherwise(1)


def _convert(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    balances = tables[_BALANCE].select(
        "ordinal",
        pl.col(UP).alias(AT),
        kind="Tp/CdOrPrtry/Cd",
        amount=_signed("Amt"),
        currency="Amt/@Ccy",
        day=day("Dt/Dt", "Dt/DtTm"),
    )
    key = ["ordinal", AT]

    def of_kind(kind: str) -> pl.DataFrame:
        return balances.filter(pl.col("kind") == kind).unique(key, keep="first", maintain_order=True)

    opening = pl.concat([of_kind("OPBD"), of_kind("PRCD")]).unique(key, keep="first", maintain_order=True)
    closing = of_kind("CLBD")
    statements = (
        tables[_STATEMENT]
        .join(opening.select(*key, opening_minor="amount", opening_currency="currency"), on=key, how="left")
        .join(closing.select(*key, "day", closing_minor="amount", currency="currency"), on=key, how="left")
        .with_columns(account_currency=pl.coalesce("Acct/Ccy", "currency"))
    )
    foreign = pl.col("account_currency") != pl.col("currency")
    foreign_opening = pl.col("account_currency") != pl.col("opening_currency")
    faults = [
        judge(
            statements,
            [
                Check("Bal", pl.when(pl.col("opening_minor").is_null()).then(pl.lit("balance OPBD"))),
                Check("Bal", pl.when(pl.col("closing_minor").is_null()).then(pl.lit("balance CLBD"))),
                Check(
                    "Bal",
                    pl.when(foreign | foreign_opening).then(filled("currency_of_account {}", "account_currency")),
                ),
            ],
        )
    ]
    entries = tables[_ENTRY].join(
        statements.select("ordinal", pl.col(AT).alias(UP), "account_currency"), on=["ordinal", UP], how="left"
    )
    foreign = pl.col("Amt/@Ccy") != pl.col("account_currency")
    undated = day("ValDt/Dt", "ValDt/DtTm", "BookgDt/Dt", "BookgDt/DtTm").is_null()
    faults.append(
        judge(
            entries,
            [
                Check("Amt", pl.when(foreign).then(filled("currency_of_account {}", "account_currency"))),
                Check("ValDt", pl.when(undated).then(pl.lit("required"))),
            ],
        )
    )
    rows = (
        statements.select(
            "ordinal",
            AT,
            "opening_minor",
            "closing_minor",
            "day",
            statement="Id",
            sequence=pl.col("ElctrncSeqNb").cast(pl.Int64, strict=False),
            account=pl.coalesce("Acct/Id/IBAN", "Acct/Id/Othr/Id"),
            currency="account_currency",
        )
        .join(_entries(tables), on=key, how="left", maintain_order="left_right")
        .join(tables[""].select("ordinal", sender=sender_bic()), on="ordinal", how="left", maintain_order="left")
    )
    good = rows.sort("ordinal", maintain_order=True).select("ordinal", *CASH)
    return good, pl.concat(faults) if faults else pl.DataFrame(schema=FAULT)


def _entries(tables: Tables) -> pl.DataFrame:
    """The entries, each with what its details say of it, and the place of its statement."""
    details = tables[_DETAILS].select("ordinal", pl.col(AT).alias("details"), pl.col(UP).alias("entry_at"))
    transactions = (
        tables[_TRANSACTION]
        .select(
            "ordinal",
            pl.col(AT).alias("transaction"),
            pl.col(UP).alias("details"),
            own=pl.when(pl.col("Refs/EndToEndId") != _UNKNOWN_REFERENCE).then("Refs/EndToEndId"),
            bank="Refs/AcctSvcrRef",
        )
        .join(details, on=["ordinal", "details"], how="left", maintain_order="left")
    )
    by = ["ordinal", "entry_at"]
    texts = (
        tables[_REMITTANCE]
        .select("ordinal", pl.col(UP).alias("transaction"), text=".")
        .join(transactions.select("ordinal", "transaction", "entry_at"), on=["ordinal", "transaction"], how="left")
        .group_by(by, maintain_order=True)
        .agg(pl.col("text").str.join("\n"))
    )

    def only(column: str) -> pl.Expr:
        known = pl.col(column).drop_nulls().unique()
        return pl.when(known.len() == 1).then(known.first()).alias(column)

    references = transactions.group_by(by, maintain_order=True).agg(only("own"), only("bank"))
    return (
        tables[_ENTRY]
        .select(
            "ordinal",
            pl.col(UP).alias(AT),
            pl.col(AT).alias("entry_at"),
            value_date=day("ValDt/Dt", "ValDt/DtTm", "BookgDt/Dt", "BookgDt/DtTm"),
            amount_minor=_signed("Amt"),
            servicer="AcctSvcrRef",
            more="AddtlNtryInf",
        )
        .join(references, on=by, how="left", maintain_order="left")
        .join(texts, on=by, how="left", maintain_order="left")
        .select(
            "ordinal",
            AT,
            "value_date",
            "amount_minor",
            entry=pl.int_range(1, 1 + pl.len(), dtype=pl.Int64).over("ordinal", AT),
            reference="own",
            bank_reference=pl.coalesce("servicer", "bank"),
            text=pl.coalesce("text", "more"),
        )
    )
