"""Where a CCP stands between the parties: novate trades, net them into one obligation, agree it with the CCP. 清算

Public face: `desk`, `queries`, and the facts in `kernel/events/clearing.py`.
"""
