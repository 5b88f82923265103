"""Turns every event of the house into journal transfers by posting rules; values positions; strikes balances; closes. 会计

Public face: `desk`, `queries`, and the facts in `kernel/events/accounting.py`.
"""
