"""How clearing speaks. 清算用语"""

from collections.abc import Mapping

from nostro.spine.words import Words

WORDS: Mapping[str, Words] = {
    "obligation_invalid": Words(
        en="A line of the CCP's file names no obligation there can be: %(wrong)s, in %(ccp_bic)s, %(isin)s, %(currency)s.",
        zh="中央对手方文件中的一行不构成有效义务:%(wrong)s(%(ccp_bic)s,%(isin)s,%(currency)s)。",
        cure_en="Ask the CCP for a correct file. Our obligation counts as missing there until one is in.",
        cure_zh="请中央对手方重发正确文件。在此之前,我方义务视为对方未报告。",
        owner="settlement",
        actions=("ask_sender",),
    ),
    "obligation_differs": Words(
        en="The CCP %(ccp_bic)s and we differ on %(isin)s, %(direction)s on %(settle_date)s: we have %(ours_quantity)s"
        " for %(ours_cash)s %(currency)s, the CCP has %(theirs_quantity)s for %(theirs_cash)s %(currency)s.",
        zh="与中央对手方 %(ccp_bic)s 关于 %(isin)s 的义务(%(direction_zh)s,%(settle_date)s)不一致:我方 %(ours_quantity)s、"
        "%(ours_cash)s %(currency)s,对方 %(theirs_quantity)s、%(theirs_cash)s %(currency)s。",
        cure_en="Compare the trades behind our net with the CCP's trade report. Take our figure if theirs is wrong;"
        " compare again once a missing trade is in or the CCP has corrected itself. Until then it is not instructed.",
        cure_zh="将净额背后的成交与中央对手方成交清单逐笔核对。对方有误则以我方为准;补录缺失成交或对方更正后重新核对。"
        "在此之前不发送指令。",
        owner="settlement",
        actions=("retry", "accept_obligation", "chase"),
    ),
    "obligation_missing": Words(
        en="The CCP %(ccp_bic)s reports no obligation for %(isin)s, %(direction)s on %(settle_date)s; we have"
        " %(ours_quantity)s for %(ours_cash)s %(currency)s.",
        zh="中央对手方 %(ccp_bic)s 未报告 %(isin)s(%(direction_zh)s,%(settle_date)s)的义务;我方为 %(ours_quantity)s、"
        "%(ours_cash)s %(currency)s。",
        cure_en="Ask the CCP whether it has novated our trades. Take our figure once it confirms, or compare again when"
        " its corrected file is in. Until then it is not instructed.",
        cure_zh="询问中央对手方是否已对我方成交完成合约更替。对方确认后以我方为准,或收到更正文件后重新核对。"
        "在此之前不发送指令。",
        owner="settlement",
        actions=("chase", "retry", "accept_obligation"),
    ),
    "obligation_unknown": Words(
        en="The CCP %(ccp_bic)s reports %(theirs_quantity)s of %(isin)s for %(theirs_cash)s %(currency)s, %(direction)s"
        " on %(settle_date)s; we have no such obligation.",
        zh="中央对手方 %(ccp_bic)s 报告 %(isin)s 的义务 %(theirs_quantity)s、%(theirs_cash)s %(currency)s"
        "(%(direction_zh)s,%(settle_date)s);我方没有此义务。",
        cure_en="Look for cleared executions that were held back or never came in, release or capture them, and compare"
        " again. If there are none, the CCP must take it back.",
        cure_zh="查找被搁置或未收到的集中清算成交,放行或补录后重新核对。若确无此类成交,须由中央对手方撤回。",
        owner="settlement",
        actions=("chase", "retry"),
    ),
}
