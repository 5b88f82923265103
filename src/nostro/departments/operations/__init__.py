"""The business day: its steps and their order, the queue of exceptions as people work it, the close and the seal. 运营

Public face: `day`, `queue`, and the facts in `kernel/events/operations.py`.
"""
