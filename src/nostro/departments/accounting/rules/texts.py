"""Texts put together a column at a time. 文本拼接"""

import polars as pl


def filled(template: str, *columns: str | pl.Expr) -> pl.Expr:
    """The template with a column in place of each {}, null where one of them is null.

    What `pl.format` is for, which in Polars 2.1 panics when a filter has left an empty chunk between two others.
    """
    between = template.split("{}")
    assert len(between) == len(columns) + 1, f"{template!r} has not a place for each of {len(columns)} columns"
    parts = [pl.lit(between[0])]
    for column, text in zip(columns, between[1:], strict=True):
        parts += [(pl.col(column) if isinstance(column, str) else column).cast(pl.String), pl.lit(text)]
    return pl.concat_str(parts)
