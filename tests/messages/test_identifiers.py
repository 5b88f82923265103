"""The identifiers of the worked examples, valid and not, and each fault by its name."""

import polars as pl
import pytest

from nostro.messages.identifiers import bic_fault, isin_fault, isin_faults, lei_fault

VALID_ISINS = [
    "US0378331005",
    "DE0007164600",
    "GB0002634946",
    "CH0011075394",
    "CNE000001R84",
    "RU000A0F61T7",
    "LU0048621717",
    "DE000A0HG085",
    "DE0001141828",
]
FAULTY_ISINS = {
    "US0378331006": "check_digit",
    "FR1234567111": "check_digit",
    "SI1234567890": "check_digit",
    "XS2000000001": "check_digit",
    "ZZ0378331005": "country",
    "us0378331005": "form",
    "US0378331005 ": "form",
    "US03783310 05": "form",
    "US037833100": "form",
    "US037833100X": "form",
    "US0378331005\n": "form",
    "US037833100５": "form",
    "": "form",
}


@pytest.mark.parametrize("isin", VALID_ISINS)
def test_a_valid_isin_has_no_fault(isin):
    assert isin_fault(isin) is None


@pytest.mark.parametrize(("isin", "named"), FAULTY_ISINS.items())
def test_a_wrong_isin_names_its_fault(isin, named):
    assert isin_fault(isin) == named


@pytest.mark.parametrize("isin", ["XS0203470157", "EU000A1G0AA8"])
def test_an_isin_may_belong_to_no_country(isin):
    expected = isin[:-1] + next(d for d in "0123456789" if isin_fault(isin[:-1] + d) is None)
    assert isin_fault(expected) is None
    assert isin_fault(isin.replace(isin[:2], "ZZ")) == "country"


@pytest.mark.parametrize(
    ("lei", "named"),
    [
        ("529900T8BM49AURSDO55", None),
        ("5493001KJTIIGC8Y1R12", None),
        ("529900T8BM49AURSDO56", "check_digit"),
        ("529900T8BM49AURSDO5", "form"),
        ("529900t8bm49aursdo55", "form"),
        ("529900T8BM49AURSDO5X", "form"),
        ("5299-00T8BM49AURSDO55", "form"),
    ],
)
def test_an_lei_is_judged_by_form_and_check_digits(lei, named):
    assert lei_fault(lei) == named


@pytest.mark.parametrize(
    ("bic", "named"),
    [
        ("DEUTDEFF", None),
        ("DEUTDEFFXXX", None),
        ("1234DEFF", None),
        ("ABCDXKFF", None),
        ("DEUTZZFF", "country"),
        ("DEUTDEF", "form"),
        ("DEUTDEFFXX", "form"),
        ("deutdeff", "form"),
        ("DEUT1EFF", "form"),
        ("DEUTDEFF ", "form"),
    ],
)
def test_a_bic_is_judged_by_structure_and_country(bic, named):
    assert bic_fault(bic) == named


def test_a_column_of_isins_is_judged_like_each_of_them_and_keeps_its_order():
    isins = [*VALID_ISINS, *FAULTY_ISINS, *VALID_ISINS, None]
    faults = isin_faults(pl.Series("isin", isins))
    assert faults.to_list() == [isin_fault(i) if i is not None else "form" for i in isins]
    assert faults.name == "isin"
    assert isin_faults(pl.Series("isin", [], dtype=pl.String)).dtype == pl.String
