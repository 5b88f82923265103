"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import walled


class Migration(migrations.Migration):
    dependencies = [("trades", "0001_executions_and_trades"), ("spine", "0002_rights_and_walls")]
    operations = [*walled("trades_execution", "trades_trade", "trades_allocation", "trades_confirm")]
