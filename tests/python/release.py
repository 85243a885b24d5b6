"""A release as pyarrow reads it: the ground truth that other readers are compared with."""

import json
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


class Release:
    """A folder with a manifest and one folder a table."""

    def __init__(self, path: Path):
        self.path = path
        self.manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        self._rows: dict[str, list[dict]] = {}

    @property
    def configs(self) -> list[str]:
        return [config["name"] for config in self.manifest["configs"]]

    def splits(self, config: str) -> list[str]:
        return [split["name"] for split in self._config(config)["splits"]]

    def shards(self, config: str, split: str | None = None) -> list[dict]:
        splits = self._config(config)["splits"]
        return [shard for s in splits if split in (None, s["name"]) for shard in s["shards"]]

    def files(self, config: str, split: str | None = None) -> list[str]:
        return [str(self.path / shard["path"]) for shard in self.shards(config, split)]

    def table(self, config: str, split: str) -> pa.Table:
        """The rows of one split in the order of its shards."""
        return pa.concat_tables([pq.read_table(file) for file in self.files(config, split)])

    def rows(self, config: str) -> list[dict]:
        """The rows of all splits, each with the name of its split under `_split`."""
        if config not in self._rows:
            found = []
            for split in self.splits(config):
                found += [row | {"_split": split} for row in self.table(config, split).to_pylist()]
            self._rows[config] = found
        return self._rows[config]

    @cached_property
    def trajectories(self) -> dict[str, dict]:
        return {row["id"]: row for row in self.rows("trajectories")}

    @cached_property
    def settings(self) -> dict | None:
        """The job's settings, where the release still lies in the job's folder."""
        job = self.path.parent / "job.json"
        return json.loads(job.read_text(encoding="utf-8"))["settings"] if job.exists() else None

    def _config(self, name: str) -> dict:
        return next(config for config in self.manifest["configs"] if config["name"] == name)


def is_picture(kind: pa.DataType) -> bool:
    """Whether a column is a picture or a list of pictures."""
    if pa.types.is_list(kind):
        kind = kind.value_type
    return pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"}


def difference(found: pa.Table, wanted: pa.Table) -> str:
    """Where two tables differ in names or values; empty if they do not. Types may differ in width."""
    if found.column_names != wanted.column_names:
        return f"columns {found.column_names} instead of {wanted.column_names}"
    if found.num_rows != wanted.num_rows:
        return f"{found.num_rows} rows instead of {wanted.num_rows}"
    for name in wanted.column_names:
        column = wanted.column(name)
        other = found.column(name).cast(column.type)
        if not other.equals(column):
            row = next(i for i, (a, b) in enumerate(zip(other, column)) if not a.equals(b))
            return f"column {name}, row {row}"
    return ""
