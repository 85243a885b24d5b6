"""A Janus checkpoint small enough for a processor: the real classes, random weights, a tokenizer of its own.

    python tiny_janus.py CHECKPOINT TEXT...   makes the folder from text files to fit the tokenizer on
"""

import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
BEGIN, END, PLACE = "<begin_of_image>", "<end_of_image>", "<image_placeholder>"
USER, ASSISTANT = "<|User|>", "<|Assistant|>"

# Janus's conversation format, in which the released code asks.
CHAT_TEMPLATE = (
    "{{ '" + BOS + "' }}{% for message in messages %}"
    "{{ '<|User|>: ' if message['role'] == 'user' else '<|Assistant|>: ' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image_placeholder>\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}"
    "{{ '\n\n' if message['role'] == 'user' else '" + EOS + "' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|>:' }}{% endif %}"
)


def make_checkpoint(folder: Path, texts: list[Path]) -> None:
    """Writes `tokenizer.json` and `config.json`: byte-level BPE as Janus has it, with the names of its tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train([str(text) for text in texts], trainer)
    # Not in the order of any other tokenizer here, so that nobody gets away with ids of his own.
    for name in [PLACE, ASSISTANT, BOS, END, PAD, USER, EOS, BEGIN]:
        tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False)])
    bos = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, bos)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "janus"}))


def load_processor(folder: Path):
    """transformers' processor around that tokenizer."""
    from transformers import JanusImageProcessor, JanusProcessor, PreTrainedTokenizerFast

    names = {"image_token": PLACE, "boi_token": BEGIN, "eoi_token": END}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=names,
    )
    image_processor = JanusImageProcessor(
        size={"height": 384, "width": 384}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return JanusProcessor(image_processor, tokenizer, chat_template=CHAT_TEMPLATE)


def make_model(tokenizer, codebook_size: int, seed: int = 0):
    """A random Janus of that many codes; 24 x 24 tokens on 384 x 384 pixels like the real one."""
    import torch
    from transformers import JanusConfig, JanusForConditionalGeneration

    torch.manual_seed(seed)
    width = 128
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 4096,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": width,
        "mlp_ratio": 2.0,
    }
    vq = {
        "num_embeddings": codebook_size,
        "base_channels": 32,
        "latent_channels": 32,
        "channel_multiplier": [1, 1, 1, 1, 1],
        "num_res_blocks": 1,
        "projection_dim": width,
        "image_token_embed_dim": width,
    }
    image_id = tokenizer.convert_tokens_to_ids(PLACE)
    config = JanusConfig(text_config=text, vision_config=vision, vq_config=vq, image_token_id=image_id)
    return JanusForConditionalGeneration(config)


if __name__ == "__main__":
    make_checkpoint(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
