"""A firm whose books are open: two cash accounts, two depots."""

from datetime import date

import pytest

from nostro.departments.accounting import desk as accounting
from nostro.spine import inbox
from nostro.spine.entities import Entity


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
