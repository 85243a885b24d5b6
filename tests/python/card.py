"""The dataset card and the Croissant metadata: what they promise is in the files."""

import contextlib
import io
import re
import xml.etree.ElementTree

import yaml

from checks import Checks
from release import Release


def check(release: Release, checks: Checks) -> None:
    text = (release.path / "README.md").read_text(encoding="utf-8")
    _, front_matter, page = text.split("---\n", 2)
    check_front_matter(release, yaml.safe_load(front_matter), checks)
    check_page(release, page, checks)
    check_croissant(release, checks)


def check_front_matter(release: Release, card: dict, checks: Checks) -> None:
    wanted = {"pretty_name", "license", "language", "task_categories", "tags", "size_categories", "configs", "dataset_info"}
    checks.equal("card: every field of the front matter", wanted - card.keys(), set())
    found = {(i["config_name"], s["name"]): s["num_examples"] for i in card["dataset_info"] for s in i["splits"]}
    rows = {(c, s): release.table(c, s).num_rows for c in release.configs for s in release.splits(c)}
    checks.equal("card: rows of every split", found, rows)
    for info in card["dataset_info"]:
        schema = release.table(info["config_name"], release.splits(info["config_name"])[0]).schema
        checks.equal(f"card: features of {info['config_name']}", [f["name"] for f in info["features"]], schema.names)
    paths = [file["path"] for config in card["configs"] for file in config["data_files"]]
    checks.none("card: files of every split", [p for p in paths if not list(release.path.glob(p))], len(paths))


def check_page(release: Release, page: str, checks: Checks) -> None:
    links = re.findall(r'!\[[^]]*]\(([^)]+)\)|<img src="([^"]+)"', page)
    files = [release.path / (markdown or html) for markdown, html in links]
    checks.none("card: pictures and plots are there", [f for f in files if not f.is_file()], len(files))
    for plot in {file for file in files if file.suffix == ".svg"}:
        checks.attempt(f"card: {plot.name} is SVG", lambda: xml.etree.ElementTree.parse(plot))
    snippets = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    checks.equal("card: snippets", len(snippets) >= 4, True)
    for number, snippet in enumerate(snippets, start=1):
        code = snippet.replace("path/to/this/folder", str(release.path))
        checks.attempt(f"card: snippet {number} runs", lambda: run(code))


def run(code: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "README.md", "exec"), {})  # the card's own code, which is what is tested


def check_croissant(release: Release, checks: Checks) -> None:
    import mlcroissant as mlc

    dataset = checks.attempt("croissant: valid", lambda: mlc.Dataset(jsonld=release.path / "croissant.json"))
    if dataset is None:
        return
    checks.equal("croissant: no errors", list(dataset.metadata.ctx.issues.errors), [])
    checks.equal("croissant: tables", [s.name for s in dataset.metadata.record_sets], release.configs)
    for config in release.configs:
        rows = release.rows(config)
        records = list(dataset.records(config))
        key = f"{config}/id"
        found = sorted(str(record[key].decode()) for record in records)
        checks.equal(f"croissant: ids of {config}", found, sorted(row["id"] for row in rows))
    sizes = {record["trajectories/final_image"].size for record in dataset.records("trajectories")}
    checks.equal("croissant: pictures are pictures", len(sizes), 1)
    described = {field.name for field in dataset.metadata.record_sets[0].fields}
    plain = {f.name for f in release.table("trajectories", "train").schema if str(f.type) in ("string", "int32", "int64")}
    checks.equal("croissant: single values are described", plain - described, set())
