"""Nostro: a back office for securities firms, banks, asset managers and insurers. 证券后台系统"""

__version__ = "0.1.0"
