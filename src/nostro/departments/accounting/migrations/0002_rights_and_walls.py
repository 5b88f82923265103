"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import append_only


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_valuations"), ("spine", "0002_rights_and_walls")]
    operations = [*append_only("accounting_valuation")]
