"""Janus-Pro's image tokenizer as transformers has it, with seeded random weights in the real configuration."""

import math
import pathlib

import numpy as np
import skimage
import torch
from PIL import Image
from transformers.models.janus.configuration_janus import JanusVQVAEConfig
from transformers.models.janus.modeling_janus import JanusVQVAE

SIZE = 384

# Names of the authors' code in place of transformers'.
ORIGINAL_NAMES = {
    ".down.": ".conv_blocks.",
    ".up.": ".conv_blocks.",
    ".block.": ".res.",
    ".mid.block_1.": ".mid.0.",
    ".mid.attn_1.": ".mid.1.",
    ".mid.block_2.": ".mid.2.",
}

PHOTOGRAPHS = [
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
    "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
]  # fmt: skip


def model(seed: int = 1) -> JanusVQVAE:
    """Weights of about the size that training leaves, so that activations neither vanish nor explode; rows of the
    codebook of unit length, because transformers' lookup, unlike the authors', does not normalise them."""
    generator = torch.Generator().manual_seed(seed)
    vq = JanusVQVAE(JanusVQVAEConfig(num_patches=24)).eval()
    state = {}
    for name, tensor in vq.state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator)
        if name == "quantize.embedding.weight":
            state[name] = torch.nn.functional.normalize(drawn, dim=-1)
        elif tensor.dim() == 4:
            state[name] = drawn / math.sqrt(tensor[0].numel())
        elif "norm" in name and name.endswith("weight"):
            state[name] = 1 + 0.2 * drawn
        else:
            state[name] = 0.1 * drawn
    vq.load_state_dict(state)
    return vq


def original_name(name: str) -> str:
    for ours, theirs in ORIGINAL_NAMES.items():
        name = name.replace(ours, theirs)
    return f"gen_vision_model.{name}"


def photographs(folder: pathlib.Path) -> list[pathlib.Path]:
    """scikit-image's photographs, as the tokenizer's training code takes them: short side to 384, centre cut out."""
    source, paths = pathlib.Path(skimage.__file__).parent / "data", []
    for name in PHOTOGRAPHS:
        picture = Image.open(source / name).convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.BICUBIC)
        paths.append(folder / f"{pathlib.Path(name).stem}.png")
        picture.save(paths[-1])
    return paths


def pixels(path: pathlib.Path) -> torch.Tensor:
    """A picture as the network takes it, from -1 to 1."""
    return torch.tensor(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
