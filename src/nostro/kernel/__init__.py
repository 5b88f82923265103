"""Money, dates, ids, frames, refusals and every fact of the house. Pure Python: no Django, no database, no clock."""
