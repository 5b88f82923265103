"""How settlement speaks. 交收用语"""

from collections.abc import Mapping

from nostro.spine.words import Words

_EN = "%(direction)s %(quantity)s %(isin)s, %(amount)s %(currency)s, with %(counterparty_bic)s for %(settle_date)s"
_ZH = (
    "%(direction_zh)s %(isin)s %(quantity)s,%(amount)s %(currency)s,对手方 %(counterparty_bic)s,交收日 %(settle_date)s"
)


def _instruction(en: str, zh: str, cure_en: str, cure_zh: str, *actions: str) -> Words:
    return Words(f"{en} ({_EN}).", f"{zh}({_ZH})。", cure_en, cure_zh, "settlement", actions)


WORDS: Mapping[str, Words] = {
    "account_missing": Words(
        "%(source)s cannot be instructed: we have no %(kind)s account at %(place_bic)s for %(currency)s.",
        "%(source)s 无法发送指令:我方在 %(place_bic)s 没有 %(currency)s 的账户(%(kind)s)。",
        "Have the account opened and entered under Accounts. It is then instructed with the next run, or at once by retry.",
        "开立账户并录入账户资料。下次运行时自动发送指令,也可立即重试。",
        "data",
        ("retry",),
    ),
    "instruction_unwritable": _instruction(
        "Instruction %(reference)s cannot be written: %(said)s",
        "指令 %(reference)s 无法编制报文:%(said)s",
        "Correct the static data it names. If the figures are too large for one message, cancel it and settle in parts"
        " through the custodian.",
        "更正所指静态数据。若数字超出报文容量,请撤销并通过托管人分笔交收。",
        "cancel_instruction",
    ),
    "instruction_held": _instruction(
        "Instruction %(reference)s was due and has not gone out: somebody holds it",
        "指令 %(reference)s 已到交收日仍未发出:被冻结",
        "Ask the department that placed the hold to lift it, or cancel the instruction.",
        "请冻结部门解除冻结,或撤销指令。",
        "note",
        "cancel_instruction",
    ),
    "status_unknown": Words(
        "%(sender)s reports status %(said)s for %(reference)s, an instruction we never sent.",
        "%(sender)s 回报指令 %(reference)s 的状态 %(said)s,但我方从未发送该指令。",
        "Ask the sender what it instructed for us. If it is not ours, have it corrected there before it settles.",
        "向发送方查询其以我方名义登记的指令。若非我方指令,须在交收前由对方更正。",
        "settlement",
        ("ask_sender",),
    ),
    "status_code_unknown": Words(
        "%(sender)s reports %(axis)s status %(code)s for %(reference)s, which we do not know.",
        "%(sender)s 回报指令 %(reference)s 的 %(axis)s 状态 %(code)s,我方不识别该代码。",
        "Look up the code in the CSD's message guide and follow the instruction there by hand.",
        "查阅存管机构报文指引中的代码含义,并人工跟进该指令。",
        "settlement",
        ("ask_sender", "note"),
    ),
    "status_out_of_order": Words(
        "%(sender)s reports %(said)s for %(reference)s, which is %(processing)s, %(matching)s and"
        " %(settlement)s: that cannot follow.",
        "%(sender)s 回报指令 %(reference)s 的状态 %(said)s,而该指令为 %(processing)s、%(matching)s、"
        "%(settlement)s,状态顺序不符。",
        "Compare with the CSD's own screen. Our record stays as it is; ask the sender for its latest status.",
        "与存管机构系统核对。我方记录保持不变;请发送方提供最新状态。",
        "settlement",
        ("ask_sender",),
    ),
    "unmatched_amount": _instruction(
        "Instruction %(reference)s is unmatched: the amount of the counterparty differs",
        "指令 %(reference)s 未匹配:对手方金额不同",
        "Agree the amount with the counterparty. Who is wrong cancels and instructs anew before the cut-off.",
        "与对手方核对金额。错误一方须在截止时间前撤销并重新发送指令。",
        "chase",
        "cancel_instruction",
    ),
    "unmatched_quantity": _instruction(
        "Instruction %(reference)s is unmatched: the quantity of the counterparty differs",
        "指令 %(reference)s 未匹配:对手方数量不同",
        "Agree the quantity with the counterparty. Who is wrong cancels and instructs anew before the cut-off.",
        "与对手方核对数量。错误一方须在截止时间前撤销并重新发送指令。",
        "chase",
        "cancel_instruction",
    ),
    "unmatched_missing": _instruction(
        "Instruction %(reference)s is unmatched: the counterparty has not instructed",
        "指令 %(reference)s 未匹配:对手方尚未发送指令",
        "Chase the counterparty before the cut-off; check the settlement instructions we hold for it.",
        "在截止时间前催促对手方;并核对其标准结算指令。",
        "chase",
    ),
    "unmatched_other": _instruction(
        "Instruction %(reference)s is unmatched: %(said)s",
        "指令 %(reference)s 未匹配:%(said)s",
        "Compare both instructions field by field with the counterparty. Who is wrong cancels and instructs anew.",
        "与对手方逐项核对双方指令。错误一方撤销并重新发送。",
        "chase",
        "cancel_instruction",
    ),
    "matched_late": _instruction(
        "Instruction %(reference)s matched too late to settle today",
        "指令 %(reference)s 匹配过晚,今日无法交收",
        "It settles on the next day by itself. Note who was late: the penalty is theirs.",
        "次日将自动交收。请记录延误方:违约金由其承担。",
        "note",
    ),
    "lack_of_securities": _instruction(
        "Instruction %(reference)s fails: we lack the securities",
        "指令 %(reference)s 交收失败:我方券不足",
        "Borrow, recall or realign the securities, or agree a partial delivery with the counterparty.",
        "融券、召回或调拨证券,或与对手方商定部分交付。",
        "note",
        "cancel_instruction",
    ),
    "lack_of_cash": _instruction(
        "Instruction %(reference)s fails: we lack the cash",
        "指令 %(reference)s 交收失败:我方资金不足",
        "Fund the cash account of the place before its cut-off.",
        "在截止时间前向该地资金账户补足资金。",
        "note",
    ),
    "counterparty_lacks_securities": _instruction(
        "Instruction %(reference)s fails: the counterparty lacks the securities",
        "指令 %(reference)s 交收失败:对手方券不足",
        "Chase the counterparty; offer a partial settlement; watch the date on which a buy-in begins.",
        "催促对手方;可提议部分交收;关注强制买入起始日。",
        "chase",
    ),
    "counterparty_lacks_cash": _instruction(
        "Instruction %(reference)s fails: the counterparty lacks the cash",
        "指令 %(reference)s 交收失败:对手方资金不足",
        "Chase the counterparty, and tell risk when it happens again.",
        "催促对手方;再次发生时通知风险部门。",
        "chase",
    ),
    "settlement_failing": _instruction(
        "Instruction %(reference)s fails: %(said)s",
        "指令 %(reference)s 交收失败:%(said)s",
        "Look up the reason with the CSD and cure it before the next settlement cycle.",
        "向存管机构核实原因,并在下一交收批次前处理。",
        "ask_sender",
        "cancel_instruction",
    ),
    "settlement_pending": _instruction(
        "Instruction %(reference)s was due, and the CSD has neither settled it nor said why not",
        "指令 %(reference)s 已到期,存管机构既未交收也未说明原因",
        "Ask the CSD for its status; look for a confirmation that did not reach us.",
        "向存管机构查询状态;检查是否有未收到的确认。",
        "ask_sender",
    ),
    "no_answer": _instruction(
        "Instruction %(reference)s was due, and nobody has answered it",
        "指令 %(reference)s 已到期,未收到任何回报",
        "Ask the servicer whether it has the instruction; it may not have reached it.",
        "向托管服务方确认是否收到该指令;可能未送达。",
        "ask_sender",
        "cancel_instruction",
    ),
    "instruction_rejected": _instruction(
        "Instruction %(reference)s was rejected: %(said)s",
        "指令 %(reference)s 被拒绝:%(said)s",
        "Correct what the CSD names, mostly an account or a settlement instruction, and instruct it anew.",
        "更正存管机构指出的问题(多为账户或结算指令),然后重新发送。",
        "resend",
    ),
    "instruction_cancelled": _instruction(
        "Instruction %(reference)s was cancelled by the CSD: %(said)s",
        "指令 %(reference)s 被存管机构撤销:%(said)s",
        "The obligation still stands. Find out who cancelled it, and instruct it anew unless both sides gave it up.",
        "义务仍然存在。查明撤销方;除非双方放弃,否则重新发送指令。",
        "resend",
    ),
    "confirmation_unknown": Words(
        "%(sender)s confirms %(reference)s over %(amount)s as settled, an instruction we never sent.",
        "%(sender)s 确认 %(reference)s(%(amount)s)已交收,但我方从未发送该指令。",
        "Ask the sender at once: securities or cash may have moved on our account without us.",
        "立即向发送方查询:我方账户可能发生未经我方指令的券款变动。",
        "settlement",
        ("ask_sender",),
    ),
    "confirmation_unexpected": Words(
        "%(sender)s confirms %(reference)s over %(amount)s as settled, but it is %(processing)s with us.",
        "%(sender)s 确认 %(reference)s(%(amount)s)已交收,但该指令在我方状态为 %(processing)s。",
        "Ask the sender at once: what was rejected, cancelled or not sent must not settle. Nothing is booked until then.",
        "立即向发送方查询:已拒绝、已撤销或未发送的指令不应交收。查明前不记账。",
        "settlement",
        ("ask_sender",),
    ),
    "confirmation_differs": Words(
        "%(sender)s confirms %(reference)s with another %(fields)s. Ours: %(ours)s. Theirs: %(theirs)s.",
        "%(sender)s 对 %(reference)s 的确认在以下栏位不一致:%(fields)s。我方:%(ours)s;对方:%(theirs)s。",
        "Ask for a corrected confirmation, and compare with the statement. What differs settles nothing in our books.",
        "请对方更正确认,并与对账单核对。不一致的确认不在我方账簿中结算。",
        "settlement",
        ("ask_sender",),
    ),
}
