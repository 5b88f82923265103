"""What things are: markets, instruments, parties, accounts, SSIs, calendars, prices. 参考数据

Loaded from the files of data vendors and custodians; opens the ledger's assets. Words: SSI, golden copy, horizon.
"""
