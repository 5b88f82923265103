"""How accounting speaks. 会计用语"""

from collections.abc import Mapping

from nostro.spine.words import Words

_RULE_EN = "Correct the rule file at this line; nothing is posted until all rules can be read."
_RULE_ZH = "请修改该行记账规则;全部规则可读之前不会记账。"
_OPENING_EN = (
    "Load what is missing or have the line corrected, and take the file in again under a new name; lines that are "
    "opened already are not opened twice."
)
_OPENING_ZH = "请补录缺失资料或更正该行,并以新文件名重新接收;已开账的行不会重复开账。"


def _rule(en: str, zh: str) -> Words:
    return Words(en, zh, _RULE_EN, _RULE_ZH, "accounting", ("note", "close"))


def _opening(en: str, zh: str) -> Words:
    return Words(en, zh, _OPENING_EN, _OPENING_ZH, "accounting", ("ask_sender", "close"))


def _books(en: str, zh: str) -> Words:
    return Words(
        en,
        zh,
        "The day stays open. A transfer or balance was changed outside the posting function: run `nostro audit verify`.",
        "营业日未关账。有分录或余额在过账函数之外被改动:请运行 `nostro audit verify`。",
        "accounting",
        ("note",),
    )


def _posting(en: str, zh: str, cure_en: str, cure_zh: str) -> Words:
    return Words(en, zh, cure_en, cure_zh, "accounting", ("post_again", "close"))


WORDS: Mapping[str, Words] = {
    "posting_refused": _posting(
        "Event %(event)s (%(kind)s of %(about)s) is not posted: %(amount)s of %(asset)s from %(credit)s to %(debit)s "
        "was refused, %(verdict)s.",
        "事件 %(event)s(%(about)s 的 %(kind)s)未记账:借 %(debit)s、贷 %(credit)s 的 %(asset)s 数额 %(amount)s "
        "被拒,%(verdict)s。",
        "See why the account refuses it. When a depot would fall below zero, an opening position or a receipt is "
        "missing: bring that in first, then post this event again.",
        "请查明账户拒绝的原因。若托管持仓将为负,说明缺少期初持仓或收券:先补入,再重新记账。",
    ),
    "posting_rule_missing": _posting(
        "Event %(event)s (%(kind)s of %(about)s) is not posted: no clause of its posting rule speaks of it.",
        "事件 %(event)s(%(about)s 的 %(kind)s)未记账:记账规则没有适用的条款。",
        "Add a clause to the posting rule of this fact, then post the event again.",
        "请在该事件的记账规则中增加条款,然后重新记账。",
    ),
    "posting_amount_negative": _posting(
        "Event %(event)s (%(kind)s of %(about)s) is not posted: its rule gives %(amount)s, a negative amount, from "
        "%(credit)s to %(debit)s.",
        "事件 %(event)s(%(about)s 的 %(kind)s)未记账:规则得出负数 %(amount)s(贷 %(credit)s、借 %(debit)s)。",
        "Split the clause by the sign of the amount, then post the event again.",
        "请按金额正负拆分条款,然后重新记账。",
    ),
    "opening_unknown": _opening(
        "Line %(line)s of the openings names what we do not have: %(unknown)s.",
        "期初文件第 %(line)s 行含未知项:%(unknown)s。",
    ),
    "opening_invalid": _opening(
        "Line %(line)s of the openings is not right: %(rule)s.", "期初文件第 %(line)s 行有误:%(rule)s。"
    ),
    "opening_repeated": Words(
        "Line %(line)s of the openings is in the books already.",
        "期初文件第 %(line)s 行此前已开账。",
        "Nothing to do when it is a copy. A different figure is a correction: post it as one, not as an opening.",
        "若为重复文件则无需处理;若数额不同,请以更正分录处理,不得再次开账。",
        "accounting",
        ("close", "ask_sender"),
    ),
    "value_too_large": Words(
        "%(quantity)s at %(price)s millionths of %(currency)s is more than the books can hold.",
        "数量 %(quantity)s、价格 %(price)s(百万分之一 %(currency)s)的市值超出账簿范围。",
        "Check quantity and price; one of them is wrong by orders of magnitude.",
        "请核对数量与价格,其中之一存在数量级错误。",
        "accounting",
        ("note", "close"),
    ),
    "trial_balance_differs": _books(
        "Debits (%(debits_minor)s) and credits (%(credits_minor)s) differ.",
        "借方(%(debits_minor)s)与贷方(%(credits_minor)s)不等。",
    ),
    "balance_differs": _books(
        "The balance of the account (debits / credits %(stored)s) is not what its transfers add up to (%(replayed)s).",
        "账户余额(借/贷 %(stored)s)与其分录合计(%(replayed)s)不符。",
    ),
    "day_closed_already": Words(
        "The books are closed through %(closed_through)s.",
        "账簿已关至 %(closed_through)s。",
        "Nothing to do: what happens now is posted on the next day.",
        "无需处理:此后发生的业务记入下一营业日。",
        "accounting",
        ("note",),
    ),
    "rule_unreadable": _rule(
        'Posting rule %(file)s line %(line)s cannot be read: "%(text)s"; expected %(expected)s.',
        "记账规则 %(file)s 第 %(line)s 行无法读取:“%(text)s”;应为 %(expected)s。",
    ),
    "rule_empty": _rule(
        "Posting rule %(file)s line %(line)s says nothing: give its entries, or write `nothing`.",
        "记账规则 %(file)s 第 %(line)s 行没有内容:请写明分录,或写 `nothing`。",
    ),
    "rule_fact_unknown": _rule(
        "Posting rule %(file)s line %(line)s speaks of %(fact)s, which is no fact of the house.",
        "记账规则 %(file)s 第 %(line)s 行的事件 %(fact)s 不存在。",
    ),
    "rule_field_unknown": _rule(
        "Posting rule %(file)s line %(line)s names %(field)s, which %(fact)s does not have.",
        "记账规则 %(file)s 第 %(line)s 行的字段 %(field)s 不属于 %(fact)s。",
    ),
    "rule_condition_invalid": _rule(
        'Posting rule %(file)s line %(line)s: "%(text)s" cannot be asked of %(field)s.',
        "记账规则 %(file)s 第 %(line)s 行:不能对 %(field)s 使用条件“%(text)s”。",
    ),
    "rule_account_invalid": _rule(
        "Posting rule %(file)s line %(line)s: account %(account)s, %(rule)s.",
        "记账规则 %(file)s 第 %(line)s 行:账户 %(account)s,%(rule)s。",
    ),
    "rule_asset_mixed": _rule(
        "Posting rule %(file)s line %(line)s: %(account)s counts by %(holds)s, the entry by %(asset)s.",
        "记账规则 %(file)s 第 %(line)s 行:%(account)s 按 %(holds)s 计量,分录却按 %(asset)s。",
    ),
    "rule_amount_invalid": _rule(
        "Posting rule %(file)s line %(line)s: %(amount)s cannot be an amount: %(rule)s.",
        "记账规则 %(file)s 第 %(line)s 行:%(amount)s 不能作为金额:%(rule)s。",
    ),
    "rule_overlaps": _rule(
        "Posting rule %(file)s line %(line)s and %(other)s could both post one %(fact)s.",
        "记账规则 %(file)s 第 %(line)s 行与 %(other)s 可能重复处理同一 %(fact)s。",
    ),
}
"""What accounting opens as exceptions, and why its rules or a close are refused at the door."""
