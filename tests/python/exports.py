"""Reads exports with the programs they are for and compares what these see with the release.

    python exports.py RELEASE EXPORTS [--only FORMAT...]

EXPORTS holds a folder for each format, named as on the command line. Prints a line a check and closes with
`exports: N passed, N failed`.
"""

import argparse
import base64
import importlib.machinery
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from checks import Checks
from release import Release

# Nothing here may look for a dataset anywhere but in the folder it is given. Read when the libraries are imported.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ |= {"DISABLE_VERSION_CHECK": "1", "TOKENIZERS_PARALLELISM": "false"}


def jsonl(release: Release, export: Path, checks: Checks) -> None:
    """Lines as `json` and `datasets` read them; pictures as files."""
    import datasets as hf

    for split in release.splits("trajectories"):
        files = sorted(str(path) for path in export.glob(f"{split}-*.jsonl"))
        lines = [json.loads(line) for file in files for line in Path(file).read_text(encoding="utf-8").splitlines()]
        found = [(l["id"], l["prompt"], l["reward"], (export / l["image"]).read_bytes()) for l in lines]
        rows = of_split(release, "trajectories", split)
        wanted = [(r["id"], r["prompt"], r["reward"], r["final_image"]["bytes"]) for r in rows]
        checks.that(f"jsonl: {split}: texts and pictures", found == wanted)
        steps = [[(s["thought"], s["score"], (export / s["image"]).read_bytes()) for s in l["steps"]] for l in lines]
        checks.that(f"jsonl: {split}: steps", steps == [canvases(row) for row in rows])
        with tempfile.TemporaryDirectory() as cache:
            loaded = hf.load_dataset("json", data_files=files, split="train", cache_dir=cache)
        checks.equal(f"jsonl: {split}: datasets", loaded["id"][:], [row["id"] for row in rows])


def webdataset(release: Release, export: Path, checks: Checks) -> None:
    """The tar files through webdataset and through `datasets`."""
    import datasets as hf
    import numpy as np
    import webdataset as wds

    for split in release.splits("trajectories"):
        tars = sorted(str(path) for path in export.glob(f"{split}-*.tar"))
        wanted = list(wanted_samples(release, split))
        decoded = wds.WebDataset(tars, shardshuffle=False).decode("pilrgb")
        found = [(s["__key__"], s["json"]["thoughts"], s["png"].tobytes(), s["tokens.npy"].tolist()) for s in decoded]
        checks.that(f"webdataset: {split}: webdataset", found == wanted, f"{len(found)} and {len(wanted)} samples")
        with tempfile.TemporaryDirectory() as cache:
            loaded = hf.load_dataset("webdataset", data_files=tars, split="train", cache_dir=cache)
            found = [
                (s["__key__"], s["json"]["thoughts"], s["png"].convert("RGB").tobytes(), np.asarray(s["tokens.npy"]).tolist())
                for s in loaded
            ]
        checks.that(f"webdataset: {split}: datasets", found == wanted)


def energon(release: Release, export: Path, checks: Checks) -> None:
    """The same tar files through Megatron Energon, after its own preparation: every attempt once, with its values."""
    from dataclasses import dataclass

    from megatron.energon import (
        Cooker,
        CrudeSample,
        DefaultTaskEncoder,
        Sample,
        WorkerConfig,
        basic_sample_keys,
        get_loader,
        get_train_dataset,
        get_val_dataset,
        stateless,
    )

    @dataclass
    class Attempt(Sample):
        thoughts: list
        picture: bytes
        tokens: list

    @stateless
    def cook(sample: CrudeSample) -> Attempt:
        picture = (sample["png"] * 255).round().byte().permute(1, 2, 0).numpy().tobytes()
        values = {"thoughts": sample["json"]["thoughts"], "picture": picture, "tokens": sample["tokens.npy"].tolist()}
        return Attempt(**basic_sample_keys(sample), **values)

    class Encoder(DefaultTaskEncoder):
        """Hands samples out one by one, as they are."""

        cookers = [Cooker(cook)]

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "export"
        shutil.copytree(export, copy)
        command = [Path(sys.executable).parent / "energon", "prepare", "--non-interactive"]
        command += ["--split-parts", "train:train-.*", "--split-parts", "val:validation-.*"]
        command += ["--sample-type", "CrudeWebdataset", str(copy)]
        prepared = subprocess.run(command, capture_output=True, text=True)
        checks.equal("energon: prepare", prepared.returncode, 0)
        common = {"worker_config": WorkerConfig(rank=0, world_size=1, num_workers=0), "batch_size": None, "task_encoder": Encoder()}
        once = {"shuffle_buffer_size": None, "max_samples_per_sequence": None, "repeat": False}
        datasets = {"train": get_train_dataset(copy, **common, **once), "validation": get_val_dataset(copy, **common)}
        for split in release.splits("trajectories"):
            loader = get_loader(datasets[split])
            found = [(s.__key__.rsplit("/", 1)[-1], s.thoughts, s.picture, s.tokens) for s in loader]
            wanted = list(wanted_samples(release, split))
            detail = f"{len(found)} and {len(wanted)} samples"
            checks.that(f"energon: {split}: values", sorted(found) == sorted(wanted), detail)


def mds(release: Release, export: Path, checks: Checks) -> None:
    """The shards through MosaicML's reader of files, and through its dataset."""
    from streaming import StreamingDataset
    from streaming.base.format import reader_from_json

    columns = ["id", "prompt", "category", "task", "region_index", "attempt", "reward", "prompt_len"]
    lists = ["input_ids", "labels", "vq_ids", "vq_labels"]
    for split in release.splits("janus"):
        index = json.loads((export / split / "index.json").read_text())
        readers = [reader_from_json(str(export), split, shard) for shard in index["shards"]]
        samples = [reader[i] for reader in readers for i in range(reader.samples)]
        rows = of_split(release, "janus", split)
        found = [[s[c] for c in columns] + [s[c].tolist() for c in lists] for s in samples]
        checks.that(f"mds: {split}: values", found == [[r[c] for c in columns] + [r[c] for c in lists] for r in rows])
        flags = [(bool(s["accepted"]), bool(s["in_default_mix"])) for s in samples]
        checks.that(f"mds: {split}: flags", flags == [(r["accepted"], r["in_default_mix"]) for r in rows])
        pictures = [[p.tobytes() for p in s["images"]] for s in samples]
        checks.that(f"mds: {split}: pictures", pictures == [[pixels(p) for p in r["images"]] for r in rows])
        stream = StreamingDataset(local=str(export), split=split, batch_size=1, shuffle=False)
        found = [(s["id"], s["input_ids"].tolist(), [p.tobytes() for p in s["images"]]) for s in stream]
        wanted = [(r["id"], r["input_ids"], [pixels(p) for p in r["images"]]) for r in rows]
        checks.that(f"mds: {split}: StreamingDataset", found == wanted, f"{len(found)} and {len(wanted)} rows")


def llama_factory(release: Release, export: Path, checks: Checks) -> None:
    """Every dataset that dataset_info.json names, through LLaMA-Factory's own loader."""
    import peft  # noqa: F401  before the stand-in below, which it would take for the real one

    # Imported and not used for pictures; the published wheel does not fit the newest PyTorch.
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    sys.modules["torchaudio"].__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments

    model = types.SimpleNamespace(cache_dir=None, hf_hub_token=None, trust_remote_code=False)
    training = types.SimpleNamespace(local_process_index=0, should_log=False, do_train=True)
    for name in json.loads((export / "dataset_info.json").read_text()):
        _, task, split = name.split("_")
        data = DataArguments(dataset_dir=str(export), dataset=name, media_dir=str(export), overwrite_cache=True)
        [attributes] = get_dataset_list([name], str(export))
        loaded = _load_single_dataset(attributes, model, data, training)
        rows = [row for row in of_split(release, "sft", split) if row["task"] == task]
        found = [
            (s["_prompt"][0]["content"], s["_response"][0]["content"], [Path(p).read_bytes() for p in s["_images"] or []])
            for s in loaded
        ]
        wanted = [
            (r["conversations"][0]["value"], r["conversations"][1]["value"], [p["bytes"] for p in r["images"]]) for r in rows
        ]
        # It reads the files of a folder in whatever order the system lists them.
        checks.that(f"llama-factory: {name}", sorted(found) == sorted(wanted), f"{len(found)} and {len(wanted)} samples")


def swift(release: Release, export: Path, checks: Checks) -> None:
    """ms-swift's loader: whole on the release as it is, and streaming, which wants pictures as bytes, on the export."""
    from swift.dataset import load_dataset

    for split in release.splits("sft"):
        whole = load_dataset(release.files("sft", split), strict=True, split_dataset_ratio=0.0)[0]
        found = [(flat(s["messages"]), [pixels(p) for p in s["images"]]) for s in whole]
        wanted = [(flat(r["messages"]), [pixels(p) for p in r["images"]]) for r in of_split(release, "sft", split)]
        checks.that(f"ms-swift: {split} of the release", sorted(found) == sorted(wanted), f"{len(found)} and {len(wanted)}")
        files = sorted(str(path) for path in (export / "sft").glob(f"{split}-*.parquet"))
        rows = of_split(release, "sft", split)
        stream = load_dataset(files, streaming=True, strict=True, split_dataset_ratio=0.0)[0]
        found = [(flat(s["messages"]), [p["bytes"] for p in s["images"]]) for s in stream]
        wanted = [(flat(r["messages"]), [p["bytes"] for p in r["images"]]) for r in rows]
        checks.that(f"ms-swift: {split}", sorted(found) == sorted(wanted), f"{len(found)} and {len(wanted)} samples")


def bagel(release: Release, export: Path, checks: Checks) -> None:
    """As BAGEL's datasets read: row groups by the numbers of the side file, rows through pandas."""
    for split in release.splits("trajectories"):
        rows = of_split(release, "trajectories", split)
        pictures = [
            (json.loads(row["captions"])["prompt"], row["image"]) for row in bagel_rows(export, "t2i", split)
        ]
        checks.that(
            f"bagel: t2i {split}", pictures == [(r["prompt"], r["final_image"]["bytes"]) for r in rows]
        )
        sequences = [
            (list(row["image_list"]), [list(texts) for texts in row["instruction_list"]])
            for row in bagel_rows(export, "editing", split)
        ]
        wanted = [
            ([c[2] for c in canvases(row)], [[step["thought"]] for step in row["steps"][1:]]) for row in rows
        ]
        checks.that(f"bagel: editing {split}", sequences == wanted)


def bagel_rows(export: Path, kind: str, split: str):
    import pyarrow.parquet as pq

    info = json.loads((export / f"parquet_info/{kind}_{split}.json").read_text())
    for path in sorted(str(export / kind / split / name) for name in os.listdir(export / kind / split)):
        for group in range(info[path]["num_row_groups"]):
            for _, row in pq.ParquetFile(path).read_row_group(group).to_pandas().iterrows():
                yield row


def irg(release: Release, export: Path, checks: Checks) -> None:
    """As IRG's dataset reads: one JSON conversation a row, pictures in base64, flags as they stand."""
    from PIL import Image

    for split in release.splits("trajectories"):
        rows = of_split(release, "trajectories", split)
        found, flags = [], []
        for row in bagel_rows(export, "conversation", split):
            user, assistant = json.loads(row["conversation"])
            images = [part for part in assistant["content"] if part["type"] == "image"]
            decoded = [base64.b64decode(part["content"]) for part in images]
            found.append((user["content"], decoded))
            flags.append([(p["need_loss"], p["need_vae"], p["need_vit"]) for p in images])
            for picture in decoded:
                Image.open(io.BytesIO(picture)).load()
            assert all(part["need_loss"] for part in assistant["content"] if part["type"] == "text")
        checks.that(
            f"irg: {split}: texts and pictures",
            found == [(row["prompt"], [c[2] for c in canvases(row)]) for row in rows],
        )
        checks.equal(f"irg: {split}: what is learnt and what is seen", flags, [wanted_flags(row) for row in rows])


def wanted_flags(row: dict) -> list:
    steps = row["steps"]
    last = {step["region_index"]: step["step"] for step in steps}
    return [
        (last[step["region_index"]] == step["step"], step is not steps[-1], step is not steps[-1]) for step in steps
    ]


def codes(release: Release, export: Path, checks: Checks) -> None:
    """Ids as NumPy reads them."""
    import numpy as np

    for split in release.splits("trajectories"):
        files = sorted(export.glob(f"{split}-*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        arrays = [np.load(export / line["code_path"], allow_pickle=False) for line in lines]
        checks.that(f"codes: {split}: type and shape", all(a.dtype == np.int32 and a.shape[0] == 1 for a in arrays))
        rows = of_split(release, "trajectories", split)
        found = [(line["id"], array[0].tolist()) for line, array in zip(lines, arrays)]
        checks.that(f"codes: {split}: ids", found == [(row["id"], row["image_tokens"]) for row in rows])


def plain(release: Release, export: Path, checks: Checks) -> None:
    """`datasets` hands pictures out as bytes, and the values are the release's."""
    import datasets as hf
    import pyarrow.parquet as pq

    for config in release.configs:
        for split in release.splits(config):
            files = sorted(str(path) for path in (export / config).glob(f"{split}-*.parquet"))
            rows = [row for file in files for row in pq.read_table(file).to_pylist()]
            checks.that(f"plain: {config} {split}", rows == of_split(release, config, split))
    files = sorted(str(path) for path in (export / "trajectories").glob("train-*.parquet"))
    with tempfile.TemporaryDirectory() as cache:
        first = hf.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)[0]
    checks.equal("plain: a picture is a dict of bytes", sorted(first["final_image"]), ["bytes", "path"])


def of_split(release: Release, config: str, split: str) -> list[dict]:
    return release.table(config, split).to_pylist()


def canvases(row: dict) -> list[tuple]:
    """Thought, score and canvas of each attempt."""
    return [(s["thought"], s["score"], row["images"][s["image_index"]]["bytes"]) for s in row["steps"]]


def wanted_samples(release: Release, split: str):
    """Key, thoughts so far, pixels and ids of each attempt."""
    for row in of_split(release, "trajectories", split):
        last = {step["region_index"]: step["step"] for step in row["steps"]}
        kept = []
        for step, ids in zip(row["steps"], row["step_tokens"], strict=True):
            key = f"{row['id']}-s{step['step']:02}"
            yield key, [*kept, step["thought"]], pixels(row["images"][step["image_index"]]), ids
            if last[step["region_index"]] == step["step"]:
                kept.append(step["thought"])


def pixels(picture: dict) -> bytes:
    from PIL import Image

    return Image.open(io.BytesIO(picture["bytes"])).convert("RGB").tobytes()


def flat(messages: list) -> list:
    """Roles and texts, a picture's place as `<image>`, whichever way the content is given."""

    def text(content) -> str:
        if isinstance(content, str):
            return content
        return "".join("<image>" if part["type"] == "image" else part["text"] for part in content)

    return [(message["role"], text(message["content"])) for message in messages]


LIGHT = {"jsonl": jsonl, "webdataset": webdataset, "bagel": bagel, "irg": irg, "codes": codes, "plain": plain}
# Those that need PyTorch, with the folder of the format they read.
TRAIN = {"mds": (mds, "mds"), "energon": (energon, "webdataset"), "llama-factory": (llama_factory, "llama-factory"), "ms-swift": (swift, "plain")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("exports", type=Path)
    parser.add_argument("--train", action="store_true", help="the readers that need PyTorch instead of the light ones")
    parser.add_argument("--only", nargs="+", choices=[*LIGHT, *TRAIN])
    arguments = parser.parse_args()
    readers = TRAIN if arguments.train else {name: (reader, name) for name, reader in LIGHT.items()}
    release, checks = Release(arguments.release), Checks("exports")
    for name, (reader, folder) in readers.items():
        if not arguments.only or name in arguments.only:
            checks.attempt(f"{name}: all was looked at", lambda: reader(release, arguments.exports.resolve() / folder, checks))
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
