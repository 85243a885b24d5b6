"""Holds our segmentation against scikit-image's, on its photographs.

    python segmentation.py SEGMENT FOLDER

SEGMENT is the program `twig-imaging/examples/segment.rs`; FOLDER takes the pictures. Prints a Markdown table a
question.

There is no human ground truth here, so a reference is made whose borders are known exactly: *planted* pictures, in
which smooth closed areas are filled from different photographs. Where the photographs differ the borders can be
seen, and nothing else in a photograph is counted for or against anybody, because borders within an area cost only
through under-segmentation at a given K. A second reference are the photographs themselves: their strong edges
(Canny, sigma 3), of which a good segmentation of the same K covers more.

* boundary recall: share of reference border pixels with a border of the segmentation within 2 pixels
* under-segmentation error: share of pixels that lie on the wrong side, each segment counting for the reference area
  that holds most of it (corrected error of Neubert and Protzel); 0 is best
* at the level of tokens, the others' labels are cut along the grid by majority, as ours are by construction;
  borders may then lie 8 pixels off
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, feature, segmentation

PHOTOGRAPHS = [
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "immunohistochemistry",
    "rocket",
]
SIZE = 384
TOKEN = 16
PIXEL_COUNTS = [25, 100, 200]
TOKEN_COUNTS = [3, 5, 8]
REPEATS = 5


def main(program: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    photographs = {name: square(getattr(data, name)()) for name in PHOTOGRAPHS}
    planted = [planted_picture(list(photographs.values()), seed) for seed in range(24)]
    save(folder, {f"planted-{seed}": picture for seed, (picture, _) in enumerate(planted)} | photographs)
    planted_files = [str(folder / f"planted-{seed}.png") for seed in range(len(planted))]
    photograph_files = [str(folder / f"{name}.png") for name in photographs]

    counts = [str(k) for k in sorted({*PIXEL_COUNTS, *TOKEN_COUNTS})]
    lines = subprocess.run(
        [program, *counts, "--", *planted_files, *photograph_files], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    times = {(t["picture"], t["what"], t["k"]): t["seconds"] for t in map(json.loads, lines)}

    pictures = [picture for picture, _ in planted]
    truths = [labels for _, labels in planted]
    print("Planted pictures, pixels:\n")
    pixels(pictures, planted_files, truths, times)
    print("\nPhotographs, share of strong edges that lie on a border:\n")
    edges = [strong_edges(picture) for picture in photographs.values()]
    pixels(list(photographs.values()), photograph_files, edges, times)
    print("\nPlanted pictures, regions of tokens:\n")
    tokens(pictures, planted_files, truths, times)


def square(picture: np.ndarray) -> np.ndarray:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    cut = Image.fromarray(picture[top : top + side, left : left + side, :3])
    return np.asarray(cut.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def planted_picture(photographs: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three to five areas with smooth borders, each from another photograph (or another part of one)."""
    rng = np.random.default_rng(seed)
    count = 3 + seed % 3
    # The largest of smooth random fields decides; connected pieces of an area have labels of their own.
    fields = [ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 48) for _ in range(count)]
    areas = np.argmax([field / field.std() for field in fields], axis=0)
    chosen = rng.permutation(len(photographs))[:count]
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    labels = np.zeros((SIZE, SIZE), np.int64)
    for area, photograph in enumerate(chosen):
        picture[areas == area] = photographs[photograph][areas == area]
        pieces, _ = ndimage.label(areas == area)
        labels += np.where(pieces > 0, pieces + 100 * area, 0)
    return picture, labels


def strong_edges(picture: np.ndarray) -> np.ndarray:
    return feature.canny(np.asarray(Image.fromarray(picture).convert("L")) / 255.0, sigma=3)


def save(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")


def pixels(pictures, files, references, times) -> None:
    has_areas = references[0].dtype != bool
    error_heads = "under-segmentation error: ours | felzenszwalb | SLIC | " if has_areas else ""
    print(f"| K | boundary recall: ours | felzenszwalb | SLIC | {error_heads}ms a picture: ours | felzenszwalb | SLIC |")
    print("|---:|" + "---:|" * (9 if has_areas else 6))
    for k in PIXEL_COUNTS:
        ours = [labels_of(f"{file}.segments-{k}.png") for file in files]
        seconds = [[times[file, "segments", k] for file in files]]
        felzenszwalb, felzenszwalb_seconds = zip(*(felzenszwalb_at(picture, k) for picture in pictures))
        slic, slic_seconds = zip(*(timed(lambda: slic_at(picture, k)) for picture in pictures))
        seconds += [felzenszwalb_seconds, slic_seconds]
        candidates = [ours, felzenszwalb, slic]
        borders = references if not has_areas else [segmentation.find_boundaries(r) for r in references]
        row = [mean(recall(c, b, 2) for c, b in zip(labels, borders)) for labels in candidates]
        cells = [f"{value:.3f}" for value in row]
        if has_areas:
            cells += [f"{mean(error(c, r) for c, r in zip(labels, references)):.3f}" for labels in candidates]
        cells += [f"{1000 * mean(s):.0f}" for s in seconds]
        print(f"| {k} | {' | '.join(cells)} |")


def tokens(pictures, files, references, times) -> None:
    print(
        "| K | boundary recall: ours | felzenszwalb | SLIC | under-segmentation error: ours | felzenszwalb | SLIC "
        "| ms a picture: ours | felzenszwalb | SLIC |"
    )
    print("|---:|" + "---:|" * 9)
    for k in TOKEN_COUNTS:
        ours = [labels_of(f"{file}.cells-{k}.png") for file in files]
        felzenszwalb, felzenszwalb_seconds = zip(*(felzenszwalb_at(picture, k) for picture in pictures))
        slic, slic_seconds = zip(*(timed(lambda: slic_at(picture, k)) for picture in pictures))
        candidates = [ours, [on_grid(labels) for labels in felzenszwalb], [on_grid(labels) for labels in slic]]
        borders = [segmentation.find_boundaries(reference) for reference in references]
        row = [mean(recall(c, b, TOKEN // 2) for c, b in zip(labels, borders)) for labels in candidates]
        row += [mean(error(c, r) for c, r in zip(labels, references)) for labels in candidates]
        seconds = [[times[file, "cells", k] for file in files], felzenszwalb_seconds, slic_seconds]
        cells = [f"{value:.3f}" for value in row] + [f"{1000 * mean(s):.0f}" for s in seconds]
        print(f"| {k} | {' | '.join(cells)} |")


def felzenszwalb_at(picture: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Its scale is searched for the number of segments that is nearest to K; one call is timed."""
    best, low, high = None, 1.0, 1e6
    for _ in range(18):
        scale = (low * high) ** 0.5
        labels = segmentation.felzenszwalb(picture, scale=scale, sigma=0.8, min_size=50)
        count = labels.max() + 1
        if best is None or abs(count - k) < abs(best[0] - k):
            best = (count, labels, scale)
        low, high = (scale, high) if count > k else (low, scale)
        if count == k:
            break
    scale = best[2]
    _, seconds = timed(lambda: segmentation.felzenszwalb(picture, scale=scale, sigma=0.8, min_size=50))
    return best[1], seconds


def slic_at(picture: np.ndarray, k: int) -> np.ndarray:
    return segmentation.slic(picture, n_segments=k, compactness=10, sigma=1, start_label=0)


def timed(action):
    least, result = float("inf"), None
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = action()
        least = min(least, time.perf_counter() - start)
    return result, least


def on_grid(labels: np.ndarray) -> np.ndarray:
    cells = labels.reshape(SIZE // TOKEN, TOKEN, SIZE // TOKEN, TOKEN).swapaxes(1, 2).reshape(-1, TOKEN * TOKEN)
    most = np.array([np.bincount(cell).argmax() for cell in cells]).reshape(SIZE // TOKEN, SIZE // TOKEN)
    return most.repeat(TOKEN, 0).repeat(TOKEN, 1)


def recall(labels: np.ndarray, border: np.ndarray, tolerance: int) -> float:
    distance = ndimage.distance_transform_edt(~segmentation.find_boundaries(labels))
    return float((distance[border] <= tolerance).mean())


def error(labels: np.ndarray, reference: np.ndarray) -> float:
    areas = np.unique(reference, return_inverse=True)[1].reshape(reference.shape)
    table = np.zeros((labels.max() + 1, areas.max() + 1), np.int64)
    np.add.at(table, (labels.ravel(), areas.ravel()), 1)
    return float(1 - table.max(axis=1).sum() / labels.size)


def labels_of(path: str) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(np.int64)


def mean(values) -> float:
    return float(np.mean(list(values)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
