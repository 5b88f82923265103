"""How reconciliation speaks. 对账用语"""

from collections.abc import Mapping

from nostro.spine.words import Words


def _statement(en: str, zh: str, cure_en: str, cure_zh: str) -> Words:
    return Words(en, zh, cure_en, cure_zh, "reconciliation", ("ask_sender", "close"))


def _break(en: str, zh: str, cure_en: str, cure_zh: str) -> Words:
    return Words(en, zh, cure_en, cure_zh, "reconciliation", ("chase", "rematch", "accept_break"))


WORDS: Mapping[str, Words] = {
    "statement_account_unknown": _statement(
        "Statement %(statement)s is of account %(account)s %(currency)s, which we do not have.",
        "对账单 %(statement)s 的账户 %(account)s %(currency)s 不在我方账户之列。",
        "Add the account when it is ours; otherwise tell the sender that it is not.",
        "若属我方账户请补录;否则请告知发送方。",
    ),
    "statement_duplicate": _statement(
        "Statement %(statement)s of account %(account)s came before; this copy was not used.",
        "账户 %(account)s 的对账单 %(statement)s 此前已收到,本次未使用。",
        "Nothing to do when it is a copy. When it should be a correction, ask for one with an id of its own.",
        "若为重复发送则无需处理;若为更正,请要求对方使用新的编号。",
    ),
    "statement_day_ahead": _statement(
        "Statement %(statement)s of account %(account)s is of %(day)s, which has not come yet.",
        "账户 %(account)s 的对账单 %(statement)s 日期为 %(day)s,尚未到来。",
        "Take it in again on its day under a new name, or ask for the right one.",
        "请在该日以新文件名重新接收,或要求正确的对账单。",
    ),
    "statement_does_not_add_up": _statement(
        "Statement %(statement)s of account %(account)s does not add up: from %(opening)s by %(entries)s is not "
        "%(closing)s %(currency)s.",
        "账户 %(account)s 的对账单 %(statement)s 不平:期初 %(opening)s 加发生额 %(entries)s 不等于期末 %(closing)s %(currency)s。",
        "It was not used. Ask the bank for a correct one; it may bear the same id.",
        "该对账单未使用。请要求银行重发正确的对账单,可沿用原编号。",
    ),
    "statement_out_of_sequence": _statement(
        "Statement %(statement)s of account %(account)s has number %(sequence)s; number %(expected)s was due.",
        "账户 %(account)s 的对账单 %(statement)s 序号为 %(sequence)s,应为 %(expected)s。",
        "Its lines are reconciled all the same. Ask the bank for the statements between, or whether it numbers anew.",
        "其明细已照常对账。请向银行索取缺失的对账单,或确认其是否重新编号。",
    ),
    "statement_opening_differs": Words(
        "Statement %(statement)s of account %(account)s begins with %(opening)s %(currency)s; the last one ended with "
        "%(previous)s.",
        "账户 %(account)s 的对账单 %(statement)s 期初为 %(opening)s %(currency)s,上期期末为 %(previous)s。",
        "Ask the bank what it booked between the two statements.",
        "请向银行查询两份对账单之间的记账。",
        "reconciliation",
        ("ask_sender", "rematch", "accept_break"),
    ),
    "statement_missing": Words(
        "Account %(account)s %(currency)s moved or holds something, and no statement of %(day)s came.",
        "账户 %(account)s %(currency)s 有发生额或余额,但未收到 %(day)s 的对账单。",
        "Ask its servicer for the statement; it is reconciled when it comes.",
        "请向账户服务机构索取;收到后即对账。",
        "reconciliation",
        ("ask_sender", "close"),
    ),
    "cash_missing_at_bank": _break(
        "Our ledger moved %(ours)s %(currency)s on account %(account)s for %(reference)s; the bank shows no entry.",
        "我方账上账户 %(account)s 就 %(reference)s 发生 %(ours)s %(currency)s,银行对账单无此笔。",
        "Ask the bank. When it books a day later, its entry will come as unknown and explain this one.",
        "请查询银行。若银行次日入账,该笔将以未知入账出现并与此相抵。",
    ),
    "cash_amount_differs": _break(
        "For %(reference)s the bank booked %(theirs)s %(currency)s on account %(account)s; our ledger has %(ours)s, a "
        "difference of %(difference)s.",
        "就 %(reference)s,银行在账户 %(account)s 记 %(theirs)s %(currency)s,我方为 %(ours)s,相差 %(difference)s。",
        "Compare with the confirmation of the instruction: whoever differs from it corrects.",
        "请与交收确认核对:与确认不符的一方应更正。",
    ),
    "cash_unknown": _break(
        "The bank booked %(theirs)s %(currency)s on account %(account)s (its reference %(bank_reference)s, ours "
        "%(reference)s); our ledger has no such movement.",
        "银行在账户 %(account)s 记 %(theirs)s %(currency)s(银行编号 %(bank_reference)s,我方编号 %(reference)s),我方无此发生额。",
        "Ask the bank what it is. Money that is not ours is not touched until that is known.",
        "请查询银行款项来源。查明之前不得动用。",
    ),
    "cash_twice": _break(
        "The bank booked %(reference)s once more: %(theirs)s %(currency)s on account %(account)s, its reference "
        "%(bank_reference)s.",
        "银行对 %(reference)s 重复入账:账户 %(account)s %(theirs)s %(currency)s,银行编号 %(bank_reference)s。",
        "Ask the bank to reverse the second entry.",
        "请要求银行冲回重复的一笔。",
    ),
    "cash_balance_differs": _break(
        "The bank's balance of account %(account)s is %(theirs)s %(currency)s; with all known differences ours is "
        "%(ours)s. %(difference)s is unexplained.",
        "账户 %(account)s 银行余额为 %(theirs)s %(currency)s,我方加已知差异为 %(ours)s,%(difference)s 未能解释。",
        "Look for a posting on an earlier day that the bank did not have when that day was reconciled.",
        "请查找早于本日、当日对账时银行尚无的我方记账。",
    ),
    "holding_differs": _break(
        "The custodian holds %(theirs)s of %(isin)s on account %(account)s; our ledger has %(ours)s, a difference of "
        "%(difference)s.",
        "托管人在账户 %(account)s 持有 %(isin)s 共 %(theirs)s,我方为 %(ours)s,相差 %(difference)s。",
        "Look for a settlement one side has and the other has not, then for a corporate action.",
        "请先查找仅一方入账的交收,再查公司行动。",
    ),
}
