"""Pictures as a consumer decodes them, compared pixel by pixel."""

import io

import numpy as np
from PIL import Image

from checks import Checks
from relations import cells
from release import Release


def check(release: Release, checks: Checks) -> None:
    tokenizer = release.manifest["tokenizers"][0]
    side = tokenizer["image_size"]
    trajectories = list(release.trajectories.values())
    wrong_form, wrong_end, wrong_past, wrong_rest = [], [], [], []
    for trajectory in trajectories:
        pictures = [decode(p) for p in [trajectory["final_image"], *trajectory["images"]]]
        if any(p.format != "PNG" or p.mode != "RGB" or p.size != (side, side) for p in pictures):
            wrong_form.append(trajectory["id"])
            continue
        final, *canvases = [np.asarray(picture) for picture in pictures]
        if not np.array_equal(final, canvases[-1]):
            wrong_end.append(trajectory["id"])
        for fault, list_ in [(past, wrong_past), (rest, wrong_rest)]:
            if fault(trajectory, canvases, tokenizer["grid"]):
                list_.append(trajectory["id"])
    count = len(trajectories)
    checks.none(f"pictures are PNG, RGB, {side} x {side}", wrong_form, count)
    checks.none("the finished picture is the last canvas", wrong_end, count)
    checks.none("a canvas repeats the regions before it", wrong_past, count)
    checks.none("what is not painted yet has one colour, the same everywhere", wrong_rest, count)


def decode(picture: dict) -> Image.Image:
    return Image.open(io.BytesIO(picture["bytes"]))


def masks(trajectory: dict, grid: dict, shape: tuple):
    """For each attempt, the pixels of its region, and those of all regions up to it."""
    cell = np.ones((shape[0] // grid["rows"], shape[1] // grid["cols"]), dtype=bool)
    regions = {}
    for step in trajectory["steps"]:
        tokens = np.zeros(grid["rows"] * grid["cols"], dtype=bool)
        tokens[cells(step)] = True
        regions[step["region_index"]] = np.kron(tokens.reshape(grid["rows"], grid["cols"]), cell)
        yield step["region_index"], regions, np.logical_or.reduce(list(regions.values()))


def past(trajectory: dict, canvases: list, grid: dict) -> bool:
    """Whether a canvas differs from its predecessor outside its own region."""
    steps = masks(trajectory, grid, canvases[0].shape)
    for index, (region, regions, _) in enumerate(steps):
        if index and not np.array_equal(
            canvases[index][~regions[region]], canvases[index - 1][~regions[region]]
        ):
            return True
    return False


def rest(trajectory: dict, canvases: list, grid: dict) -> bool:
    """Whether something stands where nothing has been painted."""
    steps = masks(trajectory, grid, canvases[0].shape)
    blanks = [canvas[~painted] for canvas, (_, _, painted) in zip(canvases, steps)]
    blanks = [blank for blank in blanks if len(blank)]
    return any((blank != blanks[0][0]).any() for blank in blanks)
