"""Janus-Pro's image tokenizer as transformers has it, and as diffusers would, with seeded random weights in the real configuration."""

import math
import pathlib

import numpy as np
import skimage
import torch
from diffusers import VQModel
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

# Names of diffusers' VQModel, which descends from the same network.
DIFFUSERS_NAMES = {
    ".down.": ".down_blocks.",
    ".up.": ".up_blocks.",
    ".block.": ".resnets.",
    ".attn.": ".attentions.",
    ".mid.block_1.": ".mid_block.resnets.0.",
    ".mid.attn_1.": ".mid_block.attentions.0.",
    ".mid.block_2.": ".mid_block.resnets.1.",
    ".downsample.": ".downsamplers.0.",
    ".upsample.": ".upsamplers.0.",
    ".nin_shortcut.": ".conv_shortcut.",
    ".norm_out.": ".conv_norm_out.",
    ".norm.": ".group_norm.",
    ".q.": ".to_q.",
    ".k.": ".to_k.",
    ".v.": ".to_v.",
    ".proj_out.": ".to_out.0.",
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


def diffusers_name(name: str) -> str:
    for ours, theirs in DIFFUSERS_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def in_diffusers(vq: JanusVQVAE) -> VQModel:
    """The same weights in another library's network. Its lookup normalises nothing and is not used."""
    other = VQModel(
        down_block_types=("DownEncoderBlock2D",) * 4 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 128, 256, 256, 512),
        layers_per_block=2,
        latent_channels=256,
        num_vq_embeddings=16384,
        vq_embed_dim=8,
        norm_num_groups=32,
    ).eval()
    shapes = {name: tensor.shape for name, tensor in other.state_dict().items()}
    named = {diffusers_name(name): tensor for name, tensor in vq.state_dict().items()}
    # Its attention multiplies by matrices where transformers' has convolutions of one pixel.
    other.load_state_dict({name: tensor.reshape(shapes[name]) for name, tensor in named.items()})
    return other


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
