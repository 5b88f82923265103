"""Fictitious codes that are valid in form: ISIN, LEI and BIC. 虚构代码"""

from stdnum import isin
from stdnum.iso7064 import mod_97_10


def make_isin(country: str, number: int) -> str:
    """The ISIN of fictitious instrument `number`: make_isin("DE", 17) is DEFCT0000170 with its check digit.

    The national part begins FCT; mainland shares keep the E that follows their country code.
    """
    national = f"EFCT{number:05d}" if country == "CN" else f"FCT{number:06d}"
    return country + national + isin.calc_check_digit(country + national)


def make_lei(name: str) -> str:
    """The LEI of a fictitious party, from at most twelve capital letters and digits."""
    base = "FCTX00" + name.ljust(12, "0")
    assert len(base) == 18, f"{name} is longer than twelve characters"
    return base + mod_97_10.calc_check_digits(base)


def make_bic(two: str, country_and_place: str) -> str:
    """The BIC of a fictitious party: make_bic("AA", "DEFF") is FCAADEFFXXX. Its bank code begins FC."""
    return f"FC{two}{country_and_place}XXX"
