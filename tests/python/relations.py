"""What the tables say about each other: nothing is taken on trust that another table says too."""

from collections import defaultdict

from checks import Checks
from release import Release

CRITERIA = [
    "color_accuracy",
    "object_completeness",
    "detail_richness",
    "spatial_relationships",
    "visual_coherence",
]


def check(release: Release, checks: Checks) -> None:
    check_steps(release, checks)
    check_counts(release, checks)
    check_scores(release, checks)
    check_rewards(release, checks)
    check_tokens(release, checks)
    check_splits(release, checks)


def check_steps(release: Release, checks: Checks) -> None:
    """`steps` is `trajectories.steps`, flat."""
    rows = defaultdict(list)
    for row in release.rows("steps"):
        rows[row["id"]].append(row)
    wanted = {id: list(flat_steps(t)) for id, t in release.trajectories.items()}
    faults = [id for id in wanted.keys() | rows.keys() if rows.get(id) != wanted.get(id)]
    checks.none("steps are the nested steps of trajectories", faults, len(wanted))


def flat_steps(trajectory: dict):
    for step, tokens in zip(trajectory["steps"], trajectory["step_tokens"], strict=True):
        shared = {name: trajectory[name] for name in ("id", "prompt", "category", "reward", "_split")}
        yield shared | step | {"tokens": tokens}


def check_counts(release: Release, checks: Checks) -> None:
    def is_wrong(t: dict) -> bool:
        steps = t["steps"]
        regions = {step["region_index"] for step in steps}
        stay = last_attempts(t).values()
        found = (
            len(regions),
            len(steps),
            len(steps) - len(regions),
            min(step["score"] for step in stay),
            len(t["images"]),
            [step["step"] for step in steps],
            [step["image_index"] for step in steps],
            ["redo" if step["attempt"] else "generate" for step in steps],
        )
        positions = list(range(t["attempts"]))
        kinds = [step["kind"] for step in steps]
        return found != (
            t["num_steps"],
            t["attempts"],
            t["num_reflections"],
            t["min_step_score"],
            t["attempts"],
            positions,
            positions,
            kinds,
        )

    faults = [t["id"] for t in release.trajectories.values() if is_wrong(t)]
    checks.none("counts of a trajectory are those of its steps", faults, len(release.trajectories))
    texts = [
        (t["id"], name)
        for t in release.trajectories.values()
        for step in t["steps"]
        for name in ("thought", "critique", "revised_thought", "region")
        if not (step[name] or "").strip()
    ]
    checks.none("no thought, critique or name is empty", texts, len(release.trajectories))


def check_scores(release: Release, checks: Checks) -> None:
    steps = release.rows("steps")
    wrong = [s["id"] for s in steps if s["score"] != sum(s[name] for name in CRITERIA)]
    checks.none("a score is the sum of its five criteria", wrong, len(steps))
    if release.settings:
        threshold = release.settings["trajectories"]["accept_score"]
        wrong = [s["id"] for s in steps if s["accepted"] != (s["score"] >= threshold)]
        checks.none("accepted means a score from accept_score on", wrong, len(steps))


def check_rewards(release: Release, checks: Checks) -> None:
    weights = {judge["name"]: judge["weight"] for judge in release.manifest["judges"]}
    overall, points, regions = defaultdict(dict), defaultdict(int), defaultdict(set)
    rows = release.rows("judgements")
    for row in rows:
        regions[row["id"]].add(row["region_index"])
        place = (row["id"], row["region_index"], row["judge"])
        if row["criterion"] in ("question", "comparison"):
            continue
        if row["criterion"] != "overall":
            points[place] += row["score"]
        elif row["region_index"] is None:
            overall[row["id"]][row["judge"]] = row["score"]
    wrong = [
        r["id"]
        for r in rows
        if r["criterion"] == "overall"
        and (r["id"], r["region_index"], r["judge"]) in points
        and points[r["id"], r["region_index"], r["judge"]] != r["score"]
    ]
    checks.none("overall is the sum of the criteria of a judge that gives points on them", wrong, len(rows))
    wrong = [
        t["id"] for t in release.trajectories.values() if t["reward"] != reward(overall[t["id"]], weights)
    ]
    checks.none("reward is the weighted mean of the judges", wrong, len(release.trajectories))
    if release.settings:
        judged = release.settings["judgements"]["regions"]
        wrong = [
            t["id"]
            for t in release.trajectories.values()
            if regions[t["id"]] != ({None, *range(t["num_steps"])} if judged else {None})
        ]
        checks.none("every region is judged where that is asked for", wrong, len(release.trajectories))


def reward(scores: dict[str, int], weights: dict[str, int]) -> int | None:
    """The weighted mean, rounded half up; nothing unless every judge has scored."""
    if scores.keys() != weights.keys():
        return None
    total = sum(weights.values())
    return (2 * sum(scores[judge] * weight for judge, weight in weights.items()) + total) // (2 * total)


def check_tokens(release: Release, checks: Checks) -> None:
    tokenizer = release.manifest["tokenizers"][0]
    trajectories = release.trajectories
    size = tokenizer["grid"]["rows"] * tokenizer["grid"]["cols"]
    wrong = [id for id, t in trajectories.items() if composed(t, size) != t["image_tokens"]]
    checks.none("image_tokens are the last attempts' regions put together", wrong, len(trajectories))
    wrong = [
        id
        for id, t in trajectories.items()
        if not all(0 <= token < tokenizer["codebook_size"] for token in t["image_tokens"])
    ]
    checks.none("ids are codes of the codebook", wrong, len(trajectories))
    found = {
        (row["id"], row["image_index"]): row["ids"]
        for row in release.rows("tokens")
        if row["tokenizer"] == tokenizer["name"]
    }
    wanted = {(id, None): t["image_tokens"] for id, t in trajectories.items()}
    wanted |= {(id, i): ids for id, t in trajectories.items() for i, ids in enumerate(t["step_tokens"])}
    faults = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    checks.none("the table tokens says the same", faults, len(wanted))


def cells(step: dict) -> list[int]:
    """The token indices of a step's region."""
    return step["cells"] if step["cells"] is not None else list(range(step["token_start"], step["token_end"]))


def last_attempts(trajectory: dict) -> dict[int, dict]:
    """By region, the attempt that stays in the picture."""
    return {step["region_index"]: step for step in trajectory["steps"]}


def composed(trajectory: dict, size: int) -> list[int] | None:
    """The grid filled by the last attempts; `None` where a cell is filled twice or not at all."""
    grid: list[int | None] = [None] * size
    for step in last_attempts(trajectory).values():
        for cell, token in zip(cells(step), trajectory["step_tokens"][step["step"]], strict=True):
            if grid[cell] is not None:
                return None
            grid[cell] = token
    return None if None in grid else grid


def check_splits(release: Release, checks: Checks) -> None:
    prompts, ids = defaultdict(set), {}
    for config in release.configs:
        rows = release.rows(config)
        # Preferences are of some trajectories only; their pairs are looked at for themselves.
        if config not in ("dpo", "critique_dpo"):
            ids[config] = {(id, row["_split"]) for row in rows for id in trajectories_of(config, row)}
        for row in rows:
            prompts[row["_split"]].add(row.get("caption") or row.get("prompt", ""))
        if config not in ("steps", "judgements", "tokens"):
            checks.equal(f"{config}: ids are there once", len({row["id"] for row in rows}), len(rows))
    wrong = [config for config in ids if ids[config] != ids["trajectories"]]
    checks.none("every table has the same trajectories in the same splits", wrong, len(ids))
    both = (prompts["train"] & prompts["validation"]) - {""}
    checks.none("no prompt stands in both splits", both, len(prompts["train"]))


def trajectories_of(config: str, row: dict) -> list[str]:
    """The trajectories that a row belongs to."""
    if config == "grpo":
        return row["trajectory_ids"]
    return [row["trajectory_id" if config in ("sft", "janus") else "id"]]
