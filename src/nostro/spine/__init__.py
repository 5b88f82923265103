"""What every department stands on: event log, inbox and outbox, exceptions, approvals, holds, access, the durable day.

`database` reaches PostgreSQL in bulk; `events` is the only way to say that something happened; `steps` runs a day.
"""
