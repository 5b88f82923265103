"""What reconciliation is asked: breaks, a summary of each account, and both sides of a comparison. 对账查询"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from nostro.departments.reconciliation.rules.amounts import decimal_text, money_text
from nostro.kernel.events.accounting import OpeningCash
from nostro.kernel.money import MICRO
from nostro.ledger import queries as ledger
from nostro.reference import queries as reference
from nostro.spine.database import read_frame

KEY: Final = ["account", "currency", "day"]
_ACCOUNT: Final = {"account": pl.String, "currency": pl.String}
_LINE: Final = pl.Schema(
    {
        **_ACCOUNT,
        "day": pl.Date,
        "statement": pl.Int64,
        "entry": pl.Int64,
        "item": pl.String,
        "bank_reference": pl.String,
        "theirs_minor": pl.Int64,
        "ours_minor": pl.Int64,
        "reason": pl.String,
    }
)
_LATEST_RUNS: Final = (
    "(SELECT DISTINCT ON (kind, account, currency, day) * FROM reconciliation_run WHERE entity_id = %s AND kind = %s"
    " ORDER BY kind, account, currency, day, id DESC)"
)


def summary(entity_id: int, day: date) -> pl.DataFrame:
    """Each account as it was last compared for a day: kind, account, currency, statement, lines, matched, breaks."""
    return read_frame(
        "SELECT r.kind, r.account, r.currency, s.statement, r.lines, r.matched, r.breaks FROM"
        " (SELECT DISTINCT ON (kind, account, currency) * FROM reconciliation_run WHERE entity_id = %s AND day = %s"
        " ORDER BY kind, account, currency, id DESC) r"
        " JOIN reconciliation_statement s ON s.entity_id = r.entity_id AND s.id = r.statement"
        " ORDER BY r.kind, r.account, r.currency",
        [entity_id, day],
        schema=pl.Schema(
            {
                "kind": pl.String,
                **_ACCOUNT,
                "statement": pl.String,
                "lines": pl.Int64,
                "matched": pl.Int64,
                "breaks": pl.Int64,
            }
        ),
    )


def breaks(entity_id: int, day: date) -> pl.DataFrame:
    """Every line of a day that differs, as its account was last compared.

    Columns kind, account, currency, item, reason, theirs, ours, difference: texts in units or in the account's currency,
    an empty one where that side has nothing.
    """
    units = _written(lines(entity_id, "holdings", day), "holdings")
    return pl.concat([_written(lines(entity_id, "cash", day), "cash"), units])


def _written(every: pl.DataFrame, kind: str) -> pl.DataFrame:
    found = every.filter(pl.col("reason").is_not_null())
    difference = pl.col("theirs_minor").fill_null(0).cast(pl.Int128) - pl.col("ours_minor").fill_null(0).cast(pl.Int128)

    def text(whole: pl.Expr) -> pl.Expr:
        if kind == "cash":
            return money_text(whole, found["currency"]).fill_null("")
        return decimal_text(whole, pl.lit(MICRO, pl.Int64)).fill_null("")

    return found.select(
        pl.lit(kind).alias("kind"),
        "account",
        "currency",
        "item",
        "reason",
        theirs=text(pl.col("theirs_minor")),
        ours=text(pl.col("ours_minor")),
        difference=text(difference),
    )


def lines(entity_id: int, kind: str, day: date) -> pl.DataFrame:
    """The lines of a day as each account was last compared; holdings count in millionths."""
    return read_frame(
        "SELECT r.account, r.currency, r.day, l.statement, l.entry, l.item, l.bank_reference, l.theirs_minor,"  # noqa: S608  # our own text
        f" l.ours_minor, l.reason FROM {_LATEST_RUNS} r"
        " JOIN reconciliation_line l ON l.entity_id = r.entity_id AND l.run = r.id"
        " WHERE r.day = %s ORDER BY r.account, r.currency, l.number",
        [entity_id, kind, day],
        schema=_LINE,
    )


def compared(entity_id: int, kind: str, account: str, currency: str, day: date) -> pl.DataFrame:
    """How an account of a day was last compared: account, currency, day, statement (its name), id, closing_minor."""
    return read_frame(
        "SELECT r.account, r.currency, r.day, s.statement, s.id, s.closing_minor FROM reconciliation_run r"
        " JOIN reconciliation_statement s ON s.entity_id = r.entity_id AND s.id = r.statement"
        " WHERE r.entity_id = %s AND r.kind = %s AND r.account = %s AND r.currency = %s AND r.day = %s"
        " ORDER BY r.id DESC LIMIT 1",
        [entity_id, kind, account, currency, day],
        schema=pl.Schema(
            {**_ACCOUNT, "day": pl.Date, "statement": pl.String, "id": pl.Int64, "closing_minor": pl.Int64}
        ),
    )


def last_statements(entity_id: int, kind: str) -> pl.DataFrame:
    """The last statement of each account, or the one taken over: account, currency, sequence, closing_minor."""
    schema = pl.Schema({**_ACCOUNT, "sequence": pl.Int64, "closing_minor": pl.Int64})
    ours = read_frame(
        "SELECT DISTINCT ON (account, currency) account, currency, sequence, closing_minor FROM reconciliation_statement"
        " WHERE entity_id = %s AND kind = %s ORDER BY account, currency, id DESC",
        [entity_id, kind],
        schema=schema,
    )
    if kind != "cash":
        return ours
    taken_over = _taken_over(entity_id).select(*_ACCOUNT, "sequence", closing_minor="amount_minor")
    return pl.concat([ours, taken_over]).unique([*_ACCOUNT], keep="first", maintain_order=True)


def known_statements(entity_id: int, kind: str) -> pl.DataFrame:
    """Every statement accepted so far, and those taken over: account, currency, statement, day (null when taken over)."""
    ours = read_frame(
        "SELECT account, currency, statement, day FROM reconciliation_statement WHERE entity_id = %s AND kind = %s"
        " ORDER BY id",
        [entity_id, kind],
        schema=pl.Schema({**_ACCOUNT, "statement": pl.String, "day": pl.Date}),
    )
    if kind != "cash":
        return ours
    return pl.concat([ours, _taken_over(entity_id).select(*_ACCOUNT, "statement", day=pl.lit(None, pl.Date))])


def _taken_over(entity_id: int) -> pl.DataFrame:
    content = read_frame(
        "SELECT content FROM spine_event WHERE entity_id = %s AND kind = %s ORDER BY seq",
        [entity_id, OpeningCash.kind()],
        schema=pl.Schema({"content": pl.String}),
    )["content"]
    fields = {**_ACCOUNT, "amount_minor": pl.Int64, "sequence": pl.Int64, "statement": pl.String}
    return content.str.json_decode(pl.Struct(fields)).struct.unnest()


def movements(entity_id: int, days: Sequence[date]) -> pl.DataFrame:
    """What our ledger moved on cash accounts on these days: account, currency, day, reference, amount_minor (+ in).

    The reference is that of the event's subject: instruction/<reference>. What was taken over is a balance, no movement.
    """
    return read_frame(
        "WITH moved AS ("
        "  SELECT debit AS account, event, business_date, amount_minor FROM ledger_transfer"
        "  WHERE entity_id = %s AND business_date = ANY(%s)"
        "  UNION ALL SELECT credit, event, business_date, -amount_minor FROM ledger_transfer"
        "  WHERE entity_id = %s AND business_date = ANY(%s)"
        ") SELECT substr(a.code, 8, length(a.code) - 11), right(a.code, 3), m.business_date,"
        " substr(e.subject, strpos(e.subject, '/') + 1), m.amount_minor"
        " FROM moved m JOIN ledger_account a ON a.entity_id = %s AND a.id = m.account AND a.code LIKE 'nostro/%%'"
        " JOIN spine_event e ON e.entity_id = %s AND e.seq = m.event AND e.kind <> %s"
        " ORDER BY m.event",
        [entity_id, list(days), entity_id, list(days), entity_id, entity_id, OpeningCash.kind()],
        schema=pl.Schema({**_ACCOUNT, "day": pl.Date, "reference": pl.String, "amount_minor": pl.Int64}),
    )


def cash_balances(entity_id: int, day: date) -> pl.DataFrame:
    """Our balance of each cash account at the end of a day: account, currency, day, balance_minor."""
    form = "^nostro/(.+)/([A-Z]{3})$"
    code = pl.col("code").str
    return ledger.balances(entity_id, as_of=day, prefix="nostro/").select(
        "balance_minor", account=code.extract(form, 1), currency=code.extract(form, 2), day=pl.lit(day)
    )


def depot_positions(entity_id: int, day: date) -> pl.DataFrame:
    """What custodians hold for us by our ledger at the end of a day: account, day, item (ISIN), quantity_micro."""
    form = "^depot/(.+)/([^/]+)$"
    scales = reference.instruments().select("scale", asset_id="instrument_id")
    units = pl.col("scale").replace_strict({s: 10 ** (MICRO - s) for s in range(MICRO + 1)}, return_dtype=pl.Int128)
    return (
        ledger.balances(entity_id, as_of=day, prefix="depot/")
        .with_columns(pl.col("asset_id").cast(pl.Int64))
        .join(scales, on="asset_id", how="left", maintain_order="left")
        .select(
            account=pl.col("code").str.extract(form, 1),
            day=pl.lit(day),
            item=pl.col("code").str.extract(form, 2),
            # A position of more than 9 trillion units is beyond millionths, and beyond any statement we could read.
            quantity_micro=(-pl.col("balance_minor") * units).cast(pl.Int64, strict=False),
        )
    )


def differences_before(entity_id: int, day: date) -> pl.DataFrame:
    """theirs - ours over the lines of all days before this one: account, currency, day, earlier_minor (Int128)."""
    per_account = read_frame(
        "SELECT r.account, r.currency, sum(coalesce(l.theirs_minor, 0) - coalesce(l.ours_minor, 0))::text"  # noqa: S608  # our own text
        f" FROM {_LATEST_RUNS} r JOIN reconciliation_line l ON l.entity_id = r.entity_id AND l.run = r.id"
        " WHERE r.day < %s AND l.outcome = 'break' GROUP BY r.account, r.currency ORDER BY r.account, r.currency",
        [entity_id, "cash", day],
        schema=pl.Schema({**_ACCOUNT, "earlier_minor": pl.String}),
    )
    return per_account.with_columns(pl.col("earlier_minor").cast(pl.Int128), day=pl.lit(day))
