"""The release through each library that people read it with, compared with what pyarrow sees in the files."""

import io
import os
import tempfile

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from checks import Checks
from release import Release, difference, is_picture

# Nothing here may look for a dataset anywhere but in the folder it is given. Read when `datasets` is imported.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def pyarrow(release: Release, checks: Checks) -> None:
    """A nested column alone, and a filter."""
    rows = release.trajectories.values()
    table = pads.dataset(release.files("trajectories")).to_table(columns=["steps"])
    thoughts = [[step["thought"] for step in steps] for steps in table["steps"].to_pylist()]
    wanted = [[step["thought"] for step in row["steps"]] for row in rows]
    checks.equal("pyarrow: nested thoughts", thoughts, wanted)
    files = release.files("trajectories")
    leaf = [pq.ParquetFile(file).read(columns=["steps.list.element.thought"]) for file in files]
    names = {field.name for field in leaf[0].schema.field("steps").type.value_type}
    checks.equal("pyarrow: one leaf of a list of structs", names, {"thought"})
    best = max(row["reward"] for row in rows)
    found = pads.dataset(files).to_table(columns=["id"], filter=pads.field("reward") == best)
    checks.equal(
        "pyarrow: filter", found["id"].to_pylist(), [row["id"] for row in rows if row["reward"] == best]
    )


def polars(release: Release, checks: Checks) -> None:
    """Every table scanned in full, a filter, and a join of steps with trajectories."""
    import polars as pl

    for config in release.configs:
        for split in release.splits(config):
            found = pl.scan_parquet(release.files(config, split)).collect().to_arrow()
            checks.equal(f"polars: {config} {split}", difference(found, release.table(config, split)), "")
    trajectories = pl.scan_parquet(release.files("trajectories"))
    best = trajectories.select(pl.col("reward").max()).collect().item()
    count = trajectories.filter(pl.col("reward") == best).select(pl.len()).collect().item()
    wanted = [row for row in release.trajectories.values() if row["reward"] == best]
    checks.equal("polars: filter on reward", (best, count), (max_reward(release), len(wanted)))
    steps = pl.scan_parquet(release.files("steps"))
    joined = steps.join(trajectories.select("id", "images"), on="id")
    canvas = pl.col("images").list.get(pl.col("image_index")).struct.field("bytes")
    found = joined.select("id", "step", canvas).collect().rows()
    wanted = {
        (id, step["step"], row["images"][step["image_index"]]["bytes"])
        for id, row in release.trajectories.items()
        for step in row["steps"]
    }
    checks.equal("polars: steps find their canvas", set(found) ^ wanted, set())


def duckdb(release: Release, checks: Checks) -> None:
    """Every table in full, nested steps taken apart, rewards worked out in SQL."""
    import duckdb as db

    connection = db.connect()
    for config in release.configs:
        for split in release.splits(config):
            query = connection.sql(
                "select * from read_parquet($files)", params={"files": release.files(config, split)}
            )
            checks.equal(
                f"duckdb: {config} {split}", difference(arrow(query), release.table(config, split)), ""
            )
    for config in ("trajectories", "steps", "judgements"):
        connection.execute(f"create view {config} as select * from read_parquet({release.files(config)!r})")
    unequal = connection.execute("""
        select count(*) from (select id, unnest(steps, recursive := true) from trajectories) nested
        full join steps on nested.id = steps.id and nested.step = steps.step
        where nested.thought is distinct from steps.thought or nested.score is distinct from steps.score
    """).fetchone()
    checks.equal("duckdb: unnested steps equal the table steps", unequal, (0,))
    if len(release.manifest["judges"]) == 1:
        unequal = connection.execute("""
            select count(*) from trajectories left join judgements j
            on trajectories.id = j.id and j.region_index is null and j.criterion = 'overall'
            where trajectories.reward is distinct from j.score
        """).fetchone()
        checks.equal("duckdb: rewards equal the judge's scores", unequal, (0,))


def pandas(release: Release, checks: Checks) -> None:
    """Scalar columns with their types, a nested one, and pictures as bytes."""
    import pandas as pd

    rows = list(release.trajectories.values())
    frame = pd.concat([pd.read_parquet(file) for file in release.files("trajectories")], ignore_index=True)
    for name in ("id", "prompt", "category", "reward", "attempts", "seed"):
        checks.equal(f"pandas: {name}", frame[name].tolist(), [row[name] for row in rows])
    thoughts = [[step["thought"] for step in steps] for steps in frame["steps"]]
    checks.equal("pandas: nested thoughts", thoughts, [[s["thought"] for s in row["steps"]] for row in rows])
    pictures = [picture["bytes"] for picture in frame["final_image"]]
    checks.that("pandas: pictures", pictures == [row["final_image"]["bytes"] for row in rows])


def datasets(release: Release, checks: Checks) -> None:
    """Every table through Hugging Face datasets: by folder and by file, whole and streaming."""
    import datasets as hf

    hf.disable_progress_bars()
    prefix = f"datasets {hf.__version__}"
    with tempfile.TemporaryDirectory() as cache:

        def load(*args, **kwargs):
            return hf.load_dataset(*args, cache_dir=cache, **kwargs)

        default = checks.attempt(f"{prefix}: loads without naming a table", lambda: load(str(release.path)))
        if default is not None:
            checks.equal(
                f"{prefix}: trajectories come first",
                {"steps", "final_image"} <= set(default["train"].column_names),
                True,
            )
        for config in release.configs:
            for split in release.splits(config):
                one_split(f"{prefix}: {config} {split}", release, config, split, load, hf, checks)
        filtered(prefix, release, load, checks)


def one_split(name: str, release: Release, config: str, split: str, load, hf, checks: Checks) -> None:
    wanted = release.table(config, split)
    pictures = [field.name for field in wanted.schema if is_picture(field.type)]
    files = {"data_files": {split: release.files(config, split)}}
    ways = [("by folder", (str(release.path), config), {}), ("by file", ("parquet",), files)]
    for way, args, kwargs in ways:
        whole = checks.attempt(f"{name} {way}", lambda: load(*args, split=split, **kwargs))
        if whole is None:
            continue
        kinds = {key for key, feature in whole.features.items() if holds_pictures(feature, hf)}
        checks.equal(f"{name} {way}: pictures are known as such", kinds, set(pictures))
        raw = pa.table({key: whole.data.column(key) for key in wanted.column_names})
        checks.equal(f"{name} {way}: values", difference(raw, wanted), "")
        stream = load(*args, split=split, streaming=True, **kwargs)
        checks.attempt(f"{name} {way}: streaming", lambda: compare_stream(stream, wanted, pictures))
    if pictures and whole is not None:
        checks.attempt(f"{name}: decodes pictures", lambda: compare_decoded(whole, wanted, pictures))


def holds_pictures(feature, hf) -> bool:
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    return isinstance(inner, hf.Image)


def compare_stream(stream, wanted: pa.Table, pictures: list[str]) -> None:
    """All rows come by in order; those of the first few are the same, pictures as decoded objects."""
    rows = 0
    for index, row in enumerate(stream):
        rows += 1
        if index < 3:
            compare_row(row, wanted.slice(index, 1).to_pylist()[0], pictures)
    assert rows == wanted.num_rows, f"{rows} rows instead of {wanted.num_rows}"


def compare_decoded(whole, wanted: pa.Table, pictures: list[str]) -> None:
    for index in {0, wanted.num_rows // 2, wanted.num_rows - 1}:
        compare_row(whole[index], wanted.slice(index, 1).to_pylist()[0], pictures)


def compare_row(found: dict, wanted: dict, pictures: list[str]) -> None:
    from PIL import Image

    def listed(value) -> list:
        return value if isinstance(value, list) else [value]

    for name, value in wanted.items():
        if name not in pictures:
            assert found[name] == value, f"column {name}"
            continue
        for picture, stored in zip(listed(found[name]), listed(value), strict=True):
            assert isinstance(picture, Image.Image), f"{name} is a {type(picture).__name__}"
            original = Image.open(io.BytesIO(stored["bytes"]))
            assert (picture.size, picture.tobytes()) == (original.size, original.tobytes()), (
                f"pixels of {name}"
            )


def filtered(prefix: str, release: Release, load, checks: Checks) -> None:
    """Columns and filters are handed down to Parquet."""
    best = max_reward(release)
    files = {"train": release.files("trajectories")}
    filters = [("reward", ">=", best)]
    found = load("parquet", data_files=files, split="train", columns=["id", "reward"], filters=filters)
    wanted = [row["id"] for row in release.trajectories.values() if row["reward"] >= best]
    checks.equal(f"{prefix}: filters and columns", found["id"][:], wanted)


def max_reward(release: Release) -> int:
    return max(row["reward"] for row in release.trajectories.values())


def arrow(query) -> pa.Table:
    """DuckDB's result as a table; newer versions hand out a reader."""
    result = query.arrow()
    return result if isinstance(result, pa.Table) else result.read_all()


ALL = {"pyarrow": pyarrow, "polars": polars, "duckdb": duckdb, "pandas": pandas, "datasets": datasets}
