"""Which statements are accepted, and what is odd about them. 对账单接收

Banks number an account's statements without gaps, and each begins where the last ended (MT940 :28C: and :60F:,
camt.053 ElctrncSeqNb and OPBD).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from nostro.departments.reconciliation.rules.amounts import money_text
from nostro.kernel.frames import filled, refused

ACCOUNT = ["account", "currency"]


@dataclass(frozen=True, slots=True)
class Judged:
    """Every statement of a batch is accepted or refused; of the accepted, some are odd.

    accepted  rows as they came, by account and sequence, with `previous_minor`: the closing before, null if unknown
    refused   rows as they came, with `reason`
    told      an exception for each refused and each odd one, in the columns of REFUSED with `message` and `account`
    """

    accepted: pl.DataFrame
    refused: pl.DataFrame
    told: pl.DataFrame


def judge(
    statements: pl.DataFrame, *, last: pl.DataFrame, known: pl.DataFrame, accounts: pl.DataFrame, day: date
) -> Judged:
    """Accept a batch of statements.

    statements  one row each: message, account, currency ("" for holdings), statement, sequence, day; for cash also
                opening_minor, closing_minor and entries_minor, the sum of its entries; else null
    last        account, currency, sequence, closing_minor of the last statement of each account
    known       account, currency, statement of all accepted ones
    accounts    account, currency we have

    Refused: statement_account_unknown, statement_duplicate, statement_day_ahead, statement_does_not_add_up.
    Odd: statement_out_of_sequence, statement_opening_differs. Order in a batch matters only between two of one id.
    """
    account = [pl.col(name) for name in ACCOUNT]
    judged = (
        statements.sort("message", maintain_order=True)
        .join(
            accounts.select(ACCOUNT).unique().with_columns(ours=pl.lit(True)),
            on=ACCOUNT,
            how="left",
            maintain_order="left",
        )
        .join(
            known.select(*ACCOUNT, "statement").unique().with_columns(again=pl.lit(True)),
            on=[*ACCOUNT, "statement"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            off=pl.col("closing_minor").cast(pl.Int128)
            - pl.col("opening_minor").cast(pl.Int128)
            - pl.col("entries_minor")
        )
        .with_columns(
            reason=pl.when(pl.col("ours").is_null())
            .then(pl.lit("statement_account_unknown"))
            .when(pl.col("again"))
            .then(pl.lit("statement_duplicate"))
            .when(pl.col("day") > day)
            .then(pl.lit("statement_day_ahead"))
            .when(pl.col("off") != 0)
            .then(pl.lit("statement_does_not_add_up"))
        )
    )
    # Of two with one id the first that is not wrong counts, so that a corrected one may follow a wrong one.
    twice = pl.col("reason").is_null() & (pl.struct(*account, "statement", "reason").is_first_distinct().not_())
    judged = judged.with_columns(reason=pl.when(twice).then(pl.lit("statement_duplicate")).otherwise(pl.col("reason")))
    before = last.select(*ACCOUNT, last_sequence="sequence", last_minor="closing_minor")
    accepted = (
        judged.filter(pl.col("reason").is_null())
        .sort(*ACCOUNT, "sequence", "message")
        .join(before, on=ACCOUNT, how="left", maintain_order="left")
        .with_columns(
            expected=pl.col("sequence").shift(1).over(ACCOUNT).fill_null(pl.col("last_sequence")) + 1,
            previous_minor=pl.col("closing_minor").shift(1).over(ACCOUNT).fill_null(pl.col("last_minor")),
        )
    )
    bad = judged.filter(pl.col("reason").is_not_null())
    odd = accepted.filter(
        pl.col("closing_minor").is_not_null()
    )  # custodians do not number holdings one after the other
    told = [
        *(_told(part, str(reason)) for (reason,), part in bad.group_by("reason", maintain_order=True)),
        _told(odd.filter(pl.col("sequence") != pl.col("expected")), "statement_out_of_sequence"),
        _told(odd.filter(pl.col("opening_minor") != pl.col("previous_minor")), "statement_opening_differs"),
    ]
    columns = statements.columns
    return Judged(
        accepted.select(*columns, "previous_minor"),
        bad.select(*columns, "reason"),
        pl.concat(told).sort("message", "reason", "subject", maintain_order=True),
    )


def missing(accounts: pl.DataFrame, day: date) -> pl.DataFrame:
    """An exception for each of these accounts (account, currency), which moved or hold something without a statement."""
    subject = pl.concat_str(
        pl.lit("statement"),
        "account",
        pl.col("currency").replace("", None),
        pl.lit(day.isoformat()),
        separator="/",
        ignore_nulls=True,
    )
    facts = {"account": pl.col("account"), "currency": pl.col("currency"), "day": pl.lit(day.isoformat())}
    return refused(accounts.sort(ACCOUNT), "statement_missing", subject=subject, facts=facts)


def _told(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    currencies = rows["currency"]
    facts = {name: pl.col(name) for name in ("account", "currency", "statement", "sequence", "day")}
    at_risk = None
    match reason:
        case "statement_out_of_sequence":
            facts["expected"] = pl.col("expected")
        case "statement_opening_differs":
            at_risk = pl.col("opening_minor") - pl.col("previous_minor")
            facts["opening"] = money_text(pl.col("opening_minor"), currencies)
            facts["previous"] = money_text(pl.col("previous_minor"), currencies)
        case "statement_does_not_add_up":
            at_risk = pl.col("off").cast(pl.Int64, strict=False)
            facts["opening"] = money_text(pl.col("opening_minor"), currencies)
            facts["closing"] = money_text(pl.col("closing_minor"), currencies)
            facts["entries"] = money_text(pl.col("entries_minor"), currencies)
    return refused(
        rows,
        reason,
        subject=filled("statement/{}/{}", "account", "statement"),
        facts=facts,
        money_minor=at_risk.abs() if at_risk is not None else None,
        currency=pl.col("currency") if at_risk is not None else None,
    ).with_columns(rows.select("message", "account"))
