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
    agreed_event = models.BigIntegerField(null=True)  # the event that agreed it with the CCP; null while it is not

    class Meta:
        constraints = [
            models.CheckConstraint(name="net_has_trades", condition=Q(trades__gte=1)),
            models.CheckConstraint(
                name="net_cash_runs_against_securities",
                condition=Q(quantity__gt=0, cash_minor__lt=0) | Q(quantity__lt=0, cash_minor__gt=0),
            ),
        ]


class Novation(models.Model):
    """A trade whose counterparty is now the CCP, and the net it went into. 合约更替"""

    pk = models.CompositePrimaryKey("entity_id", "trade")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    trade = models.BigIntegerField()
    net = models.BigIntegerField()
    business_date = models.DateField()


class Obligation(models.Model):
    """What the CCP said last about an obligation between it and us. 中央对手方义务"""

    pk = models.CompositePrimaryKey("entity_id", "ccp_bic", "isin", "settle_date", "currency", "direction")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    ccp_bic = models.CharField(max_length=11)
    isin = models.CharField(max_length=20)
    settle_date = models.DateField()
    currency = models.CharField(max_length=3)
    direction = models.CharField(max_length=7)
    quantity_micro = models.BigIntegerField()
    cash_e4 = models.BigIntegerField()  # ten-thousandths, as the file has it: it may name parts of a minor unit
    message = models.BigIntegerField()
    business_date = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="obligation_direction_known", condition=Q(direction__in=["receive", "deliver"]))
        ]
