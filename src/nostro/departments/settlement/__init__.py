"""From obligation to finality: instruct, match, settle delivery versus payment, or fail with a reason. 交收

Public face: `desk`, `queries`, and the facts in `kernel/events/settlement.py`.
"""
