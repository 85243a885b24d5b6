"""Rows of the table `janus` as batches, and the two losses of Janus on them.

Works on `JanusForConditionalGeneration` of transformers and on the authors' `MultiModalityCausalLM`.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

FILL = {"labels": -100, "vq_ids": -1, "vq_labels": -100}


def collate(rows: list[dict], pad_id: int) -> dict:
    """Right-padded ids and labels [rows, length]; pictures in [-1, 1] as [pictures, 3, 384, 384]."""
    fill = {"input_ids": pad_id, **FILL}
    batch = {name: pad_sequence([torch.tensor(row[name]) for row in rows], True, fill[name]) for name in fill}
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    batch["attention_mask"] = (torch.arange(int(lengths.max())) < lengths[:, None]).long()
    images = [torch.from_numpy(np.array(image.convert("RGB"))) for row in rows for image in row["images"]]
    batch["pixel_values"] = torch.stack(images).permute(0, 3, 1, 2) / 127.5 - 1 if images else None
    return batch


def parts(model) -> tuple:
    """Embeddings of text, codes and pictures; the language model; the heads of text and codes."""
    if hasattr(model, "gen_head"):  # the authors' classes
        text = model.language_model
        see = lambda pixels: model.aligner(model.vision_model(pixels))
        embeddings = text.get_input_embeddings(), model.prepare_gen_img_embeds, see
        return *embeddings, text.model, text.lm_head, model.gen_head
    core = model.model
    see = lambda pixels: core.get_image_features(pixels, return_dict=True).pooler_output
    embeddings = model.get_input_embeddings(), model.prepare_embeddings_for_image_generation, see
    return *embeddings, core.language_model, model.lm_head, core.generation_head


def embedded(model, batch: dict, image_id: int) -> torch.Tensor:
    """The input of the language model [rows, length, width]: text, image codes and pictures in their places."""
    embed, embed_codes, see, *_ = parts(model)
    embeds, is_code = embed(batch["input_ids"]), batch["vq_ids"] >= 0
    embeds = embeds.masked_scatter(is_code[..., None], embed_codes(batch["vq_ids"][is_code]).to(embeds.dtype))
    if batch["pixel_values"] is None:
        return embeds
    is_seen = (batch["input_ids"] == image_id)[..., None]
    return embeds.masked_scatter(is_seen, see(batch["pixel_values"].to(embeds.dtype)).to(embeds.dtype))


def losses(model, batch: dict, image_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean losses of text and of image codes; 0 where nothing of the kind is learnt.

    Labels are unshifted: position i - 1 predicts position i. Heads see the learnt positions alone.
    """
    *_, language, text_head, code_head = parts(model)
    embeds = embedded(model, batch, image_id)
    hidden = language(inputs_embeds=embeds, attention_mask=batch["attention_mask"]).last_hidden_state[:, :-1]

    def loss(head, labels: torch.Tensor) -> torch.Tensor:
        is_learnt = labels[:, 1:] != -100
        if not is_learnt.any():
            return hidden.sum() * 0
        return cross_entropy(head(hidden[is_learnt]).float(), labels[:, 1:][is_learnt])

    return loss(text_head, batch["labels"]), loss(code_head, batch["vq_labels"])
