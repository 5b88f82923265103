"""The simulated outside world: exchanges, CCPs, CSDs, custodians, banks, counterparties, and their faults. 模拟市场

It is a process of its own, and meets Nostro only in the exchange folder (docs/exchange.md): of Nostro it imports the
messages and the pure kernel, nothing else. Each phase of the day is one run, deterministic and safe to repeat: the same
seed and the same files in give the same bytes out. What it knows between phases lies in its own folder, the world.
All names, codes and firms are fictitious; only market codes (MIC), countries and currencies are real.
"""
