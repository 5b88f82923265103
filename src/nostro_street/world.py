"""Who and what there is in the simulated world: markets, firms, counterparties, instruments, accounts. 世界设定"""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zlib import crc32

import numpy as np
import polars as pl

from nostro_street.codes import make_bic, make_isin, make_lei

VALID_FROM: Final = date(2026, 1, 1)
CASH_SCALE: Final = 2  # decimals of each of the five currencies
SENDER_REFERENCE: Final = "FCREF"
SENDER_PRICES: Final = "FCPRICE"
SENDER_CONFIRMS: Final = "FCAFFIRM"


@dataclass(frozen=True, slots=True)
class Market:
    """A market, and who clears, keeps and pays in it. Prices move in ticks, quantities in lots of shares."""

    mic: str
    country: str
    name: str
    name_zh: str
    currency: str
    town: str  # country and place of its BICs
    dialect: str
    cycle_days: int
    bank_calendar: str
    timezone: str
    cutoff: str
    fee_bp_micro: int
    tax_buy_bp_micro: int
    tax_sell_bp_micro: int
    lot: int
    tick_micro: int
    close_median: float
    minutes_utc: tuple[int, int]  # trading hours, minutes after midnight UTC
    share: float  # of all instruments

    @property
    def place_bic(self) -> str:
        """The CSD (PSET)."""
        return make_bic("D" + self.country[0], self.town)

    @property
    def ccp_bic(self) -> str:
        """The CCP."""
        return make_bic("P" + self.country[0], self.town)

    @property
    def servicer_bic(self) -> str:
        """The custodian that keeps our firms' securities and cash there, and through which they instruct."""
        return make_bic("K" + self.country[0], self.town)

    @property
    def agents(self) -> tuple[str, str]:
        """The two custodians that instruct for the counterparties."""
        return make_bic("X" + self.country[0], self.town), make_bic("Y" + self.country[0], self.town)


MARKETS: Final = (
    Market(
        mic="XNYS",
        country="US",
        name="United States equities",
        name_zh="美国股票",
        currency="USD",
        town="US33",
        dialect="mt",
        cycle_days=1,
        bank_calendar="US",
        timezone="America/New_York",
        cutoff="15:20",
        fee_bp_micro=500_000,
        tax_buy_bp_micro=0,
        tax_sell_bp_micro=0,
        lot=10,
        tick_micro=10_000,
        close_median=90.0,
        minutes_utc=(810, 1200),
        share=0.30,
    ),
    Market(
        mic="XETR",
        country="DE",
        name="Germany equities",
        name_zh="德国股票",
        currency="EUR",
        town="DEFF",
        dialect="iso",
        cycle_days=2,
        bank_calendar="TARGET",
        timezone="Europe/Berlin",
        cutoff="16:00",
        fee_bp_micro=800_000,
        tax_buy_bp_micro=0,
        tax_sell_bp_micro=0,
        lot=5,
        tick_micro=5_000,
        close_median=60.0,
        minutes_utc=(420, 930),
        share=0.26,
    ),
    Market(
        mic="XLON",
        country="GB",
        name="United Kingdom equities",
        name_zh="英国股票",
        currency="GBP",
        town="GB2L",
        dialect="iso",
        cycle_days=2,
        bank_calendar="GB",
        timezone="Europe/London",
        cutoff="14:55",
        fee_bp_micro=1_000_000,
        tax_buy_bp_micro=50_000_000,
        tax_sell_bp_micro=0,
        lot=50,
        tick_micro=500,
        close_median=14.0,
        minutes_utc=(420, 930),
        share=0.20,
    ),
    Market(
        mic="XHKG",
        country="HK",
        name="Hong Kong equities",
        name_zh="香港股票",
        currency="HKD",
        town="HKHH",
        dialect="mt",
        cycle_days=2,
        bank_calendar="HK",
        timezone="Asia/Hong_Kong",
        cutoff="15:45",
        fee_bp_micro=2_000_000,
        tax_buy_bp_micro=10_000_000,
        tax_sell_bp_micro=10_000_000,
        lot=100,
        tick_micro=10_000,
        close_median=40.0,
        minutes_utc=(90, 480),
        share=0.12,
    ),
    Market(
        mic="XSHG",
        country="CN",
        name="Mainland China A shares",
        name_zh="中国内地 A 股",
        currency="CNY",
        town="CNSH",
        dialect="mt",
        cycle_days=1,
        bank_calendar="CN",
        timezone="Asia/Shanghai",
        cutoff="16:00",
        fee_bp_micro=1_500_000,
        tax_buy_bp_micro=0,
        tax_sell_bp_micro=5_000_000,
        lot=100,
        tick_micro=10_000,
        close_median=25.0,
        minutes_utc=(90, 420),
        share=0.12,
    ),
)
BY_MIC: Final = {market.mic: market for market in MARKETS}


@dataclass(frozen=True, slots=True)
class Firm:
    """A legal entity that runs Nostro. Shares and chances are of its executions."""

    code: str
    name: str
    name_zh: str
    kind: str
    currency: str
    bic: str
    share: float
    markets: dict[str, float]
    books: tuple[tuple[str, str, str, float], ...]  # code, name, name_zh, share
    block: tuple[str, str, str] | None  # the block book, whose executions are allocated to the books
    cleared: float  # chance in a market other than XSHG, where all is cleared
    buys: float  # chance that an execution is a buy
    size: float  # of its orders, beside the broker's

    @property
    def oms(self) -> str:
        """Who sends its executions and allocations: its order management system."""
        return f"{self.code}OMS"

    def securities_account(self, market: Market) -> str:
        """Its account for securities in that market."""
        return f"{self.code}-{market.country}-SEC01"

    def cash_account(self, market: Market) -> str:
        """Its account for the currency of that market."""
        return f"{self.code}-{market.currency}-CASH1"


FIRMS: Final = (
    Firm(
        code="EUB",
        name="Fictitious European Broker",
        name_zh="虚构欧洲券商",
        kind="broker",
        currency="EUR",
        bic=make_bic("EB", "DEFF"),
        share=0.80,
        markets={"XNYS": 0.35, "XETR": 0.30, "XLON": 0.20, "XHKG": 0.10, "XSHG": 0.05},
        books=(("FLOW", "Client flow", "客户业务", 0.7), ("PROP", "Own account", "自营", 0.3)),
        block=None,
        cleared=0.845,
        buys=0.50,
        size=1.0,
    ),
    Firm(
        code="FMC",
        name="Fictitious Fund Management",
        name_zh="虚构基金管理",
        kind="manager",
        currency="EUR",
        bic=make_bic("FM", "DEFF"),
        share=0.12,
        markets={"XETR": 0.50, "XLON": 0.25, "XNYS": 0.25},
        books=(
            ("FUNDA", "Fictitious Growth Fund", "虚构成长基金", 0.55),
            ("FUNDB", "Fictitious Income Fund", "虚构收益基金", 0.45),
        ),
        block=("BLOCK", "Block trades awaiting allocation", "待分配大宗交易"),
        cleared=0.0,
        buys=0.62,
        size=4.0,
    ),
    Firm(
        code="CNI",
        name="Fictitious China Insurance",
        name_zh="虚构中国保险",
        kind="insurer",
        currency="CNY",
        bic=make_bic("CI", "CNSH"),
        share=0.08,
        markets={"XSHG": 0.75, "XHKG": 0.25},
        books=(("LIFE", "Life insurance", "寿险账户", 0.6), ("PROPERTY", "Property insurance", "财险账户", 0.4)),
        block=None,
        cleared=0.0,
        buys=0.56,
        size=3.0,
    ),
)
BY_CODE: Final = {firm.code: firm for firm in FIRMS}

COUNTERPARTIES: Final = tuple(
    (make_bic(f"A{chr(65 + n)}", town), f"Fictitious Brokers {n + 1:02d}", f"虚构经纪{n + 1:02d}")
    for n, town in enumerate(
        ["DEFF", "FRPP", "GB2L", "US33", "NL2A", "CHZZ", "ITMM", "ESMM", "IE2D", "HKHH", "SGSG", "LULL"]
    )
)
"""They settle in every market, by one of its two agents."""
WITHOUT_SSI: Final = (make_bic("NS", "ATWW"), "Fictitious Brokers without Instructions", "虚构未备结算指令经纪")
"""Known to everybody, but it never told where it settles."""
UNKNOWN_BIC: Final = make_bic("UN", "BEBB")
"""In nobody's list of parties."""
VENDOR_FX: Final = (
    ("EUR", "USD", 1.1),
    ("EUR", "GBP", 0.86),
    ("EUR", "HKD", 8.6),
    ("EUR", "CNY", 7.8),
    ("HKD", "CNY", 0.907),
)
"""Base, quote, and the level around which the rate moves."""
_SECTORS: Final = (
    ("Motors", "汽车"),
    ("Foods", "食品"),
    ("Energy", "能源"),
    ("Software", "软件"),
    ("Chemicals", "化工"),
    ("Railways", "铁路"),
    ("Medicines", "医药"),
    ("Textiles", "纺织"),
    ("Telecoms", "电信"),
    ("Shipping", "航运"),
)


def chance(seed: int, day: date, purpose: str) -> np.random.Generator:
    """The random numbers of one purpose on one day: drawing more of one changes none of another."""
    return np.random.default_rng([seed, day.toordinal(), crc32(purpose.encode())])


def instrument_count(trades: int) -> int:
    """How many instruments are traded: 40 for a thousand trades, 100 for ten thousand, 634 for a million."""
    return min(1500, max(40, round(40 * (trades / 1000) ** 0.4)))


def instruments(seed: int, day: date, trades: int) -> pl.DataFrame:
    """Every instrument with `close_micro`, its last close, and `weight`, its share of its market's trades (Zipf)."""
    rng = chance(seed, day, "instruments")
    frames = []
    number = 0
    for market in MARKETS:
        count = max(4, round(instrument_count(trades) * market.share))
        closes = np.clip(market.close_median * rng.lognormal(0.0, 0.6, count), 5.0, 900.0)
        ticks = np.rint(closes * 1_000_000 / market.tick_micro).astype(np.int64)
        weights = 1.0 / np.arange(1, count + 1)
        names = [_SECTORS[(number + i) % len(_SECTORS)] for i in range(count)]
        frames.append(
            pl.DataFrame(
                {
                    "isin": [make_isin(market.country, number + i + 1) for i in range(count)],
                    "name": [f"Fictitious {name} {number + i + 1:02d}" for i, (name, _) in enumerate(names)],
                    "name_zh": [f"虚构{name}{number + i + 1:02d}" for i, (_, name) in enumerate(names)],
                    "cfi": ["ESVUFR"] * count,
                    "currency": [market.currency] * count,
                    "mic": [market.mic] * count,
                    "scale": [0] * count,
                    "close_micro": ticks * market.tick_micro,
                    "weight": weights / weights.sum(),
                }
            )
        )
        number += count
    return pl.concat(frames)


def fx_rates(seed: int, day: date, drift: int) -> pl.DataFrame:
    """The vendor's rates: base, quote, rate_e8. `drift` 0 is the last close, 1 that of the day."""
    rng = chance(seed, day, "fx")
    moves = np.cumsum(rng.normal(0.0, 0.003, (2, len(VENDOR_FX))), axis=0)[drift]
    rates = [round(level * (1 + move) * 10_000) * 10_000 for (_, _, level), move in zip(VENDOR_FX, moves, strict=True)]
    return pl.DataFrame({"base": [b for b, _, _ in VENDOR_FX], "quote": [q for _, q, _ in VENDOR_FX], "rate_e8": rates})


def entities() -> pl.DataFrame:
    """The firms, as in entities.csv."""
    return pl.DataFrame(
        [(f.code, f.name, f.name_zh, f.kind, f.currency, make_lei(f.code), f.bic) for f in FIRMS],
        schema=["code", "name", "name_zh", "kind", "currency", "lei", "bic"],
        orient="row",
    )


def markets() -> pl.DataFrame:
    """The markets, as in markets.csv. A trade more than 5 % from the last close is looked at."""
    return pl.DataFrame(
        [
            {
                "mic": m.mic,
                "valid_from": VALID_FROM,
                "name": m.name,
                "name_zh": m.name_zh,
                "currency": m.currency,
                "place_bic": m.place_bic,
                "ccp_bic": m.ccp_bic,
                "dialect": m.dialect,
                "cycle_days": m.cycle_days,
                "exchange_calendar": m.mic,
                "bank_calendar": m.bank_calendar,
                "timezone": m.timezone,
                "cutoff": m.cutoff,
                "price_tolerance_bp": 500,
                "fee_bp_micro": m.fee_bp_micro,
                "tax_buy_bp_micro": m.tax_buy_bp_micro,
                "tax_sell_bp_micro": m.tax_sell_bp_micro,
            }
            for m in MARKETS
        ]
    )


def parties() -> pl.DataFrame:
    """Everybody whom the firms know, as in parties.csv."""
    rows = [(f.bic, f.name, f.name_zh, "firm") for f in FIRMS]
    rows += [(bic, name, name_zh, "counterparty") for bic, name, name_zh in (*COUNTERPARTIES, WITHOUT_SSI)]
    for m in MARKETS:
        rows.append((m.place_bic, f"Fictitious Depository {m.country}", f"虚构中央存管{m.country}", "csd"))
        rows.append((m.ccp_bic, f"Fictitious Clearing {m.country}", f"虚构中央对手{m.country}", "ccp"))
        rows.append((m.servicer_bic, f"Fictitious Custody {m.country}", f"虚构托管{m.country}", "custodian"))
        for n, agent in enumerate(m.agents, start=1):
            rows.append((agent, f"Fictitious Agent {m.country} {n}", f"虚构代理{m.country}{n}", "custodian"))
    return pl.DataFrame(
        [(bic, make_lei(bic[:8]), name, name_zh, kind) for bic, name, name_zh, kind in rows],
        schema=["bic", "lei", "name", "name_zh", "kind"],
        orient="row",
    )


def books(firm: Firm) -> pl.DataFrame:
    """A firm's books, as in books.csv."""
    rows = [(code, name, name_zh, "no") for code, name, name_zh, _ in firm.books]
    if firm.block:
        rows.append((*firm.block, "yes"))
    return pl.DataFrame(rows, schema=["code", "name", "name_zh", "is_block"], orient="row")


def accounts(firm: Firm) -> pl.DataFrame:
    """A firm's accounts, as in accounts.csv: securities and cash with the same custodian in each market."""
    rows: list[tuple[str, str | None, str, str, str]] = []
    for market in (BY_MIC[mic] for mic in firm.markets):
        rows.append((firm.securities_account(market), None, "securities", market.servicer_bic, market.place_bic))
        rows.append((firm.cash_account(market), market.currency, "cash", market.servicer_bic, market.place_bic))
    return pl.DataFrame(
        rows,
        schema={
            "number": pl.String,
            "currency": pl.String,
            "kind": pl.String,
            "servicer_bic": pl.String,
            "place_bic": pl.String,
        },
        orient="row",
    )


def ssis(firm: Firm) -> pl.DataFrame:
    """Where each counterparty settles with a firm, as in ssis.csv."""
    rows = [
        (bic, market.place_bic, VALID_FROM, market.agents[(n + i) % 2], f"{bic[:4]}-{market.country}-9{n:03d}")
        for i, market in enumerate(BY_MIC[mic] for mic in firm.markets)
        for n, (bic, _, _) in enumerate(COUNTERPARTIES)
    ]
    return pl.DataFrame(rows, schema=["party_bic", "place_bic", "valid_from", "agent_bic", "account"], orient="row")
