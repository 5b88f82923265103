"""What a CSD does with instructions: checks them, matches them, settles what is due. 中央存管机构

Delivery versus payment, instruction by instruction, in whole: no partial settlement, no tolerance of amounts.
"""

from itertools import count
from typing import Final

import polars as pl

from nostro.kernel.money import MICRO

SIDE: Final = ("entity", "place_bic", "agent_bic", "isin", "direction", "currency")
"""What must agree whatever the two sides think of quantity, amount and date."""
TERMS: Final = {"amount_minor": "DMON", "units": "DQUA", "settle_date": "DDAT"}
"""Term -> the reason when it alone differs (ISO 20022 UnmatchedReason11Code)."""
MISSING: Final = "CMIS"


def check(ours: pl.DataFrame, accounts: pl.DataFrame, isins: pl.Series) -> pl.DataFrame:
    """The instructions with `rejection`, the ISO reason of the first rule they break, or null.

    ours      INSTRUCTION and `entity`, `servicer_bic`
    accounts  number, owner_bic, servicer_bic, place_bic, currency: what the custodians keep
    Reasons: REFE a reference used before, SAFE an account that is not the instructing party's, DEPT another place than
    the account's, DSEC an unknown security, DQUA a quantity that is not whole units above 0, DMON another currency than
    the place's, DDAT a settlement date before the trade date.
    """
    known = accounts.select(
        account="number",
        is_known=pl.lit(True),
        owner="owner_bic",
        keeper="servicer_bic",
        place="place_bic",
        money="currency",
    )
    rules = {
        "REFE": ~pl.struct("entity", "reference").is_first_distinct(),
        "SAFE": pl.col("is_known").is_null()
        | (pl.col("owner") != pl.col("party_bic"))
        | (pl.col("keeper") != pl.col("servicer_bic")),
        "DEPT": pl.col("place") != pl.col("place_bic"),
        "DSEC": ~pl.col("isin").is_in(isins.implode()),
        "DQUA": (pl.col("quantity_micro") <= 0) | (pl.col("quantity_micro") % 10**MICRO != 0),
        "DMON": pl.col("money") != pl.col("currency"),
        "DDAT": pl.col("settle_date") < pl.col("trade_date"),
    }
    rejection = pl.lit(None, pl.String)
    for reason, broken in reversed(rules.items()):
        rejection = pl.when(broken.fill_null(False)).then(pl.lit(reason)).otherwise(rejection)
    return ours.join(known, on="account", how="left", maintain_order="left").select(*ours.columns, rejection=rejection)


def match(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """A row for each of ours that is compared: `our_row`, `their_row` (null when nobody instructed), `unmatched` reason.

    ours    our_row, SIDE and TERMS
    theirs  their_row, SIDE and TERMS
    All terms equal is a match (`unmatched` null). Of what is left, one that differs in a single term is paired with its
    like and named for it. Among equals, the first goes with the first.
    """
    found: list[pl.DataFrame] = []
    for differs in (None, *TERMS):
        key = [*SIDE, *(term for term in TERMS if term != differs)]
        reason = pl.lit(TERMS[differs] if differs else None, pl.String)
        paired = _ranked(ours, key).join(_ranked(theirs, key), on=[*key, "rank"], how="inner")
        pairs = paired.select("our_row", "their_row", unmatched=reason)
        found.append(pairs)
        ours = ours.join(pairs, on="our_row", how="anti", maintain_order="left")
        theirs = theirs.join(pairs, on="their_row", how="anti", maintain_order="left")
    alone = ours.select("our_row", their_row=pl.lit(None, pl.Int64), unmatched=pl.lit(MISSING))
    return pl.concat([*found, alone]).sort("our_row")


def _ranked(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return frame.with_columns(rank=pl.int_range(pl.len()).over(key))


def settle(due: pl.DataFrame, positions: pl.DataFrame, cash: pl.DataFrame) -> pl.DataFrame:
    """`our_row`, `failing` and `turn`: failing is null where it settles, LACK where we lack securities, MONY where cash.

    turn       in which round it settled: in this order, and no other, every account always had what it gave

    due        our_row, account, cash_account, isin, direction, units, amount_minor: matched, and good on their side
    positions  account, isin, units at the start; cash: account, amount_minor
    Small before large, until nothing more settles: deliveries from what is in the account, receipts for what is paid
    out of it. What settled feeds the next round.
    """
    open_ones = due.with_columns(turn=pl.lit(None, pl.Int64))
    stock = positions.select("account", "isin", have=pl.col("units"))
    money = cash.select(cash_account="account", have=pl.col("amount_minor"))
    for turn in count(0, 2):
        before = open_ones["turn"].count()
        open_ones = _round(open_ones, turn, "deliver", ["account", "isin"], "units", stock)
        open_ones = _round(open_ones, turn + 1, "receive", ["cash_account"], "amount_minor", money)
        if open_ones["turn"].count() == before:
            break
    lacks = pl.when(pl.col("direction") == "deliver").then(pl.lit("LACK")).otherwise(pl.lit("MONY"))
    return open_ones.select("our_row", "turn", failing=pl.when(pl.col("turn").is_null()).then(lacks)).sort("our_row")


def _round(
    due: pl.DataFrame, turn: int, direction: str, holder: list[str], term: str, opening: pl.DataFrame
) -> pl.DataFrame:
    """The instructions of one direction that can settle now: each holder's smallest first, as far as it has enough."""
    gives = pl.col("direction") == direction
    moved = (
        due.lazy()
        .filter(pl.col("turn").is_not_null())
        .group_by(holder)
        .agg(moved=pl.when(gives).then(-pl.col(term)).otherwise(pl.col(term)).cast(pl.Int128).sum())
    )
    can = (
        due.lazy()
        .filter(gives & pl.col("turn").is_null())
        .sort(term, "our_row")
        .select(*holder, "our_row", needed=pl.col(term).cast(pl.Int128).cum_sum().over(holder))
        .join(opening.lazy(), on=holder, how="left")
        .join(moved, on=holder, how="left")
        .filter(pl.col("needed") <= pl.col("have").fill_null(0) + pl.col("moved").fill_null(0))
        .select("our_row", now=pl.lit(True))
    )
    return (
        due.lazy()
        .join(can, on="our_row", how="left", maintain_order="left")
        .with_columns(turn=pl.when("now").then(pl.lit(turn)).otherwise("turn"))
        .drop("now")
        .collect()
    )
