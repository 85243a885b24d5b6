"""What the preference pairs and the groups must be, worked out anew from the trajectories."""

from collections import defaultdict

from checks import Checks
from release import Release
from samples import all_passes, answer


def check(release: Release, checks: Checks) -> None:
    regions = defaultdict(list)
    for one in all_passes(release):
        regions[one["trajectory"]["id"], one["step"]["region_index"]].append(one)
    redone = {place: attempts for place, attempts in regions.items() if len(attempts) > 1}
    pairs = [pair for attempts in redone.values() for pair in redo_pairs(attempts)]
    check_dpo(release, pairs, checks)
    check_critiques(release, pairs, checks)
    check_groups(release, checks)


def redo_pairs(attempts: list[dict]) -> list[tuple[dict, dict]]:
    """The best attempt, the later one of equals, with each that failed and is worse."""
    best = max(attempts, key=lambda one: (one["step"]["score"], one["step"]["attempt"]))
    return [
        (best, one)
        for one in attempts
        if not one["step"]["accepted"] and one["step"]["score"] < best["step"]["score"]
    ]


def rows_of(release: Release, config: str) -> list[dict]:
    """A table without rows has no files."""
    return release.rows(config) if config in release.configs else []


def said(messages: list[dict]) -> str:
    return "".join(part["text"] or "" for message in messages for part in message["content"])


def picture(one: dict) -> dict:
    return one["trajectory"]["images"][one["step"]["image_index"]]


def check_dpo(release: Release, pairs: list, checks: Checks) -> None:
    rows = rows_of(release, "dpo")
    found = {row["id"]: row for row in rows if row["kind"] == "redo"}
    wanted = {}
    for best, failed in pairs:
        step, other, before = best["step"], failed["step"], best["before"]
        place = f"{best['trajectory']['id']}-redo-{step['region_index']}-{step['attempt']}-{other['attempt']}"
        wanted[place] = {
            "texts": (step["thought"], other["thought"]),
            "images": [] if before["canvas"] is None else [before["canvas"]],
            "pictures": (picture(best), picture(failed)),
            "tokens": (best["tokens"], failed["tokens"]),
            "scores": (step["score"], other["score"]),
            "thoughts": before["thoughts"],
            "split": best["trajectory"]["_split"],
        }
    compare("dpo: failed against better attempts", found, wanted, checks)
    found = {row["id"]: row for row in rows if row["kind"] == "sample"}
    wanted = {}
    for prompt, group in groups(release).items():
        rank = lambda t: (t["reward"], t["min_step_score"], -t["sample_index"])
        best, worst = max(group, key=rank), min(group, key=rank)
        if best["reward"] > worst["reward"]:
            wanted[f"{prompt}-sample-{best['sample_index']}-{worst['sample_index']}"] = {
                "texts": (plan(best), plan(worst)),
                "images": [],
                "pictures": (best["final_image"], worst["final_image"]),
                "tokens": (best["image_tokens"], worst["image_tokens"]),
                "scores": (best["reward"], worst["reward"]),
                "thoughts": [],
                "split": best["_split"],
            }
    compare("dpo: best against worst of a prompt", found, wanted, checks)


def plan(trajectory: dict) -> str:
    return "\n".join({step["region_index"]: step["thought"] for step in trajectory["steps"]}.values())


def compare(name: str, found: dict, wanted: dict, checks: Checks) -> None:
    def content(row: dict) -> dict:
        return {
            "texts": (said(row["chosen"]), said(row["rejected"])),
            "images": row["images"],
            "pictures": (row["chosen_image"], row["rejected_image"]),
            "tokens": (row["chosen_tokens"], row["rejected_tokens"]),
            "scores": (row["chosen_score"], row["rejected_score"]),
            "thoughts": row["earlier_thoughts"],
            "split": row["_split"],
        }

    wrong = [id for id in found.keys() | wanted.keys() if id not in found or content(found[id]) != wanted.get(id)]
    checks.equal(name, wrong, [])


def check_critiques(release: Release, pairs: list, checks: Checks) -> None:
    found = {row["id"]: row for row in rows_of(release, "critique_dpo")}
    wanted = {}
    for best, failed in pairs:
        for seen, other in [(best, failed), (failed, best)]:
            step, wrong = seen["step"], other["step"]
            id = f"{seen['trajectory']['id']}-critique-{step['region_index']}-{step['attempt']}-{wrong['attempt']}"
            critiques = [answer({"task": "reflect"}, one) for one in (step, wrong)]
            wanted[id] = (*critiques, [picture(seen)], seen["trajectory"]["_split"])
    read = {
        id: (said(row["chosen"]), said(row["rejected"]), row["images"], row["_split"]) for id, row in found.items()
    }
    wrong = [id for id in read.keys() | wanted.keys() if read.get(id) != wanted.get(id)]
    checks.equal("critique_dpo: each canvas with its own critique", wrong, [])


def groups(release: Release) -> dict[str, list[dict]]:
    by_prompt = defaultdict(list)
    for trajectory in release.trajectories.values():
        by_prompt[trajectory["id"].rsplit("-", 1)[0]].append(trajectory)
    return {prompt: sorted(group, key=lambda t: t["sample_index"]) for prompt, group in by_prompt.items()}


def check_groups(release: Release, checks: Checks) -> None:
    rows = {row["id"]: row for row in release.rows("grpo")}
    wanted = groups(release)
    wrong = [
        id
        for id in rows.keys() | wanted.keys()
        if id not in rows
        or rows[id]["trajectory_ids"] != [t["id"] for t in wanted.get(id, [])]
        or rows[id]["rewards"] != [t["reward"] for t in wanted.get(id, [])]
        or {t["_split"] for t in wanted.get(id, [])} != {rows[id]["_split"]}
    ]
    checks.none("grpo: a row a prompt, with the rewards of its pictures", wrong, len(rows))
    wrong = [
        id for id, row in rows.items() if any(abs(a - b) > 1e-9 for a, b in zip(row["advantages"], relative(row)))
    ]
    checks.none("grpo: advantages are relative to the group", wrong, len(rows))


def relative(row: dict) -> list[float]:
    rewards = row["rewards"]
    mean = sum(rewards) / len(rewards)
    squares = sum((reward - mean) ** 2 for reward in rewards)
    deviation = (squares / (len(rewards) - 1)) ** 0.5 if len(rewards) > 1 else 0.0
    return [(reward - mean) / (deviation + 1e-4) for reward in rewards]
