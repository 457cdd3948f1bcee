"""Events: immutable named columns with a schema, and the files they come from."""

from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import read_parquet, write_parquet

__all__ = ["Column", "Events", "Schema", "read_parquet", "write_parquet"]
