"""Tables of reference data. Shared by all entities, but for accounts, books and SSIs. 参考数据表"""

from django.db import models
from django.db.models import Q

from nostro.spine.models import Entity


class Market(models.Model):
    """Where something trades and where it settles, from a date on: cycles change, and old trades keep the old one. 市场"""

    pk = models.CompositePrimaryKey("mic", "valid_from")
    mic = models.CharField(max_length=4)
    valid_from = models.DateField()
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    place_bic = models.CharField(max_length=11)  # where it settles (PSET)
    ccp_bic = models.CharField(max_length=11)
    dialect = models.CharField(max_length=3)  # in which the settlement chain speaks: "iso" or "mt"
    cycle_days = models.SmallIntegerField()  # T+n
    exchange_calendar = models.CharField(max_length=10)
    bank_calendar = models.CharField(max_length=10)
    timezone = models.CharField(max_length=40)
    cutoff = models.TimeField()  # for settlement against payment, local time
    price_tolerance_bp = models.IntegerField()  # a trade further from the last price is looked at
    fee_bp_micro = models.BigIntegerField()  # broker and exchange fees, millionths of a basis point of the gross
    tax_buy_bp_micro = models.BigIntegerField()
    tax_sell_bp_micro = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="market_dialect_known", condition=Q(dialect__in=["iso", "mt"])),
            models.CheckConstraint(name="market_cycle_0_to_5", condition=Q(cycle_days__range=(0, 5))),
        ]


class Instrument(models.Model):
    """A security. Its id is also the ledger's asset id. 证券"""

    id = models.IntegerField(primary_key=True)
    isin = models.CharField(max_length=12)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    cfi = models.CharField(max_length=6)
    currency = models.CharField(max_length=3)
    mic = models.CharField(max_length=4)
    scale = models.SmallIntegerField()  # decimals of a quantity

    class Meta:
        constraints = [
            models.UniqueConstraint(name="instrument_isin_once", fields=["isin"]),
            models.CheckConstraint(name="instrument_isin_form", condition=Q(isin__regex=r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$")),
            models.CheckConstraint(name="instrument_scale_0_to_6", condition=Q(scale__range=(0, 6))),
        ]


class Party(models.Model):
    """Somebody we deal with: counterparty, CCP, CSD, custodian, bank. 机构"""

    id = models.IntegerField(primary_key=True)
    bic = models.CharField(max_length=11)
    lei = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    kind = models.CharField(max_length=12)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="party_bic_once", fields=["bic"]),
            models.CheckConstraint(
                name="party_kind_known",
                condition=Q(kind__in=["counterparty", "ccp", "csd", "custodian", "bank", "firm"]),
            ),
        ]


class Book(models.Model):
    """Whose position it is inside an entity: a trading book, a fund, an insurance account. 账簿"""

    pk = models.CompositePrimaryKey("entity_id", "code")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    is_block = models.BooleanField()  # trades in it wait for their allocation to other books


class PlaceAccount(models.Model):
    """Our account with a custodian (securities) or a bank (one currency). 托管账户与资金账户"""

    pk = models.CompositePrimaryKey("entity_id", "number", "currency")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    number = models.CharField(max_length=35)
    currency = models.CharField(max_length=3)  # "" for securities
    kind = models.CharField(max_length=10)
    servicer_bic = models.CharField(max_length=11)
    place_bic = models.CharField(max_length=11)  # which place of settlement it serves

    class Meta:
        constraints = [
            models.CheckConstraint(name="place_account_kind_known", condition=Q(kind__in=["securities", "cash"])),
            models.CheckConstraint(
                name="place_account_cash_has_currency",
                condition=Q(kind="securities", currency="") | (Q(kind="cash") & ~Q(currency="")),
            ),
            models.UniqueConstraint(
                name="place_account_one_of_a_kind", fields=["entity", "place_bic", "kind", "currency"]
            ),
        ]


class Ssi(models.Model):
    """Where a counterparty wants to settle with us, per place of settlement. 标准结算指令"""

    pk = models.CompositePrimaryKey("entity_id", "party_bic", "place_bic", "valid_from")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    party_bic = models.CharField(max_length=11)
    place_bic = models.CharField(max_length=11)
    valid_from = models.DateField()
    agent_bic = models.CharField(max_length=11)  # who instructs for them
    account = models.CharField(max_length=35)


class Price(models.Model):
    """A closing price, in millionths of the currency for one unit. 行情"""

    pk = models.CompositePrimaryKey("isin", "day", "source")
    isin = models.CharField(max_length=12)
    day = models.DateField()
    source = models.CharField(max_length=20)
    price_micro = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [models.CheckConstraint(name="price_positive", condition=Q(price_micro__gt=0))]


class FxRate(models.Model):
    """Units of `quote` for one unit of `base`, in hundred-millionths. 汇率"""

    pk = models.CompositePrimaryKey("base", "quote", "day", "source")
    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    day = models.DateField()
    source = models.CharField(max_length=20)
    rate_e8 = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="fx_rate_positive", condition=Q(rate_e8__gt=0))]
