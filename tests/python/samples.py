"""What the training samples must be, worked out anew from the trajectories they are made of."""

from collections import Counter

from checks import Checks
from relations import cells
from release import Release

IGNORED, NO_IMAGE = -100, -1


def check(release: Release, checks: Checks) -> None:
    passes = {
        (p["trajectory"]["id"], p["step"]["region_index"], p["step"]["attempt"]): p
        for p in all_passes(release)
    }
    check_heads(release, passes, checks)
    check_sft(release, passes, checks)
    check_sequences(release, checks)
    tokenizer = release.manifest["text_tokenizer"]
    if tokenizer["name"] == "twig-bytes":
        check_texts(release, passes, Text(tokenizer["special_ids"]), checks)


def all_passes(release: Release):
    """Every attempt together with what was there before it."""
    for trajectory in release.trajectories.values():
        size = len(trajectory["image_tokens"])
        state = {"thoughts": [], "ids": [0] * size, "canvas": None}
        after, region = state, 0
        for step, tokens in zip(trajectory["steps"], trajectory["step_tokens"], strict=True):
            if step["region_index"] != region:
                state, region = after, step["region_index"]
            ids = list(state["ids"])
            for cell, token in zip(cells(step), tokens, strict=True):
                ids[cell] = token
            canvas = trajectory["images"][step["image_index"]]
            after = {"thoughts": [*state["thoughts"], step["thought"]], "ids": ids, "canvas": canvas}
            yield {"trajectory": trajectory, "step": step, "tokens": tokens, "before": state, "after": after}


def key(row: dict) -> tuple:
    return row["trajectory_id"], row["region_index"], row["attempt"]


def check_heads(release: Release, passes: dict, checks: Checks) -> None:
    for config, tasks in [("sft", ["think", "reflect"]), ("janus", ["think", "reflect", "generate"])]:
        rows = release.rows(config)
        found = Counter((*key(row), row["task"]) for row in rows)
        wanted = Counter((*place, task) for place in passes for task in tasks)
        checks.equal(f"{config}: one sample of each task an attempt", found, wanted)
        wrong = [row["id"] for row in rows if not is_head(row, passes.get(key(row)))]
        checks.none(f"{config}: a sample says what its trajectory says", wrong, len(rows))
        wrong = [row["id"] for row in rows if row["in_default_mix"] and not row["accepted"]]
        checks.none(f"{config}: the default mix takes accepted attempts only", wrong, len(rows))


def is_head(row: dict, one: dict | None) -> bool:
    if one is None:
        return False
    trajectory = one["trajectory"]
    shared = all(row[name] == trajectory[name] for name in ("prompt", "category", "reward", "_split"))
    id = f"{trajectory['id']}-{row['task']}-{row['region_index']}-{row['attempt']}"
    return shared and row["id"] == id and row["accepted"] == one["step"]["accepted"]


def answer(row: dict, step: dict) -> str:
    if row["task"] == "think":
        return step["thought"]
    return f"SCORE: {step['score']}\nIMPROVED_DESCRIPTION: {step['revised_thought']}"


def seen(row: dict, one: dict) -> list[tuple]:
    """Pictures a chat sample shows, with their ids: thinking sees what was there before, reflecting the attempt."""
    state = one["before"] if row["task"] == "think" else one["after"]
    return [] if state["canvas"] is None or row["task"] == "generate" else [(state["canvas"], state["ids"])]


def check_sft(release: Release, passes: dict, checks: Checks) -> None:
    rows = release.rows("sft")

    def parts(row: dict, kind: str) -> list:
        return [part for m in row["messages"] for part in m["content"] if part["type"] == kind]

    wrong = [
        r["id"]
        for r in rows
        if not len(parts(r, "image")) == len(r["images"]) == len(r["image_tokens"])
        or any(part["text"] is not None for part in parts(r, "image"))
    ]
    checks.none("sft: image parts, pictures and ids are as many", wrong, len(rows))
    wrong = [
        r["id"]
        for r in rows
        if sum(turn["value"].count("<image>") for turn in r["conversations"]) != len(r["images"])
    ]
    checks.none("sft: conversations have a place for each picture", wrong, len(rows))
    wrong = [
        r["id"]
        for r in rows
        if [m["role"] for m in r["messages"]] != ["user", "assistant"]
        or [turn["from"] for turn in r["conversations"]] != ["human", "gpt"]
        or r["messages"][1]["content"] != [{"type": "text", "text": answer(r, passes[key(r)]["step"])}]
        or r["conversations"][1]["value"] != answer(r, passes[key(r)]["step"])
    ]
    checks.none("sft: the answer is the thought, or score and revised thought", wrong, len(rows))
    wrong = [r["id"] for r in rows if list(zip(r["images"], r["image_tokens"])) != seen(r, passes[key(r)])]
    checks.none("sft: pictures and ids are those of the canvas at that moment", wrong, len(rows))


def check_sequences(release: Release, checks: Checks) -> None:
    rows = release.rows("janus")
    pad = release.manifest["text_tokenizer"]["special_ids"]["<｜▁pad▁｜>"]

    def is_wrong(row: dict) -> bool:
        lists = [row[name] for name in ("input_ids", "labels", "vq_ids", "vq_labels")]
        if {len(ids) for ids in lists} != {row["num_tokens"]} or row["prompt_len"] > row["num_tokens"]:
            return True
        return any(
            label not in (IGNORED, text) or vq_label not in (IGNORED, vq) or (vq == NO_IMAGE) == (text == pad)
            for text, label, vq, vq_label in zip(*lists)
        )

    wrong = [row["id"] for row in rows if is_wrong(row)]
    checks.none("janus: four lists of one length; labels repeat ids", wrong, len(rows))


class Text:
    """The shipped tokenizer: a byte is its own id, special tokens follow."""

    def __init__(self, specials: dict[str, int]):
        self.specials = specials

    def bytes(self, ids: list[int]) -> str:
        return bytes(ids).decode("utf-8")

    def without_specials(self, ids: list[int]) -> str:
        return self.bytes([id for id in ids if id < 256])


def check_texts(release: Release, passes: dict, text: Text, checks: Checks) -> None:
    rows = release.rows("janus")
    generate = [row for row in rows if row["task"] == "generate"]
    chats = [row for row in rows if row["task"] != "generate"]
    is_twig = release.manifest["prefix_style"] == "twig"
    wrong = [r["id"] for r in generate if is_twig and not is_generation(r, passes[key(r)], text)]
    checks.none("janus: generate has all thoughts so far, then all ids so far", wrong, len(generate))
    wrong = [r["id"] for r in chats if not is_chat(r, passes[key(r)], text)]
    checks.none("janus: chats show the canvas and learn the answer", wrong, len(chats))


def is_generation(row: dict, one: dict, text: Text) -> bool:
    start = row["prompt_len"]
    bos, *prefix, begin = row["input_ids"][:start]
    thoughts = " ".join(one["after"]["thoughts"])
    painted = cells(one["step"])[0]
    ids = one["after"]["ids"][: painted + len(one["tokens"])]
    return (
        [bos, begin] == [text.specials["<｜begin▁of▁sentence｜>"], text.specials["<begin_of_image>"]]
        and text.bytes(prefix) == f"User: {thoughts}\n\nAssistant:"
        and row["vq_ids"] == [NO_IMAGE] * start + ids
        and row["vq_labels"] == [IGNORED] * (start + painted) + one["tokens"]
        and set(row["labels"]) == {IGNORED}
        and row["images"] == []
    )


def is_chat(row: dict, one: dict, text: Text) -> bool:
    shown = seen(row, one)
    places = row["input_ids"].count(text.specials["<image_placeholder>"])
    *learnt, end = [label for label in row["labels"] if label != IGNORED]
    question = text.without_specials([i for i, l in zip(row["input_ids"], row["labels"]) if l == IGNORED])
    return (
        row["images"] == [canvas for canvas, _ in shown]
        and places == sum(len(ids) for _, ids in shown)
        and text.bytes(learnt) == " " + answer(row, one["step"])
        and end == text.specials["<｜end▁of▁sentence｜>"]
        and row["prompt"] in question
        and set(row["vq_ids"]) == {NO_IMAGE}
    )
