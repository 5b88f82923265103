"""Money and quantities: whole minor units inside, `Decimal` at the edge, never a float. 金额以最小单位整数表示"""

from decimal import Decimal, InvalidOperation

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

# Decimals of a currency where it is not two. Source: ISO 4217, list one.
_DECIMALS_OTHER_THAN_TWO = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    "CLF": 4,
}
MICRO = 6
"""Prices and quantities in messages are whole millionths: six decimals, one scale for every instrument."""


def currency_scale(currency: str) -> int:
    """Decimals of an ISO 4217 currency: EUR 2, JPY 0, KWD 3. Refuses what is not three capital letters."""
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code: three capital letters, such as EUR")
    return _DECIMALS_OTHER_THAN_TWO.get(currency, 2)


def to_minor(amount: Decimal | str, scale: int) -> int:
    """Whole minor units of an exact amount: to_minor("1.50", 2) is 150.

    Refuses a float, what is not a finite number, more decimals than the asset has, and what does not fit 64 bits.
    """
    if isinstance(amount, float):  # type: ignore[unreachable]  # callers without types are told so
        raise TypeError("money is never a float: pass a Decimal or its text")
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not a number") from None
    if not exact.is_finite():
        raise ValueError(f"{amount!r} is not a finite amount")
    if exact and not -40 < exact.adjusted() < 40:
        raise OverflowError(f"{amount} does not fit 64 bits at {scale} decimals")
    digits, exponent = exact.as_tuple().digits, int(exact.as_tuple().exponent)
    minor = int("".join(map(str, digits))) * (-1 if exact.is_signed() else 1)
    shift = exponent + scale
    if shift >= 0:
        minor *= 10**shift
    elif minor % 10**-shift:
        raise ValueError(f"{amount} has more than {scale} decimals")
    else:
        minor = minor // 10**-shift if minor >= 0 else -(-minor // 10**-shift)
    return checked(minor)


def from_minor(minor: int, scale: int) -> Decimal:
    """The exact amount of whole minor units, always with `scale` decimals: from_minor(150, 2) is Decimal("1.50")."""
    sign, digits = (1, -minor) if minor < 0 else (0, minor)
    return Decimal((sign, tuple(map(int, str(digits))), -scale))


def cash_minor(quantity_micro: int, price_micro: int, currency: str) -> int:
    """Quantity x price in minor units of the currency, rounded half up once, here. Both factors are millionths.

    Half up is away from zero, for negative amounts too. In whole numbers: a Decimal's 28 digits would round twice.
    """
    exact = quantity_micro * price_micro
    divisor = 10 ** (2 * MICRO - currency_scale(currency))
    rounded = (2 * abs(exact) + divisor) // (2 * divisor)
    return checked(rounded if exact >= 0 else -rounded)


def checked(minor: int) -> int:
    """The same number, when it fits a signed 64-bit integer; an OverflowError that shows it otherwise."""
    if not INT64_MIN <= minor <= INT64_MAX:
        raise OverflowError(f"{minor} minor units do not fit 64 bits")
    return minor


def written(minor: int, scale: int) -> str:
    """For people: 1234567 at scale 2 is "12,345.67"."""
    return f"{from_minor(minor, scale):,}"
