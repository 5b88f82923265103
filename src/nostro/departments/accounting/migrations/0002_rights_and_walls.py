"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import walled


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_valuations"), ("spine", "0002_rights_and_walls")]
    operations = [*walled("accounting_valuation")]
