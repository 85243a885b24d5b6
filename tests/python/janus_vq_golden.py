"""Writes the golden files of the Janus tokenizer's Rust tests, from transformers' implementation.

    python tests/python/janus_vq_golden.py crates/twig-tokens/src/janus_vq

A small network of the real form. Weights and pictures follow from a hash of their positions, which the Rust tests
compute too, so that only ids and pixels have to be kept. Needs the packages of requirements-train.txt.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
from transformers.models.janus.configuration_janus import JanusVQVAEConfig
from transformers.models.janus.modeling_janus import JanusVQVAE

BASE_CHANNELS, LATENT_CHANNELS, NUM_CODES, GRID = 32, 32, 512, 4
NUM_PICTURES = 4


def uniform(tensor: int, count: int) -> np.ndarray:
    """Numbers from -0.5 to 0.5: the finalizer of MurmurHash3 on the position."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(tensor) * np.uint32(40503)
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) / 2**24 - 0.5


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    found = {}
    for index, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        u = uniform(index, math.prod(shape))
        if len(shape) == 4:
            u = u * math.sqrt(12 / math.prod(shape[1:]))
        elif name == "quantize.embedding.weight":
            rows = u.reshape(shape)
            u = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        elif "norm" in name and name.endswith("weight"):
            u = 1 + 0.7 * u
        else:
            u = 0.35 * u
        found[name] = torch.tensor(u.astype(np.float32).reshape(shape))
    return found


def picture(index: int) -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(16 * GRID), np.arange(16 * GRID), np.arange(3), indexing="ij")
    return ((x * (index + 1) + y * 2 * c + ((x // 8) ^ (y // 8)) * 13 * (c + index)) & 255).astype(np.uint8)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    config = JanusVQVAEConfig(
        base_channels=BASE_CHANNELS,
        latent_channels=LATENT_CHANNELS,
        num_embeddings=NUM_CODES,
        num_patches=GRID,
    )
    model = JanusVQVAE(config).eval()
    model.load_state_dict(weights({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}))
    ids = []
    with torch.no_grad():
        for index in range(NUM_PICTURES):
            pixels = torch.tensor(picture(index)).permute(2, 0, 1)[None].float() / 127.5 - 1
            ids.append(model.encode(pixels).image_tokens.flatten().tolist())
        decoded = model.decode(torch.tensor(ids[:1]))[0].permute(1, 2, 0).numpy()
    assert len({id for of_picture in ids for id in of_picture}) > 16, "the pictures tell too little"
    (folder / "golden-ids.json").write_text(json.dumps(ids) + "\n")
    (folder / "golden-pixels.bin").write_bytes(np.clip((decoded + 1) / 2 * 255, 0, 255).astype(np.uint8).tobytes())
    state = {"gen_vision_model.a": torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16), "b": torch.arange(3)}
    torch.save(state, folder / "golden-pickle.bin")


if __name__ == "__main__":
    main()
