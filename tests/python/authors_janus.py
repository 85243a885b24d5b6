"""The example's collator on the authors' own Janus classes, small and with random weights.

    python authors_janus.py RELEASE CLONE

CLONE is a clone of the authors' repository, which is in no package index; their code wants transformers 4 (4.57
does), einops, timm, attrdict and six. For that reason it is no part of the everyday tests.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "crates/twig-samples/examples"))

import torch

from checks import Checks
from janus_collator import collate, losses
from janus_training import Rows, manifest, shards


def make_model(folder: Path, vocab_size: int, codes: int):
    """Their `MultiModalityCausalLM` with their full vision tower and VQ, and a tiny language model."""
    sys.path.insert(0, str(folder))
    from janus.models.modeling_vlm import MultiModalityCausalLM, MultiModalityConfig

    width = 128
    projector = {"cls": "MlpProjector", "model_type": "aligner"}
    mlp = {"projector_type": "mlp_gelu", "depth": 2, "n_embed": width}
    config = MultiModalityConfig(
        vision_config={
            "cls": "CLIPVisionTower",
            "params": {
                "image_size": 384,
                "model_name": "siglip_large_patch16_384",
                "select_feature": "same",
                "select_layer": -1,
            },
        },
        aligner_config=projector | {"params": mlp | {"input_dim": 1024}},
        gen_vision_config={"cls": "VQ-16", "params": {"image_token_size": codes, "n_embed": 8}},
        gen_aligner_config=projector | {"params": mlp | {"input_dim": 8}},
        gen_head_config={
            "cls": "vision_head",
            "params": {"image_token_embed": width, "image_token_size": codes, "n_embed": width},
        },
        language_config={
            "vocab_size": vocab_size,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
        },
    )
    torch.manual_seed(0)
    return MultiModalityCausalLM(config)


def main() -> int:
    release, clone = map(Path, sys.argv[1:])
    ids = manifest(release)["text_tokenizer"]["special_ids"]
    vocab_size, codes = max(ids.values()) + 1, manifest(release)["tokenizers"][0]["codebook_size"]
    model, rows, checks = make_model(clone, vocab_size, codes), Rows(shards(release)), Checks("authors' classes")
    tasks = rows.table["task"].to_pylist()
    batch = collate([rows[tasks.index(task)] for task in ("reflect", "generate")], ids["<｜▁pad▁｜>"])
    text_loss, image_loss = losses(model, batch, ids["<image_placeholder>"])
    (text_loss + image_loss).backward()
    for name, loss, size in [("text", text_loss, vocab_size), ("image", image_loss, codes)]:
        what = f"{name} loss is {loss.item():.2f}, ln {size} is {math.log(size):.2f}"
        checks.that(what, abs(loss.item() - math.log(size)) < 0.15 * math.log(size))
    parts = {"gen_head", "gen_aligner", "gen_embed", "aligner", "vision_model", "language_model"}
    missing = {name for name in parts if all(p.grad is None for p in getattr(model, name).parameters())}
    checks.equal("every part learns", missing, set())
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
