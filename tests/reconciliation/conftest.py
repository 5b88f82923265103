"""A firm whose books are open: two cash accounts, two depots."""

from datetime import date

import polars as pl
import pytest

from nostro.departments.accounting import desk as accounting
from nostro.ledger.assets import open_assets
from nostro.reference import desk as reference
from nostro.spine import inbox
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity

DAY = date(2026, 10, 13)


@pytest.fixture
def day() -> date:
    """The business day of these tests."""
    return DAY


@pytest.fixture
def stocked(firm: Entity) -> Entity:
    """The firm, with what it needs to have books."""
    open_assets(pl.DataFrame({"id": [1, 2], "code": ["EUR", "USD"], "scale": [2, 2]}))
    isins, currencies = ["DE000ZZZ0011", "DE000ZZZ0029", "US00ZZZ00015"], ["EUR", "EUR", "USD"]
    reference.add_instruments(
        pl.DataFrame({"isin": isins, "currency": currencies}).with_columns(
            name=pl.lit("Fictitious"), name_zh=pl.lit("虚构"), cfi=pl.lit("ESVUFR"), mic=pl.lit("XETR"), scale=pl.lit(0)
        )
    )
    books = pl.DataFrame({"code": ["FLOW", "PROP"], "name": ["Flow", "Prop"], "name_zh": ["流量", "自营"]})
    copy_in("reference_book", books.with_columns(entity_id=pl.lit(firm.id), is_block=pl.lit(False)))
    accounts = [("DEPOT", "", "securities"), ("CASH", "EUR", "cash"), ("CASHUSD", "USD", "cash")]
    copy_in(
        "reference_placeaccount",
        pl.DataFrame(accounts, schema=["number", "currency", "kind"], orient="row").with_columns(
            entity_id=pl.lit(firm.id), servicer_bic=pl.lit("FCSVDEFFXXX"), place_bic=pl.lit("FCSDDEFFXXX")
        ),
    )
    return firm


@pytest.fixture
def opened(stocked: Entity, day: date) -> Entity:
    """The firm with 100 and 5 of two instruments in its depot, 500.00 EUR after statement 41 and 20.00 USD after 7."""
    files = {
        "openings.csv": "book,isin,quantity,cost,currency,account\n"
        "FLOW,DE000ZZZ0011,100,1000,EUR,DEPOT\nPROP,DE000ZZZ0029,5,50,EUR,DEPOT\n",
        "opening_cash.csv": "account,currency,amount,sequence,statement\nCASH,EUR,500,41,S41\nCASHUSD,USD,20,7,U7\n",
    }
    for kind, text in files.items():
        name = f"10_{kind.replace('.', '.SELF.')}"
        inbox.receive(stocked.id, day, kind=kind, sender="SELF", name=name, data=text.encode())
    accounting.open_books(stocked, day)
    return stocked
