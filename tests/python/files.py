"""What the files themselves must be like, whatever their values: types, metadata, row groups, indexes."""

import hashlib
import json

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from checks import Checks
from release import Release, is_picture

# Viewers and readers take a row group at a time.
MAX_PICTURE_ROWS = 100


def check(release: Release, checks: Checks) -> None:
    check_folder(release, checks)
    for config in release.configs:
        files = [(file, pq.ParquetFile(file)) for file in release.files(config)]
        check_schema(config, files, checks)
        check_row_groups(config, files, checks)
        check_encoding(config, files, release, checks)
        check_indexes(config, files, checks)
        check_against_manifest(config, release, checks)
    check_skipping(release, checks)


def check_folder(release: Release, checks: Checks) -> None:
    """`sha256sum --check` would agree, and nothing lies about that nobody vouches for."""
    lines = (release.path / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    wrong = [name for name, digest in sums.items() if sha256(release.path / name) != digest]
    checks.none("every file has the checksum in SHA256SUMS", wrong, len(sums))
    found = {str(path.relative_to(release.path)) for path in release.path.rglob("*") if path.is_file()}
    checks.equal("SHA256SUMS names every file", found - {"SHA256SUMS"}, set(sums))


def check_schema(config: str, files: list, checks: Checks) -> None:
    schemas = [parquet.schema_arrow for _, parquet in files]
    checks.that(f"{config}: one schema in all files", all(schema.equals(schemas[0]) for schema in schemas))
    schema = schemas[0]
    wrong = [path for path, field in leaves(schema) if not field.nullable or not is_plain(field.type)]
    checks.none(f"{config}: nullable columns of plain types", wrong, len(schema))
    texts = [(parquet.schema_arrow.metadata or {}).get(b"huggingface") for _, parquet in files]
    features = json.loads(texts[0])["info"]["features"] if texts[0] else {}
    checks.equal(
        f"{config}: features are declared in the schema of every file",
        [len(set(texts)), list(features)],
        [1, schema.names],
    )
    pictures = {field.name for field in schema if is_picture(field.type)}
    declared = {name for name, feature in features.items() if is_image(feature)}
    checks.equal(f"{config}: pictures are declared as such", declared, pictures)


def check_row_groups(config: str, files: list, checks: Checks) -> None:
    has_pictures = any(is_picture(field.type) for field in files[0][1].schema_arrow)
    empty, large, unindexed, groups = [], [], [], 0
    for file, parquet in files:
        for index in range(parquet.metadata.num_row_groups):
            group = parquet.metadata.row_group(index)
            groups += 1
            empty += [(file, index)] if group.num_rows == 0 else []
            large += [(file, index)] if has_pictures and group.num_rows > MAX_PICTURE_ROWS else []
            columns = [group.column(i) for i in range(group.num_columns)]
            unindexed += [(file, c.path_in_schema) for c in columns if not c.has_offset_index]
    checks.none(f"{config}: no row group without rows", empty, groups)
    checks.none(f"{config}: row groups are small enough", large, groups)
    checks.none(f"{config}: every column has an offset index", unindexed, groups)


def check_encoding(config: str, files: list, release: Release, checks: Checks) -> None:
    """Pictures as they are, everything else compressed and with statistics; the footer tells what the file is."""
    wrong, chunks = [], 0
    for _, parquet in files:
        for group in map(parquet.metadata.row_group, range(parquet.metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                chunks += 1
                found = (column.compression, column.is_stats_set, "PLAIN" in column.encodings and not column.has_dictionary_page)
                is_picture_bytes = column.path_in_schema.endswith("bytes")
                wanted = ("UNCOMPRESSED", False, True) if is_picture_bytes else ("ZSTD", True)
                wrong += [(column.path_in_schema, found)] if found[: len(wanted)] != wanted else []
    checks.none(f"{config}: pictures are stored plainly, other columns compressed and with statistics", wrong, chunks)
    version = str(release.manifest["schema_version"]).encode()
    wanted = {b"twig.schema_version": version, b"twig.table": config.encode(), b"use_content_defined_chunking": b"true"}
    wrong = [file for file, parquet in files if wanted.items() - parquet.metadata.metadata.items()]
    checks.none(f"{config}: the footer has table, version and chunking", wrong, len(files))
    counts = [len(release.shards(config, split)) for split in release.splits(config)]
    checks.that(f"{config}: many shards come in eights", all(n <= 8 or n % 8 == 0 for n in counts), f"{counts}")


def check_indexes(config: str, files: list, checks: Checks) -> None:
    """What readers leave out rows by: statistics of each page, and a Bloom filter on `id` in every row group.

    A filter may take what is not there for being there (5 % of all keys, Parquet's BloomFilter.md), so one key alone
    tells nothing: of 32 that are not there it must exclude half at least, and the one that is there never.
    """
    wrong, chunks = [], 0
    for file, parquet in files:
        for group in map(parquet.metadata.row_group, range(parquet.metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                chunks += 1
                path = column.path_in_schema
                is_fine = not column.has_column_index if path.endswith("bytes") else "." in path or column.has_column_index
                wrong += [] if is_fine else [(file, path)]
    checks.none(f"{config}: what is filtered by has statistics of each page, pictures have none", wrong, chunks)
    probe = "select bloom_filter_excludes from parquet_bloom_probe(?, 'id', ?)"
    import duckdb  # not in every environment that imports this file

    wrong, groups = [], 0
    for file, parquet in files:
        def excluded(key: str) -> list[bool]:
            return [row[0] for row in duckdb.execute(probe, [str(file), key]).fetchall()]

        absent = [excluded(f"nobody's {number}") for number in range(32)]
        for index in range(parquet.metadata.num_row_groups):
            groups += 1
            there = parquet.read_row_group(index, columns=["id"])["id"][0].as_py()
            told = sum(key[index] for key in absent)
            wrong += [(file, index)] if excluded(there)[index] or told < len(absent) / 2 else []
    checks.none(f"{config}: the Bloom filter on `id` tells what is not there", wrong, groups)


def check_against_manifest(config: str, release: Release, checks: Checks) -> None:
    def facts(shard: dict) -> dict:
        path = release.path / shard["path"]
        metadata = pq.ParquetFile(path).metadata
        return shard | {
            "rows": metadata.num_rows,
            "row_groups": metadata.num_row_groups,
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }

    shards = release.shards(config)
    checks.equal(f"{config}: shards are as the manifest says", [facts(shard) for shard in shards], shards)
    for split in release.splits(config):
        rows = sum(shard["rows"] for shard in release.shards(config, split))
        checks.equal(f"{config}: rows of {split}", release.table(config, split).num_rows, rows)


def check_skipping(release: Release, checks: Checks) -> None:
    """A filter on `reward` leaves out row groups by their statistics alone."""
    for config in [c for c in release.configs if "reward" in release.table(c, release.splits(c)[0]).column_names]:
        fragments = list(pads.dataset(release.files(config), format="parquet").get_fragments())
        groups = sum(len(fragment.row_groups) for fragment in fragments)
        kept = sum(len(fragment.subset(pads.field("reward") >= 0).row_groups) for fragment in fragments)
        left = sum(len(fragment.subset(pads.field("reward") > 100).row_groups) for fragment in fragments)
        checks.equal(f"{config}: `reward` skips row groups", (kept, left), (groups, 0))


def leaves(schema: pa.Schema):
    """Every field at every depth, with its path."""

    def below(path: str, field: pa.Field):
        yield path, field
        for index in range(field.type.num_fields):
            child = field.type.field(index)
            yield from below(f"{path}.{child.name}", child)

    for field in schema:
        yield from below(field.name, field)


def is_plain(kind: pa.DataType) -> bool:
    """Types that every reader takes as they are: no large, view, dictionary, fixed-size or null ones."""
    tests = [
        pa.types.is_string,
        pa.types.is_binary,
        pa.types.is_boolean,
        pa.types.is_list,
        pa.types.is_struct,
        pa.types.is_int32,
        pa.types.is_float64,
        pa.types.is_int64,
    ]
    return any(test(kind) for test in tests)


def is_image(feature) -> bool:
    inner = feature[0] if isinstance(feature, list) else feature
    return isinstance(inner, dict) and inner.get("_type") == "Image"


def sha256(path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
