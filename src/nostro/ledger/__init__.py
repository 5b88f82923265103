"""Who owns what: every unit of every asset, in double entry. Knows assets only as (id, scale). 总账

Its single way in is `posting.post`; `accounts.open_accounts` opens accounts; `queries` answers balances and trial balances.
"""
