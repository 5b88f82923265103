"""From execution to a trade everybody agrees on: capture, validate, enrich, allocate, confirm. 交易处理

An execution is what the street said; a trade is what we made of it; an allocation says in whose book it is.
Public face: `desk`, `queries`, and the facts in `kernel/events/trades.py`.
"""
