"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import append_only, walled


class Migration(migrations.Migration):
    dependencies = [("trades", "0001_executions_and_trades"), ("spine", "0002_rights_and_walls")]
    operations = [
        *walled("trades_execution"),
        *append_only(
            "trades_trade", "trades_allocation", "trades_confirm", "trades_allocationline", "trades_confirmation",
        ),
    ]
