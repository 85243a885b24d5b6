"""Times what other libraries do with a large release, for `cargo xtask bench --shards`.

    python shards_speed.py RELEASE ROWS

Prints one JSON object: rows a second that pyarrow writes (ROWS of the release's own, in memory), rows a second of
`datasets` streaming over a shard of the release and over the same rows written by `datasets` itself (in turns, the
best of three), and the share of the release's bytes that is read for one text column.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

import pyarrow.dataset as pads
import pyarrow.parquet as pq

ROUNDS = 3
# Rows whose four pictures are decoded in each round.
DECODED = 150


def main(release: Path, rows: int) -> None:
    shards = sorted(str(path) for path in release.glob("trajectories/train-*.parquet"))
    report = {"pyarrow_rows": rows / write(shards[0], rows)} | stream(shards[0]) | one_column(release, shards)
    print(json.dumps(report))


def write(shard: str, rows: int) -> float:
    """Seconds that pyarrow takes, with the encodings that the release has."""
    table = pq.read_table(shard).slice(0, rows).combine_chunks()
    leaves = [column.path for column in pq.ParquetFile(shard).schema]
    pictures = [path for path in leaves if path.endswith(".bytes")]
    others = [path for path in leaves if path not in pictures]
    options = {
        "compression": {path: "none" for path in pictures} | {path: "zstd" for path in others},
        "compression_level": {path: 3 for path in others},
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_index": True,
        "row_group_size": 100,
        "version": "1.0",
    }
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    best = float("inf")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for _ in range(5):
            start = time.perf_counter()
            with open(Path(folder) / "pyarrow.parquet", "wb") as file:
                pq.write_table(table, file, **options)
                os.fsync(file.fileno())
            best = min(best, time.perf_counter() - start)
    return best


def stream(shard: str) -> dict:
    import datasets as hf

    hf.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        own = str(Path(folder) / "own.parquet")
        hf.Dataset.from_parquet(shard, cache_dir=folder).to_parquet(own)
        best: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, path in [("ours", shard), ("own", own)]:
                for kind in ["decoded", "bytes"]:
                    rate = streamed(hf, path, kind)
                    best[f"stream_{name}_{kind}"] = max(rate, best.get(f"stream_{name}_{kind}", 0))
    return best


def streamed(hf, path: str, kind: str) -> float:
    """Rows a second, pictures decoded or as bytes."""
    dataset = hf.load_dataset("parquet", data_files=path, split="train", streaming=True)
    dataset = dataset.take(DECODED) if kind == "decoded" else dataset.decode(False)
    start = time.perf_counter()
    rows = sum(1 for _ in dataset)
    return rows / (time.perf_counter() - start)


def one_column(release: Path, shards: list[str]) -> dict:
    """Bytes that the system has handed out to this process for `prompt` of all rows."""
    import duckdb

    total = sum(path.stat().st_size for path in release.rglob("*") if path.is_file())
    before = handed_out()
    texts = pads.dataset(shards).to_table(columns=["prompt"])
    with_pyarrow = handed_out() - before
    before = handed_out()
    query = f"select count(prompt), max(length(prompt)) from read_parquet({shards!r})"
    longest = duckdb.connect().execute(query).fetchone()
    with_duckdb = handed_out() - before
    assert longest[0] == texts.num_rows > 0
    return {"column_pyarrow": with_pyarrow / total, "column_duckdb": with_duckdb / total}


def handed_out() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
