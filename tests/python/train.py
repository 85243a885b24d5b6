"""Trains a tiny Janus on a release, and checks that what it learns is what was written.

    python train.py RELEASE CHECKPOINT [--only PART...]

CHECKPOINT is the folder made by `tiny_janus.py`, with whose tokenizer the release was made.
`authors_janus.py` has the same collator on the authors' Janus classes.
"""

import argparse
import math
import os
import sys
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "crates/twig-samples/examples"))

import torch

from checks import Checks
from janus_collator import collate, embedded, losses, parts
from janus_training import Rows, ShardRows, length_histogram, manifest, shards, task_sampler, train
from tiny_janus import EOS, PAD, PLACE, load_processor, make_model
from trl_trainers import check_trl

IGNORED = -100

# Matrices this small gain nothing from more threads, and one gives the same figures everywhere.
torch.set_num_threads(1)


class Setup:
    """The release, the tokenizer it was made with, and fresh models."""

    def __init__(self, release: Path, checkpoint: Path):
        self.release, self.files = release, shards(release)
        self.rows = Rows(self.files)
        self.processor = load_processor(checkpoint)
        self.tokenizer = self.processor.tokenizer
        self.image_id, self.pad_id, self.eos_id = self.tokenizer.convert_tokens_to_ids([PLACE, PAD, EOS])
        self.codebook_size = manifest(release)["tokenizers"][0]["codebook_size"]

    def model(self):
        return make_model(self.tokenizer, self.codebook_size)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="only these parts")
    arguments = parser.parse_args()
    checks = Checks("training")
    setup = Setup(arguments.release, arguments.checkpoint)
    for name, part in PARTS.items():
        if not arguments.only or name in arguments.only:
            checks.attempt(f"{name}: all was looked at", lambda: part(setup, checks))
    return checks.close()


def check_ids(setup: Setup, checks: Checks) -> None:
    """Ids are those that transformers makes of the whole text, as the released code and Janus's processor do."""
    import pyarrow.parquet as pq

    trajectories = {}
    for file in sorted((setup.release / "trajectories").glob("train-*.parquet")):
        for row in pq.read_table(file, columns=["id", "steps"]).to_pylist():
            trajectories[row["id"]] = row["steps"]
    wrong, seen = [], 0
    for index in range(len(setup.rows)):
        row = setup.rows[index]
        trajectory, task, region, attempt = row["id"].rsplit("-", 3)
        if task != "generate":
            continue
        last = {step["region_index"]: step["thought"] for step in trajectories[trajectory]}
        own = next(
            step["thought"]
            for step in trajectories[trajectory]
            if (step["region_index"], step["attempt"]) == (int(region), int(attempt))
        )
        thoughts = " ".join([*(last[k] for k in range(int(region))), own])
        wanted = setup.tokenizer(f"User: {thoughts}\n\nAssistant:<begin_of_image>").input_ids
        seen += 1
        if row["input_ids"][: row["prompt_len"]] != wanted:
            wrong.append(row["id"])
    checks.none("the prefix has the ids of the released code's text", wrong, seen)


def check_losses(setup: Setup, checks: Checks) -> None:
    """Thirty steps through the plain collator, over a sampler that mixes tasks."""
    sampler = task_sampler(setup.files, {"think": 1, "reflect": 1, "generate": 2}, 60)
    model = setup.model()
    steps = [*train(model, setup.rows, setup.image_id, setup.pad_id, 30, 3e-3, 2, sampler=sampler)]
    checks.equal("30 steps were made", len(steps), 30)
    texts = [text for text, _ in steps if text > 0]
    images = [image for _, image in steps if image > 0]
    for name, found, size in [("text", texts, len(setup.tokenizer)), ("image", images, setup.codebook_size)]:
        first, wanted = found[0], math.log(size)
        start = f"{name} loss starts at {first:.2f}, ln {size} is {wanted:.2f}"
        checks.that(start, abs(first - wanted) < 0.1 * wanted)
        end = sum(found[-3:]) / 3
        checks.that(f"{name} loss falls from {first:.2f} to {end:.2f}", end < first - 0.3)


def four_samples(setup: Setup) -> list[dict]:
    """A thought, a critique, the first two regions of pictures, each the shortest of its kind."""
    kinds: dict[tuple, dict] = {}
    for index in range(len(setup.rows)):
        row = setup.rows[index]
        region = int(row["id"].rsplit("-", 2)[1])
        kind = (row["task"], region if row["task"] == "generate" else bool(row["images"]))
        if kind not in kinds or len(row["input_ids"]) < len(kinds[kind]["input_ids"]):
            kinds[kind] = row
    return [kinds[kind] for kind in [("think", False), ("reflect", True), ("generate", 0), ("generate", 1)]]


def shifted(row: dict) -> dict:
    """The row with labels as a trainer that does not shift would want them."""
    return row | {name: [*row[name][1:], IGNORED] for name in ("labels", "vq_labels")}


def overfit(setup: Setup, rows: list[dict], model, most_steps: int = 400) -> float:
    """Trains on the same samples, each unpadded, until the losses are small; their mean at the end."""
    batches = [collate([row], setup.pad_id) for row in rows]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    for step in range(most_steps):
        loss = 0.0
        for batch in batches:
            part = sum(losses(model, batch, setup.image_id)) / len(batches)
            part.backward()
            loss += part.item()
        if loss < 0.02:
            break
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 25 == 0:
            print(f"      step {step}: loss {loss:.3f}", flush=True)
    return loss


@torch.no_grad()
def given_back(setup: Setup, row: dict, model) -> list[int]:
    """What the model writes greedily behind the part of the row that is not learnt, as many ids as are learnt."""
    *_, language, text_head, code_head = parts(model)
    name, head = ("vq_ids", code_head) if row["task"] == "generate" else ("input_ids", text_head)
    count = len(learnt(row))
    known = len(row["input_ids"]) - count
    start = row | {key: row[key][:known] for key in ("input_ids", "labels", "vq_ids", "vq_labels")}
    for _ in range(count):
        batch = collate([start], setup.pad_id)
        embeds = embedded(model, batch, setup.image_id)
        hidden = language(inputs_embeds=embeds, attention_mask=batch["attention_mask"]).last_hidden_state
        next_id = head(hidden[:, -1]).argmax(-1).item()
        blank = {"input_ids": setup.pad_id, "labels": IGNORED, "vq_ids": -1, "vq_labels": IGNORED} | {name: next_id}
        start = start | {key: [*start[key], value] for key, value in blank.items()}
    return start[name][known:]


def learnt(row: dict) -> list[int]:
    labels = row["vq_labels"] if row["task"] == "generate" else row["labels"]
    return [label for label in labels if label != IGNORED]


def check_overfit(setup: Setup, checks: Checks) -> None:
    """Four samples are learnt by heart and given back; with shifted labels they are not."""
    rows = four_samples(setup)
    for name, trained_on, must_hold in [("as written", rows, True), ("shifted", [*map(shifted, rows)], False)]:
        model = setup.model()
        loss = overfit(setup, trained_on, model)
        right = [given_back(setup, row, model) == learnt(row) for row in rows]
        what = f"labels {name}: loss {loss:.3f}, samples given back {sum(right)} of {len(rows)}"
        if must_hold:
            checks.that(what, loss < 0.1 and all(right))
        else:
            checks.that(f"{what}, as it must be", not any(right))


def check_example(setup: Setup, checks: Checks) -> None:
    """Histogram, sampler and resuming of the example."""
    histogram = length_histogram(setup.files)
    checks.equal("the histogram counts every sample", sum(histogram.values()), len(setup.rows))
    tasks = setup.rows.table["task"].to_pylist()
    drawn = [tasks[index] for index in task_sampler(setup.files, {"think": 1, "generate": 3}, 4000)]
    share = drawn.count("generate") / len(drawn)
    checks.that(f"three quarters generate are drawn: {share:.2f}", abs(share - 0.75) < 0.03)
    checks.equal("what has no weight is not drawn", drawn.count("reflect"), 0)
    everything = [row["id"] for row in ShardRows(setup.files)]
    wanted = [
        id for id, taken in zip(*(setup.rows.table[name].to_pylist() for name in ("id", "in_default_mix"))) if taken
    ]
    checks.equal("shard by shard is the default mix in order", everything, wanted)
    whole, places = ShardRows(setup.files), []
    for row in whole:
        places.append((row["id"], whole.state_dict()))
    for id, place in places[:: max(1, len(places) // 7)]:
        resumed = ShardRows(setup.files)
        resumed.load_state_dict(place)
        rest = [row["id"] for row in resumed]
        checks.equal(f"resumed after {id}", rest, everything[everything.index(id) + 1 :])


PARTS = {"ids": check_ids, "losses": check_losses, "overfit": check_overfit, "example": check_example, "trl": check_trl}

if __name__ == "__main__":
    sys.exit(main())
