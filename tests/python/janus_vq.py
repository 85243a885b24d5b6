"""Compares our Janus tokenizer with transformers' and diffusers': python janus_vq.py JANUS_VQ_PROGRAM RELEASE WORK_FOLDER

Real configuration, seeded random weights. On photographs and on pictures of a release of the embedded teacher, every
id must be the same, unless two codes lie so close that PyTorch itself, in another precision or on another number of
threads, may take either; how often that was is printed. Decoded pictures must be within one level of 255.
"""

import io
import json
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import save_file

import janus_vq_model as janus

NUM_PROCEDURAL = 12
# Squared distances between unit vectors that differ by less are a tie.
NEAR_TIE = 1e-4
MIN_DISTINCT = 2000
NUM_DECODED = 6
# Pictures whose ids are compared with diffusers' too.
NUM_SECOND = 6


def procedural(release: pathlib.Path, folder: pathlib.Path) -> list[pathlib.Path]:
    shard = sorted(release.glob("trajectories/train-*.parquet"))[0]
    rows = pq.read_table(shard, columns=["final_image"]).column("final_image").to_pylist()[:NUM_PROCEDURAL]
    assert len(rows) == NUM_PROCEDURAL, f"{release} has too few pictures"
    paths = [folder / f"procedural-{index}.png" for index in range(len(rows))]
    for path, row in zip(paths, rows):
        Image.open(io.BytesIO(row["bytes"])).save(path)
    return paths


def run(*arguments: object) -> str:
    return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True).stdout


def compare_ids(vq: janus.JanusVQVAE, paths: list[pathlib.Path], ours: list[list[int]]) -> int:
    """Number of near ties that were decided differently; any other difference fails."""
    codes, ties, distinct = vq.quantize.embedding.weight, 0, set()
    for path, ids in zip(paths, ours):
        output = vq.encode(janus.pixels(path))
        theirs, ids = output.image_tokens.flatten(), torch.tensor(ids)
        distinct |= set(ids.tolist())
        for at in (theirs != ids).nonzero().flatten().tolist():
            vectors = vq.quant_conv(output.last_hidden_state).permute(0, 2, 3, 1).reshape(-1, codes.shape[1])
            unit = torch.nn.functional.normalize(vectors[at].double(), dim=0)
            distances = [(unit - codes[i].double()).square().sum().item() for i in (ids[at], theirs[at])]
            gap = abs(distances[0] - distances[1])
            assert gap < NEAR_TIE, f"{path.name}, token {at}: {ids[at]} in place of {theirs[at]}, {gap:.2g} apart"
            ties += 1
    assert len(distinct) >= MIN_DISTINCT, f"only {len(distinct)} distinct ids"
    print(f"{len(paths)} pictures, {576 * len(paths)} ids, {len(distinct)} distinct, {ties} near ties decided otherwise")
    return ties


def compare_pixels(program: str, checkpoint: pathlib.Path, vq: janus.JanusVQVAE, ids: list[list[int]], work: pathlib.Path) -> None:
    (work / "ids.json").write_text(json.dumps(ids))
    run(program, checkpoint, "decode", work / "ids.json", work)
    most = 0
    for index, one in enumerate(ids):
        decoded = vq.decode(torch.tensor([one]))[0].permute(1, 2, 0).numpy()
        theirs = np.clip((decoded + 1) / 2 * 255, 0, 255).astype(np.uint8).astype(int)
        assert theirs.std() > 10, "a flat picture tells nothing"
        ours = np.array(Image.open(work / f"{index}.png")).astype(int)
        most = max(most, int(np.abs(ours - theirs).max()))
    assert most <= 1, f"decoded pictures differ by up to {most} levels"
    print(f"{len(ids)} decoded pictures within {most} of 255 levels")


def compare_second(program: str, checkpoint: pathlib.Path, vq: janus.JanusVQVAE, paths: list[pathlib.Path], ours: list[list[int]], work: pathlib.Path) -> None:
    """The same against diffusers' network with the same weights: ids of some pictures, and one of them decoded."""
    other, codes = janus.in_diffusers(vq), vq.quantize.embedding.weight
    different = 0
    for path, ids in list(zip(paths, ours))[:: len(paths) // NUM_SECOND]:
        vectors = other.quant_conv(other.encoder(janus.pixels(path))).permute(0, 2, 3, 1).reshape(-1, codes.shape[1])
        products = torch.nn.functional.normalize(vectors.double(), dim=1) @ codes.double().T
        most, ids = products.max(dim=1).values, torch.tensor(ids)
        # Between unit vectors the squared distance is 2 - 2 times the product.
        gaps = 2 * (most - products.gather(1, ids[:, None])[:, 0])
        assert gaps.max() < NEAR_TIE, f"{path.name}: an id is {gaps.max():.2g} farther than the nearest"
        different += (gaps > 0).sum().item()
    (work / "ids.json").write_text(json.dumps(ours[:1]))
    run(program, checkpoint, "decode", work / "ids.json", work)
    quantized = codes[torch.tensor(ours[0])].reshape(1, 24, 24, -1).permute(0, 3, 1, 2)
    decoded = other.decoder(other.post_quant_conv(quantized))[0].permute(1, 2, 0).numpy()
    theirs = np.clip((decoded + 1) / 2 * 255, 0, 255).astype(np.uint8).astype(int)
    most = int(np.abs(np.array(Image.open(work / "0.png")).astype(int) - theirs).max())
    assert most <= 1, f"a decoded picture differs from diffusers' by up to {most} levels"
    print(f"diffusers: {NUM_SECOND} pictures or more, {different} near ties decided otherwise, pixels within {most} of 255 levels")


def compare_formats(program: str, vq: janus.JanusVQVAE, picture: pathlib.Path, work: pathlib.Path) -> None:
    """The same ids from the authors' names, in PyTorch's format, and in shards with another model's tensors."""
    state = {janus.original_name(name): tensor for name, tensor in vq.state_dict().items()}
    pickled, sharded = work / "pickled", work / "sharded"
    for folder in (pickled, sharded):
        folder.mkdir(exist_ok=True)
    torch.save(state | {"language_model.lm_head.weight": torch.zeros(2, 2)}, pickled / "pytorch_model.bin")
    names = sorted(state)
    half = len(names) // 2
    index = {}
    for shard, some in enumerate([names[:half], names[half:]]):
        file = f"model-0000{shard + 1}-of-00002.safetensors"
        save_file({name: state[name].contiguous() for name in some}, sharded / file)
        index |= dict.fromkeys(some, file)
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    wanted = vq.encode(janus.pixels(picture)).image_tokens.flatten().tolist()
    for folder in (pickled, sharded):
        ids = json.loads(run(program, folder, "encode", picture))[0]
        different = sum(a != b for a, b in zip(ids, wanted))
        assert different <= 1, f"{folder.name}: {different} ids differ"
    print("pickled and sharded checkpoints give the same ids")


@torch.no_grad()
def main() -> None:
    program, release, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    work.mkdir(parents=True, exist_ok=True)
    vq = janus.model()
    checkpoint = work / "model.safetensors"
    save_file(vq.state_dict(), checkpoint, metadata={"format": "pt"})
    paths = janus.photographs(work) + procedural(release, work)
    ours = json.loads(run(program, checkpoint, "encode", *paths))
    compare_ids(vq, paths, ours)
    generator = torch.Generator().manual_seed(5)
    drawn = torch.randint(0, 16384, (2, 576), generator=generator).tolist()
    partial = ours[0][:192] + [0] * 384
    compare_pixels(program, checkpoint, vq, [*ours[: NUM_DECODED - 3], *drawn, partial], work)
    compare_second(program, checkpoint, vq, paths, ours, work)
    compare_formats(program, vq, paths[0], work)


if __name__ == "__main__":
    main()
