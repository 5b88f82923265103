"""What became of a transfer. Names and numbers are stable for ever. 过账结论"""

from enum import IntEnum

import polars as pl


class Verdict(IntEnum):
    """The answer to one transfer of a batch. With ACCEPTED and EXISTS it stands in the ledger, with all others not."""

    ACCEPTED = 0
    EXISTS = 1  # posted before with the very same content: nothing is written, and it counts as done
    DUPLICATE_DIFFERS = 2  # this id was posted before with other content
    AMOUNT_NOT_POSITIVE = 3
    SAME_ACCOUNT = 4  # debit and credit name one account
    DEBIT_UNKNOWN = 5  # the entity has no such account
    CREDIT_UNKNOWN = 6
    DEBIT_ASSET_DIFFERS = 7  # the account holds another asset than the transfer moves
    CREDIT_ASSET_DIFFERS = 8
    DEBIT_CLOSED = 9  # the account is closed on this business date
    CREDIT_CLOSED = 10
    CLOSED_DAY = 11  # the books of this business date, or of a later one, are closed
    DEBIT_OVERFLOW = 12  # the account's total debits would pass 2^63 - 1 minor units
    CREDIT_OVERFLOW = 13
    CEILING_BREACHED = 14  # the debit would lift the account's balance above its ceiling
    FLOOR_BREACHED = 15  # the credit would press the account's balance below its floor
    LINKED_REFUSED = 16  # fit to post itself, but another transfer of its link group was refused
    DUPLICATE_IN_LINK = 17  # the id comes a second time in one link group
    LINK_POSTED_IN_PART = 18  # other transfers of its link group were posted before without it

    @staticmethod
    def is_accepted(column: str = "verdict") -> pl.Expr:
        """Whether the transfer stands in the ledger, from a column of verdicts."""
        return pl.col(column) <= int(Verdict.EXISTS)

    @staticmethod
    def name_in(column: str = "verdict") -> pl.Expr:
        """Their names in small letters ("floor_breached") from a column of verdicts: the reasons of refusals."""
        return pl.col(column).replace_strict({int(v): v.name.lower() for v in Verdict}, return_dtype=pl.String)
