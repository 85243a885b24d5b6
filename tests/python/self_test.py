"""Checks the checks: a copy of a release is spoilt in one place, and the check that is for it must fail.

python self_test.py RELEASE
"""

import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import files
import pictures
import preferences
import readers
import relations
import samples
from checks import Checks
from release import Release, difference


def spoil_rows(config: str, change):
    """Changes the rows of the first shard of a table that has what is to be changed, as Python objects."""

    def spoil(release: Path) -> None:
        for shard in sorted((release / config).glob("*.parquet")):
            table = pq.read_table(shard)
            rows = table.to_pylist()
            try:
                rows = change(rows) or rows
            except StopIteration:
                continue
            pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)
            return
        raise LookupError(f"no shard of `{config}` has what is to be changed")

    return spoil


def spoil_schema(config: str, change):
    """Changes the table of the first shard as a whole."""

    def spoil(release: Path) -> None:
        shard = min((release / config).glob("train-*.parquet"))
        pq.write_table(change(pq.read_table(shard)), shard)

    return spoil


def set_value(name: str, value):
    """Sets a column of the first row."""

    def change(rows: list[dict]) -> None:
        rows[0][name] = value(rows[0][name])

    return change


def change_step(rows: list[dict]) -> None:
    rows[0]["steps"][0]["thought"] += " And a cat."


def swap_pictures(rows: list[dict]) -> None:
    rows[0]["final_image"] = rows[-1]["final_image"]


def drop_image_part(rows: list[dict]) -> None:
    row = next(row for row in rows if row["images"])
    row["messages"][0]["content"] = [p for p in row["messages"][0]["content"] if p["type"] != "image"]


def change_thought_token(rows: list[dict]) -> None:
    row = next(row for row in rows if row["task"] == "generate")
    row["input_ids"][10] ^= 1


def change_target(rows: list[dict]) -> None:
    row = next(row for row in rows if row["task"] == "generate")
    row["vq_ids"][-1] = row["vq_labels"][-1] = row["vq_labels"][-1] + 1


def swap_sides(kind: str):
    """Exchanges what is chosen and what is rejected in the first pair of a kind."""

    def change(rows: list[dict]) -> None:
        row = next(row for row in rows if row["kind"] == kind)
        row["chosen_tokens"], row["rejected_tokens"] = row["rejected_tokens"], row["chosen_tokens"]

    return change


def copy_to_validation(release: Path) -> None:
    for config in ("trajectories", "steps"):
        train = min((release / config).glob("train-*.parquet"))
        validation = min((release / config).glob("validation-*.parquet"))
        table = pa.concat_tables([pq.read_table(validation), pq.read_table(train).slice(0, 1)])
        pq.write_table(table, validation)


def as_large(table: pa.Table) -> pa.Table:
    index = table.schema.get_field_index("prompt")
    return table.set_column(index, "prompt", table["prompt"].cast(pa.large_string()))


# What is spoilt, and the check that must say so.
SPOILT = [
    (spoil_rows("trajectories", change_step), "steps are the nested steps of trajectories"),
    (
        spoil_rows("steps", set_value("score", lambda score: score - 1)),
        "a score is the sum of its five criteria",
    ),
    (
        spoil_rows("steps", set_value("accepted", lambda accepted: not accepted)),
        "accepted means a score from accept_score on",
    ),
    (
        spoil_rows("trajectories", set_value("reward", lambda reward: reward ^ 1)),
        "reward is the weighted mean of the judges",
    ),
    (
        spoil_rows("trajectories", set_value("num_steps", lambda number: number + 1)),
        "counts of a trajectory are those of its steps",
    ),
    (
        spoil_rows("trajectories", set_value("image_tokens", lambda ids: [ids[0] + 1, *ids[1:]])),
        "image_tokens are the last attempts' regions put together",
    ),
    (
        spoil_rows("tokens", set_value("ids", lambda ids: [*ids[:-1], ids[-1] + 1])),
        "the table tokens says the same",
    ),
    (spoil_rows("tokens", lambda rows: rows[:-1]), "tokens: shards are as the manifest says"),
    (
        spoil_rows("judgements", set_value("score", lambda score: score - 1)),
        "overall is the sum of the criteria of a judge that gives points on them",
    ),
    (spoil_rows("sft", drop_image_part), "sft: image parts, pictures and ids are as many"),
    (
        spoil_rows("janus", set_value("labels", lambda labels: labels[:-1])),
        "janus: four lists of one length; labels repeat ids",
    ),
    (
        spoil_rows("janus", change_thought_token),
        "janus: generate has all thoughts so far, then all ids so far",
    ),
    (spoil_rows("janus", change_target), "janus: generate has all thoughts so far, then all ids so far"),
    (spoil_rows("dpo", swap_sides("redo")), "dpo: failed against better attempts"),
    (spoil_rows("dpo", swap_sides("sample")), "dpo: best against worst of a prompt"),
    (spoil_rows("critique_dpo", lambda rows: rows[1:]), "critique_dpo: each canvas with its own critique"),
    (
        spoil_rows("grpo", set_value("rewards", lambda rewards: [reward ^ 1 for reward in rewards])),
        "grpo: a row a prompt, with the rewards of its pictures",
    ),
    (
        spoil_rows("grpo", set_value("advantages", lambda values: [value + 0.01 for value in values])),
        "grpo: advantages are relative to the group",
    ),
    (spoil_rows("trajectories", swap_pictures), "the finished picture is the last canvas"),
    (copy_to_validation, "no prompt stands in both splits"),
    (
        spoil_schema("sft", lambda table: table.replace_schema_metadata({})),
        "sft: features are declared in the schema of every file",
    ),
    (spoil_schema("steps", as_large), "steps: nullable columns of plain types"),
    (
        spoil_schema("steps", lambda table: table),
        "steps: pictures are stored plainly, other columns compressed and with statistics",
    ),
    (
        lambda release: (release / "README.md").write_text("", encoding="utf-8"),
        "every file has the checksum in SHA256SUMS",
    ),
    (lambda release: (release / "more.txt").touch(), "SHA256SUMS names every file"),
]


# The same for what a library makes of the files.
SPOILT_FOR_READERS = [
    (
        spoil_schema("trajectories", lambda table: table.replace_schema_metadata({})),
        "trajectories train by file: pictures are known as such",
    ),
    (spoil_rows("steps", lambda rows: rows[:-1]), "steps train by folder"),
]

CONTENT = [files.check, relations.check, samples.check, preferences.check, pictures.check]


def failing(release: Path, parts: list) -> set[str]:
    checks = Checks("", quiet=True)
    for part in parts:
        # A spoilt release may stop a check halfway; what failed before still counts.
        try:
            part(Release(release), checks)
        except (KeyError, ValueError, AttributeError) as error:
            checks.failed.append(repr(error))
    return set(checks.failed)


def main(original: Path) -> int:
    checks = Checks("self-test")
    checks.equal("nothing fails on the release as it is", failing(original, CONTENT), set())
    everything = [(*case, CONTENT) for case in SPOILT]
    everything += [(*case, [readers.datasets]) for case in SPOILT_FOR_READERS]
    for spoil, name, parts in everything:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(original.parent / "job.json", folder)
            copy = Path(folder) / "release"
            shutil.copytree(original, copy)
            spoil(copy)
            noticed = any(failed.endswith(name) for failed in failing(copy, parts))
            checks.that(f"is noticed: {name}", noticed, "the check passed on spoilt data")
    check_difference(checks)
    return checks.close()


def check_difference(checks: Checks) -> None:
    """The comparison behind all readers sees every kind of difference."""
    table = pa.table({"a": [1, 2], "b": [["x"], ["y", None]]})
    others = [
        table.slice(0, 1),
        table.rename_columns(["a", "c"]),
        pa.table({"a": [1, 3], "b": [["x"], ["y", None]]}),
        pa.table({"a": [1, 2], "b": [["x"], ["y", "z"]]}),
    ]
    checks.equal("a table does not differ from itself", difference(table, table), "")
    checks.that("other tables differ", all(difference(other, table) for other in others))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
