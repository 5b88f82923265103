"""Tables of the trades department. Rows are written once, by COPY; what happens later stands in later tables. 交易表

Only an execution changes: when two people cancel it, or accept its price.
"""

from django.db import models
from django.db.models import F, Q

from nostro.spine.models import Entity


class Execution(models.Model):
    """What an execution report said, as it was understood. Its id is the event that captured it. 成交回报"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    exec_id = models.CharField(max_length=40)
    order_id = models.CharField(max_length=40)
    book = models.CharField(max_length=20)
    isin = models.CharField(max_length=20)
    side = models.CharField(max_length=4)
    quantity_micro = models.BigIntegerField()
    price_micro = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    trade_date = models.DateField()
    settle_date = models.DateField(null=True)
    mic = models.CharField(max_length=10)
    counterparty_bic = models.CharField(max_length=20)
    ccp_bic = models.CharField(max_length=20, null=True)
    content_sha256 = models.CharField(max_length=64)
    message = models.BigIntegerField()
    business_date = models.DateField()
    cancelled_by = models.BigIntegerField(null=True)  # the event that cancelled it
    price_accepted_by = models.BigIntegerField(null=True)  # the event by which two people let its price pass

    class Meta:
        constraints = [
            models.UniqueConstraint(name="execution_once", fields=["entity", "exec_id"]),
            models.CheckConstraint(name="execution_side_known", condition=Q(side__in=["buy", "sell"])),
        ]


class Trade(models.Model):
    """An execution that passed every check, with all we had to add to it. Same id. 交易"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()  # = execution
    instrument_id = models.IntegerField()
    side = models.CharField(max_length=4)
    quantity = models.BigIntegerField()  # in the instrument's scale
    price_micro = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()  # what is paid or received on settlement: gross, since fees are paid apart
    trade_date = models.DateField()
    settle_date = models.DateField()
    mic = models.CharField(max_length=4)
    place_bic = models.CharField(max_length=11)
    counterparty_bic = models.CharField(max_length=11)
    ccp_bic = models.CharField(max_length=11, null=True)
    agent_bic = models.CharField(
        max_length=11
    )  # from the SSI: whose instruction ours must match; the CCP's own when cleared
    book = models.CharField(max_length=20)
    is_block = models.BooleanField()
    business_date = models.DateField()
    event = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="trade_side_known", condition=Q(side__in=["buy", "sell"])),
            models.CheckConstraint(name="trade_amounts_positive", condition=Q(quantity__gt=0) & Q(gross_minor__gt=0)),
            models.CheckConstraint(
                name="trade_costs_not_negative", condition=Q(fee_minor__gte=0) & Q(tax_minor__gte=0)
            ),
            models.CheckConstraint(
                name="trade_settles_after_it_is_done", condition=Q(settle_date__gte=F("trade_date"))
            ),
        ]


class Allocation(models.Model):
    """Whose book a trade, or a part of a block trade, belongs to. Every trade has at least one before it settles. 分配"""

    pk = models.CompositePrimaryKey("entity_id", "trade", "book")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    trade = models.BigIntegerField()
    book = models.CharField(max_length=20)
    quantity = models.BigIntegerField()
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    business_date = models.DateField()
    event = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="allocation_positive", condition=Q(quantity__gt=0))]


class AllocationLine(models.Model):
    """One part of an allocation instruction as it came in. The last instruction for an execution counts. 分配指令"""

    pk = models.CompositePrimaryKey("entity_id", "message", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    message = models.BigIntegerField()
    number = models.IntegerField()  # of the part in its message, from 1
    alloc_id = models.CharField(max_length=40)
    exec_id = models.CharField(max_length=40)
    isin = models.CharField(max_length=20)
    side = models.CharField(max_length=4)
    trade_date = models.DateField()
    total_micro = models.BigIntegerField()
    book = models.CharField(max_length=20)
    quantity_micro = models.BigIntegerField()
    business_date = models.DateField()


class Confirmation(models.Model):
    """What a counterparty said it traded with us, as it came in, seen from our side. 对手方确认书"""

    pk = models.CompositePrimaryKey("entity_id", "message")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    message = models.BigIntegerField()
    confirm_id = models.CharField(max_length=40)
    order_id = models.CharField(max_length=40)
    isin = models.CharField(max_length=20)
    side = models.CharField(max_length=4)
    quantity_micro = models.BigIntegerField()
    price_micro = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    trade_date = models.DateField()
    settle_date = models.DateField()
    counterparty_bic = models.CharField(max_length=20)
    business_date = models.DateField()


class Confirm(models.Model):
    """The counterparty agreed to a bilateral trade (or was overruled in four eyes). No row, not confirmed. 确认"""

    pk = models.CompositePrimaryKey("entity_id", "trade")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    trade = models.BigIntegerField()
    message = models.BigIntegerField(null=True)  # the confirmation that agreed; null when two people overruled it
    confirm_id = models.CharField(max_length=40)
    business_date = models.DateField()
    event = models.BigIntegerField()
