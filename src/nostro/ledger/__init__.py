"""Who owns what: every unit of every asset, in double entry. Knows assets only as (id, scale). 总账

The single way in is `posting.post`. `accounts.open_accounts` opens accounts, `queries` answers balances and statements,
`close.close_day` closes a business date, `verify.verify` proves the balances from the transfers.
"""
