"""What reference data say when they cannot be used. 参考数据用语"""

from collections.abc import Mapping

from nostro.spine.words import Words

WORDS: Mapping[str, Words] = {
    "price_missing": Words(
        "No closing price for %(name)s (%(isin)s) on %(day)s; the last is %(last)s of %(last_day)s.",
        "%(name)s(%(isin)s)在 %(day)s 没有收盘价,最近一笔为 %(last_day)s 的 %(last)s。",
        "Ask the vendor for it, or set a price with a second person. Until then the position is not valued.",
        "请向行情商索取,或经双人复核录入价格;在此之前该持仓不估值。",
        "data",
        ("set_price", "ask_sender", "note", "close"),
    ),
    "price_stale": Words(
        "The vendor's price for %(name)s (%(isin)s) is of %(price_day)s, not of %(day)s: it was not used.",
        "行情商提供的 %(name)s(%(isin)s)价格日期为 %(price_day)s,而非 %(day)s,未予采用。",
        "Ask the vendor for the close of the day, or set a price with a second person.",
        "请向行情商索取当日收盘价,或经双人复核录入价格。",
        "data",
        ("set_price", "ask_sender", "note", "close"),
    ),
    "price_wild": Words(
        "%(name)s (%(isin)s) closed at %(price)s %(currency)s, more than %(percent)s %% from %(last)s of %(last_day)s: "
        "it was not used.",
        "%(name)s(%(isin)s)收盘价 %(price)s %(currency)s,与 %(last_day)s 的 %(last)s 相差超过 %(percent)s%%,未予采用。",
        "Compare with a second source. Accept it, or set another price; both take a second person.",
        "请与第二来源核对;接受该价格或录入其他价格均须双人复核。",
        "data",
        ("accept_price", "set_price", "ask_sender", "note", "close"),
    ),
    "value_invalid": Words(
        "%(field)s says %(value)s: %(rule)s.",
        "%(field)s 的值 %(value)s 无效:%(rule)s。",
        "Give a value that fulfils the rule.",
        "请按规则重新填写。",
        "data",
        ("note",),
    ),
}
