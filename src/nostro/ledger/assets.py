"""Assets: what the ledger counts. 资产"""

import polars as pl

from nostro.spine.database import raw, read_frame

ASSET = pl.Schema({"id": pl.Int32, "code": pl.String, "scale": pl.Int16})


def open_assets(frame: pl.DataFrame) -> int:
    """Open the assets (columns `id`, `code`, `scale`: decimals) that are not open yet; returns how many are new.

    Refuses an asset that is open under the same number with another code or scale: amounts already posted would change.
    """
    wanted = (
        frame.select(pl.col(name).cast(kind) for name, kind in ASSET.items()).unique(maintain_order=True).sort("id")
    )
    with raw().cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_asset (id, code, scale) SELECT * FROM unnest(%s::int[], %s::text[], %s::smallint[])"
            " ON CONFLICT (id) DO NOTHING",
            [wanted[name].to_list() for name in ASSET],
        )
        new = cursor.rowcount
    stored = read_frame(
        "SELECT id, code, scale FROM ledger_asset WHERE id = ANY(%s)", [wanted["id"].to_list()], schema=ASSET
    )
    other = wanted.join(stored, on=list(ASSET), how="anti")
    if other.height:
        raise ValueError(f"assets are open with another code or scale: {other.head(5).rows()}")
    return new


def assets() -> pl.DataFrame:
    """All assets by number: id, code, scale."""
    return read_frame("SELECT id, code, scale FROM ledger_asset ORDER BY id", schema=ASSET)
