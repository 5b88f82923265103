"""Tables of accounting. 会计表"""

from django.db import models
from django.db.models import Q

from nostro.spine.models import Entity


class Valuation(models.Model):
    """What a book's position in an instrument was worth at the close of a day. 估值"""

    pk = models.CompositePrimaryKey("entity_id", "business_date", "book", "instrument_id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    book = models.CharField(max_length=20)
    instrument_id = models.IntegerField()
    quantity = models.BigIntegerField()
    price_micro = models.BigIntegerField(null=True)  # a position that was sold out needs none
    currency = models.CharField(max_length=3)
    value_minor = models.BigIntegerField()
    carrying_minor = models.BigIntegerField()  # in the ledger before this valuation
    event = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="valuation_price_positive", condition=Q(price_micro__gt=0))]
