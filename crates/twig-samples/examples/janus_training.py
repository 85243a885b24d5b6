"""Fine-tunes Janus-Pro on the table `janus` of a release.

    python janus_training.py RELEASE CHECKPOINT --steps 1000 --device cuda

The release must have been made with the tokenizers of the same checkpoint (`tokens.tokenizers` of kind `janus_vq`). CHECKPOINT is one in the form of transformers; for the authors' classes, load the model with
their package and hand it to `train`.
"""

import argparse
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, WeightedRandomSampler

from janus_collator import collate, losses

COLUMNS = ["id", "task", "in_default_mix", "input_ids", "labels", "vq_ids", "vq_labels", "prompt_len", "images"]


def manifest(release: Path) -> dict:
    return json.loads((release / "manifest.json").read_text(encoding="utf-8"))


def shards(release: Path, split: str = "train") -> list[Path]:
    """The files of a split, in order."""
    configs = {config["name"]: config["splits"] for config in manifest(release)["configs"]}
    splits = {one["name"]: one["shards"] for one in configs["janus"]}
    return [release / shard["path"] for shard in splits[split]]


def column(files: list[Path], name: str) -> list:
    """One column of all rows; reads nothing else."""
    return pa.concat_tables(pq.read_table(file, columns=[name]) for file in files)[name].to_pylist()


def length_histogram(files: list[Path], width: int = 256) -> dict[int, int]:
    """How many samples have how many tokens: the lower end of each bin, and its samples."""
    return dict(sorted(Counter(length // width * width for length in column(files, "num_tokens")).items()))


def task_sampler(files: list[Path], weights: dict[str, float], num_samples: int, seed: int = 0):
    """Draws rows so that the groups of tasks come in proportion to their weights, however many rows they have."""
    tasks = column(files, "task")
    counts = Counter(tasks)
    row_weights = [weights.get(task, 0.0) / counts[task] for task in tasks]
    return WeightedRandomSampler(row_weights, num_samples, generator=torch.Generator().manual_seed(seed))


def decoded(row: dict) -> dict:
    """The row with pictures in place of their bytes."""
    return row | {"images": [Image.open(io.BytesIO(image["bytes"])) for image in row["images"]]}


class Rows(torch.utils.data.Dataset):
    """All rows of a split in memory, for samplers."""

    def __init__(self, files: list[Path]):
        self.table = pa.concat_tables(pq.read_table(file, columns=COLUMNS) for file in files)

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, index: int) -> dict:
        return decoded(self.table.slice(index, 1).to_pylist()[0])


class ShardRows(IterableDataset):
    """Rows shard by shard, a row group in memory, and where to go on after an interruption.

    A release is in a random order already, so nothing is shuffled here.
    """

    def __init__(self, files: list[Path], take=lambda row: row["in_default_mix"]):
        self.files, self.take = files, take
        self.shard, self.offset = 0, 0

    def state_dict(self) -> dict:
        """The row that comes next: its shard, and its offset in it."""
        return {"shard": self.shard, "offset": self.offset}

    def load_state_dict(self, state: dict) -> None:
        self.shard, self.offset = state["shard"], state["offset"]

    def __iter__(self):
        while self.shard < len(self.files):
            file, first = pq.ParquetFile(self.files[self.shard]), 0
            for group in range(file.num_row_groups):
                after = first + file.metadata.row_group(group).num_rows
                if self.offset < after:
                    table = file.read_row_group(group, columns=COLUMNS)
                    for row in table.slice(self.offset - first).to_pylist():
                        self.offset += 1
                        if self.take(row):
                            yield decoded(row)
                first = after
            self.shard, self.offset = self.shard + 1, 0


def train(model, rows, image_id: int, pad_id: int, steps: int, lr: float = 1e-5, batch_size: int = 1, **loader):
    """Trains for so many steps and yields the text and image loss of each."""
    batches = DataLoader(rows, batch_size, collate_fn=lambda rows: collate(rows, pad_id), **loader)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
    device = next(model.parameters()).device
    for _, batch in zip(range(steps), batches):
        batch = {name: value if value is None else value.to(device) for name, value in batch.items()}
        text_loss, image_loss = losses(model, batch, image_id)
        (text_loss + image_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield text_loss.item(), image_loss.item()


def main() -> None:
    from transformers import JanusForConditionalGeneration

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("checkpoint")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume", type=Path, default=Path("resume.json"), help="where to go on in the shards")
    arguments = parser.parse_args()
    ids = manifest(arguments.release)["text_tokenizer"]["special_ids"]
    files = shards(arguments.release)
    print("samples by length:", length_histogram(files))
    model = JanusForConditionalGeneration.from_pretrained(arguments.checkpoint, dtype=torch.bfloat16)
    model.to(arguments.device).train()
    # The tokenizer that made the ids and the two vision towers stay as they are.
    for frozen in (model.model.vqmodel, model.model.vision_model):
        frozen.requires_grad_(False)
    rows = ShardRows(files)
    if arguments.resume.exists():
        rows.load_state_dict(json.loads(arguments.resume.read_text()))
    image_id, pad_id = ids["<image_placeholder>"], ids["<｜▁pad▁｜>"]
    for step, (text, image) in enumerate(train(model, rows, image_id, pad_id, arguments.steps)):
        print(f"step {step}: text {text:.3f}, image {image:.3f}", flush=True)
        arguments.resume.write_text(json.dumps(rows.state_dict()))
    model.save_pretrained("janus-twig")


if __name__ == "__main__":
    main()
