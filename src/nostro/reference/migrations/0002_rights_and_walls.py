"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import shared, walled


class Migration(migrations.Migration):
    dependencies = [("reference", "0001_markets_instruments_and_parties"), ("spine", "0002_rights_and_walls")]
    operations = [
        *shared("reference_market", "reference_instrument", "reference_party", "reference_price", "reference_fxrate"),
        *walled("reference_book", "reference_placeaccount", "reference_ssi"),
    ]
