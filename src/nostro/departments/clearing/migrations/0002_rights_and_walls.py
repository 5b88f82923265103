"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import walled


class Migration(migrations.Migration):
    dependencies = [("clearing", "0001_nets"), ("spine", "0002_rights_and_walls")]
    operations = [*walled("clearing_net", "clearing_novation", "clearing_obligation")]
