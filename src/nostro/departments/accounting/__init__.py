"""Turns the events of the house into transfers by posting rules, values positions, proves the books and closes. 会计

Public face: `desk`, `queries`, and the facts in `kernel/events/accounting.py`.
"""
