"""The departments of a back office, in the order of a trade: a later one may import an earlier one, never the other way."""
