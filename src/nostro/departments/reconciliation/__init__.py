"""The ledger against the world: custodians' holdings and banks' cash, line by line; what differs is a break. 对账

Public face: `desk`, `queries`, and the facts in `kernel/events/reconciliation.py`.
"""
