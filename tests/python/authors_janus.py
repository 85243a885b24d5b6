"""The example's collator on the authors' own classes, small and with random weights."""

import math
import sys
from pathlib import Path

import torch

from checks import Checks
from janus_collator import collate, losses


def make_authors_model(setup, folder: Path):
    """Their `MultiModalityCausalLM`, of the same sizes as the other tiny one."""
    sys.path.insert(0, str(folder))
    from janus.models.modeling_vlm import MultiModalityCausalLM, MultiModalityConfig

    width, codes = 128, setup.codebook_size
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
            "vocab_size": len(setup.tokenizer),
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


def check_authors(setup, folder: Path, checks: Checks) -> None:
    """Both losses start near ln V and reach every part that they should."""
    model = make_authors_model(setup, folder)
    tasks = setup.rows.table["task"].to_pylist()
    rows = [setup.rows[tasks.index(task)] for task in ("reflect", "generate")]
    text_loss, image_loss = losses(model, collate(rows, setup.pad_id), setup.image_id)
    (text_loss + image_loss).backward()
    for name, loss, size in [("text", text_loss, len(setup.tokenizer)), ("image", image_loss, setup.codebook_size)]:
        what = f"authors' classes: {name} loss {loss.item():.2f}, ln {size} is {math.log(size):.2f}"
        checks.that(what, abs(loss.item() - math.log(size)) < 0.15 * math.log(size))
    reached = {"gen_head", "gen_aligner", "gen_embed", "aligner", "vision_model", "language_model"}
    missing = {name for name in reached if all(p.grad is None for p in getattr(model, name).parameters())}
    checks.equal("authors' classes: every part learns", missing, set())
