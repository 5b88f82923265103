"""What trades say when they cannot go on: what happened, what we know, what to do. 交易用语"""

from collections.abc import Mapping
from typing import Final

from nostro.spine.words import Words

_STATIC: Final = ("retry", "cancel_execution", "note")
_SENDER: Final = ("ask_sender", "cancel_execution", "retry", "note")
_ALLOCATION: Final = ("ask_sender", "retry", "cancel_execution", "note")
_CONFIRM: Final = ("chase", "retry", "accept_confirm", "note")
_CANCEL_EN: Final = "Ask the sender; when it was a mistake, cancel the execution with a second person."
_CANCEL_ZH: Final = "请向发送方核实;如系错误,经双人复核撤销该成交。"
_AGAIN_EN: Final = "Ask the sender for a new instruction: the last one counts. Then try again."
_AGAIN_ZH: Final = "请发送方重发分配指令(以最后一次为准),然后重新处理。"

WORDS: Mapping[str, Words] = {
    "execution_duplicate": Words(
        "Execution %(exec_id)s was reported again, word for word; it was counted once.",
        "成交 %(exec_id)s 重复报送,内容一致,只计一次。",
        "Nothing is to be done. If it happens every day, tell the sender.",
        "无需处理;如每日出现,请告知发送方。",
        "operator",
        ("note",),
    ),
    "execution_conflict": Words(
        "Execution %(exec_id)s came before as another trade; this report (%(side)s %(isin)s, %(trade_date)s) was not taken.",
        "成交编号 %(exec_id)s 此前对应另一笔交易;本次报送(%(side)s %(isin)s,%(trade_date)s)未予接收。",
        "Ask the sender which of the two is right. A correct report under a new id is taken at once.",
        "请发送方确认哪一笔正确;以新编号重报即可接收。",
        "operator",
        ("ask_sender", "note", "close"),
    ),
    "isin_invalid": Words(
        "%(isin)s is no ISIN (%(fault)s) in execution %(exec_id)s.",
        "成交 %(exec_id)s 的证券代码 %(isin)s 不是有效 ISIN(%(fault)s)。",
        "Ask the sender for a report with the right ISIN under a new id, and cancel this one with a second person.",
        "请发送方以新编号重报正确的 ISIN,并经双人复核撤销本笔。",
        "settlement",
        _SENDER,
    ),
    "instrument_unknown": Words(
        "We do not know %(isin)s (%(currency)s, traded on %(mic)s) of execution %(exec_id)s.",
        "成交 %(exec_id)s 的证券 %(isin)s(%(currency)s,交易场所 %(mic)s)不在证券主数据中。",
        "Add the instrument with a second person, or load it with the next instruments file; then try again.",
        "经双人复核新增该证券,或待下一份证券文件载入后重新处理。",
        "data",
        ("add_instrument", *_STATIC),
    ),
    "currency_differs": Words(
        "Execution %(exec_id)s is in %(told)s, but %(isin)s trades in %(expected)s.",
        "成交 %(exec_id)s 的币种为 %(told)s,而 %(isin)s 的交易币种为 %(expected)s。",
        _CANCEL_EN,
        _CANCEL_ZH,
        "settlement",
        _SENDER,
    ),
    "quantity_fraction": Words(
        "Execution %(exec_id)s is over %(quantity)s of %(isin)s, which is counted with %(scale)s decimals.",
        "成交 %(exec_id)s 的数量 %(quantity)s 超出 %(isin)s 允许的 %(scale)s 位小数。",
        _CANCEL_EN,
        _CANCEL_ZH,
        "settlement",
        _SENDER,
    ),
    "amount_invalid": Words(
        "%(quantity)s at %(price)s %(currency)s of execution %(exec_id)s comes to no amount we can book.",
        "成交 %(exec_id)s 的数量 %(quantity)s × 价格 %(price)s %(currency)s 无法得出可记账金额。",
        _CANCEL_EN,
        _CANCEL_ZH,
        "settlement",
        _SENDER,
    ),
    "price_unknown": Words(
        "There is no earlier price of %(isin)s in %(currency)s to compare %(price)s of execution %(exec_id)s with.",
        "没有 %(isin)s(%(currency)s)的历史价格可与成交 %(exec_id)s 的价格 %(price)s 比对。",
        "Compare with another source and accept the price with a second person, or load a price and try again.",
        "请与其他来源核对后经双人复核接受该价格,或补录行情后重新处理。",
        "data",
        ("accept_price_outside", *_STATIC),
    ),
    "price_out_of_tolerance": Words(
        "Execution %(exec_id)s was done at %(price)s %(currency)s, %(off_bp)s bp from the last price %(last)s of %(day)s; "
        "%(tolerance_bp)s bp are allowed.",
        "成交 %(exec_id)s 的价格 %(price)s %(currency)s 偏离 %(day)s 最近价 %(last)s 达 %(off_bp)s 基点,"
        "容差为 %(tolerance_bp)s 基点。",
        "Ask the desk whether the price is right; accept it with a second person, or cancel the execution.",
        "请与交易员核实价格;经双人复核接受,或撤销该成交。",
        "settlement",
        ("accept_price_outside", "ask_sender", "cancel_execution", "note"),
    ),
    "counterparty_unknown": Words(
        "We do not know the counterparty %(counterparty)s of execution %(exec_id)s.",
        "成交 %(exec_id)s 的对手方 %(counterparty)s 不在机构主数据中。",
        "Have the party taken on by client onboarding; it is tried again when the parties file has it.",
        "请先完成对手方准入;机构文件载入后自动重新处理。",
        "data",
        _STATIC,
    ),
    "ccp_unknown": Words(
        "%(ccp)s, which is to clear execution %(exec_id)s, is no CCP we know.",
        "成交 %(exec_id)s 的清算机构 %(ccp)s 不是已知的中央对手方。",
        _CANCEL_EN,
        _CANCEL_ZH,
        "data",
        _SENDER,
    ),
    "market_unknown": Words(
        "We have no market %(mic)s on %(trade_date)s, on which execution %(exec_id)s was done.",
        "成交 %(exec_id)s 的交易场所 %(mic)s 在 %(trade_date)s 没有市场参数。",
        "Load the market with the next markets file, or ask the sender for the right one.",
        "请在下一份市场文件中补充该市场,或请发送方更正。",
        "data",
        _STATIC,
    ),
    "trade_on_holiday": Words(
        "%(mic)s was shut on %(trade_date)s, the trade date of execution %(exec_id)s.",
        "成交 %(exec_id)s 的交易日 %(trade_date)s 为 %(mic)s 休市日。",
        "Ask the sender for the true trade date; it comes under a new id, and this one is cancelled.",
        "请发送方确认实际交易日,以新编号重报并撤销本笔。",
        "settlement",
        _SENDER,
    ),
    "calendar_unknown": Words(
        "The calendars of %(mic)s are not published as far as execution %(exec_id)s of %(trade_date)s needs them.",
        "%(mic)s 的日历尚未公布至成交 %(exec_id)s(%(trade_date)s)所需日期。",
        "Install a release with the newer calendars, then try again. We do not guess a settlement date.",
        "请安装包含新日历的版本后重新处理;系统不猜测交收日。",
        "operator",
        _STATIC,
    ),
    "settle_date_differs": Words(
        "Execution %(exec_id)s wants to settle on %(told)s; by the rule of %(mic)s it is %(expected)s.",
        "成交 %(exec_id)s 要求于 %(told)s 交收,按 %(mic)s 规则应为 %(expected)s。",
        _CANCEL_EN,
        _CANCEL_ZH,
        "settlement",
        _SENDER,
    ),
    "ssi_missing": Words(
        "We have no settlement instruction of %(counterparty)s at %(place)s for execution %(exec_id)s.",
        "缺少对手方 %(counterparty)s 在 %(place)s 的标准结算指令,影响成交 %(exec_id)s。",
        "Get it from the counterparty over a known channel and add it with a second person; then try again.",
        "请通过已核实渠道向对手方取得结算指令,经双人复核新增后重新处理。",
        "data",
        ("add_ssi", "chase", *_STATIC),
    ),
    "book_unknown": Words(
        "We have no book %(book)s, for which execution %(exec_id)s was done.",
        "成交 %(exec_id)s 的账簿 %(book)s 不存在。",
        "Load the book with the next books file, or ask the sender for the right one.",
        "请在下一份账簿文件中补充,或请发送方更正。",
        "data",
        _STATIC,
    ),
    "allocation_missing": Words(
        "Nobody has said whose block trade %(exec_id)s (%(book)s) is.",
        "大宗成交 %(exec_id)s(%(book)s)尚未收到分配指令。",
        "Ask the manager for the allocation before the cut-off. Without it the trade is not instructed.",
        "请在截止时间前向管理人索取分配指令;未分配的交易不发送交收指令。",
        "settlement",
        _ALLOCATION,
    ),
    "allocation_sum_differs": Words(
        "The parts of %(exec_id)s add up to %(sum)s, not to %(expected)s.",
        "成交 %(exec_id)s 的分配合计为 %(sum)s,而非 %(expected)s。",
        _AGAIN_EN,
        _AGAIN_ZH,
        "settlement",
        _ALLOCATION,
    ),
    "allocation_differs": Words(
        "The allocation of %(exec_id)s is for %(told)s; the trade is %(expected)s.",
        "成交 %(exec_id)s 的分配指令为 %(told)s,而交易为 %(expected)s。",
        _AGAIN_EN,
        _AGAIN_ZH,
        "settlement",
        _ALLOCATION,
    ),
    "allocation_book_unknown": Words(
        "Parts of %(exec_id)s go to %(books)s: no book of ours, or a block itself.",
        "成交 %(exec_id)s 的部分分配至 %(books)s:账簿不存在,或本身为大宗账簿。",
        "Ask the sender for a new instruction, or load the book; then try again.",
        "请发送方重发分配指令或补充账簿,然后重新处理。",
        "settlement",
        _ALLOCATION,
    ),
    "allocation_fraction": Words(
        "A part of %(exec_id)s is no whole number of units of %(isin)s.",
        "成交 %(exec_id)s 的分配数量不是 %(isin)s 的整数单位。",
        _AGAIN_EN,
        _AGAIN_ZH,
        "settlement",
        _ALLOCATION,
    ),
    "allocation_unknown": Words(
        "Allocation %(alloc_id)s is for execution %(exec_id)s, which we do not have.",
        "分配指令 %(alloc_id)s 对应的成交 %(exec_id)s 未收到。",
        "Ask the sender for the execution. When it comes, this allocation is used.",
        "请发送方补报该成交;收到后自动采用此分配。",
        "settlement",
        ("ask_sender", "note", "close"),
    ),
    "confirm_missing": Words(
        "%(counterparty)s has not confirmed execution %(exec_id)s (order %(order_id)s).",
        "对手方 %(counterparty)s 尚未确认成交 %(exec_id)s(委托 %(order_id)s)。",
        "Chase the counterparty before the cut-off. An unconfirmed trade is not instructed.",
        "请在截止时间前催促对手方;未确认的交易不发送交收指令。",
        "settlement",
        _CONFIRM,
    ),
    "confirm_differs": Words(
        "%(counterparty)s sees execution %(exec_id)s otherwise (ours / theirs): %(differences)s.",
        "对手方 %(counterparty)s 对成交 %(exec_id)s 的确认不一致(我方 / 对方):%(differences)s。",
        "Find out who is right. Theirs: a new confirmation is compared with the next run. Ours: hold it confirmed with a "
        "second person.",
        "请查明孰是:对方更正后重发确认将自动比对;确认我方无误则经双人复核按我方金额确认。",
        "settlement",
        _CONFIRM,
    ),
    "confirm_unknown": Words(
        "%(counterparty_bic)s confirms order %(order_id)s (%(side)s %(isin)s), which we do not have.",
        "对手方 %(counterparty_bic)s 确认了我方没有的委托 %(order_id)s(%(side)s %(isin)s)。",
        "Ask the desk whether a report is missing, else tell the counterparty that we know of no such trade.",
        "请与交易台核实是否漏报成交,否则告知对手方我方无此交易。",
        "settlement",
        ("chase", "ask_sender", "note", "close"),
    ),
    "execution_booked": Words(
        "Execution %(exec_id)s belongs to a book and stands in the ledger: it cannot be cancelled here.",
        "成交 %(exec_id)s 已入账簿并记入总账,不能在此撤销。",
        "Undo it by a trade of the other side.",
        "请以反向交易冲销。",
        "settlement",
        ("note",),
    ),
    "execution_gone": Words(
        "Execution %(exec_id)s is not there, or was cancelled.",
        "成交 %(exec_id)s 不存在或已撤销。",
        "Look it up with nostro trade show.",
        "请用 nostro trade show 查询。",
        "settlement",
        ("note",),
    ),
    "execution_unconfirmable": Words(
        "Execution %(exec_id)s is no trade yet, or is confirmed already.",
        "成交 %(exec_id)s 尚未成为交易,或已确认。",
        "Look it up with nostro trade show.",
        "请用 nostro trade show 查询。",
        "settlement",
        ("note",),
    ),
}
