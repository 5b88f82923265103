"""Tables of clearing. 清算表"""

from django.db import models
from django.db.models import Q

from nostro.spine.models import Entity


class Net(models.Model):
    """One net obligation towards a CCP: an instrument, a settlement date, a currency. Its id is its event. 净额"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    ccp_bic = models.CharField(max_length=11)
    place_bic = models.CharField(max_length=11)
    mic = models.CharField(max_length=4)
    instrument_id = models.IntegerField()
    currency = models.CharField(max_length=3)
    settle_date = models.DateField()
    trade_date = models.DateField()  # the latest of its trades
    quantity = models.BigIntegerField()  # + we receive
    cash_minor = models.BigIntegerField()  # + we receive
    trades = models.IntegerField()
    business_date = models.DateField()

    class Meta:
        constraints = [models.CheckConstraint(name="net_has_trades", condition=Q(trades__gte=1))]


class Novation(models.Model):
    """A trade whose counterparty is now the CCP, and the net it went into. 合约更替"""

    pk = models.CompositePrimaryKey("entity_id", "trade")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    trade = models.BigIntegerField()
    net = models.BigIntegerField()
    business_date = models.DateField()
