"""Over-exposure samples as files for other programs, in the four parts of Zhao et al. (2019)."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from sunpy_restore.core.datasets.splits import SPLITS
from sunpy_restore.desaturation.forward import edge_mask, paper_damage
from sunpy_restore.desaturation.recipe.own import OwnDisk
from sunpy_restore.desaturation.recipe.pairs import paper_tiles
from sunpy_restore.desaturation.recipe.scenes import read_disks

__all__ = ["PARTS", "export_samples", "four_parts"]

PARTS = ("truth", "overexposed", "mask", "edge")
"""Names of the parts."""

_INDEX = "index.csv"
_COLUMNS = ("split", "name", "image", "time", "row", "column", "masked")


def four_parts(image):
    """
    Simulate over-exposure of an image, with its mask and the band along its border.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1, which are rounded to 8 bits.

    Returns
    -------
    `dict`
        Name of the part in `PARTS` to `numpy.ndarray` of ``uint8``: the image; the image with all masked pixels set to
        255, see `~sunpy_restore.desaturation.forward.paper_damage`; the mask, and its edge, see
        `~sunpy_restore.desaturation.forward.edge_mask`, which are 255 where they are true.
    """
    truth = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
    damaged, mask = paper_damage(truth / 255)
    parts = truth / 255, damaged, mask, edge_mask(mask)
    return {
        name: np.round(255 * np.asarray(part, dtype=float)).astype(np.uint8)
        for name, part in zip(PARTS, parts, strict=True)
    }


def export_samples(directory, out):
    """
    Write the samples of a data set as PNG files.

    The images are cut into tiles of 256 pixels, of which those with 2 to 20 % of masked pixels are written: each as
    ``<split>/<part>/<number>.png`` with the parts of `four_parts`. The first row of a PNG file is the uppermost one of
    the image. ``index.csv`` lists for each sample the image and its time, the first row and column of the tile in the
    array of the image, counted from 0, and the share of masked pixels.

    Parameters
    ----------
    directory : path-like
        Folder of the training data, see `~sunpy_restore.desaturation.recipe.scenes.read_disks`.
    out : path-like
        Folder for the files.

    Returns
    -------
    `dict`
        Name of the split to the number of samples.

    Raises
    ------
    FileExistsError
        The folder has an earlier export.
    ValueError
        No tile has a suitable share of masked pixels.
    """
    out, counts, rows = Path(out), {}, []
    if (out / _INDEX).exists():
        raise FileExistsError(f"Found an earlier export in {out}; expected a folder without {_INDEX}. Use another one.")
    for split in SPLITS:
        for part in PARTS:
            (out / split / part).mkdir(parents=True, exist_ok=True)
        counts[split] = 0
        for tile in paper_tiles(read_disks(directory, split)):
            parts = four_parts(tile.image)
            name = f"{counts[split]:06d}.png"
            # The first row of a FITS array is the lowest one
            step = -1 if isinstance(tile.disk, OwnDisk) else 1
            for part, image in parts.items():
                Image.fromarray(image[::step]).save(out / split / part / name)
            place = (tile.row, tile.column + getattr(tile.disk, "first_column", 0))
            rows.append((split, name, tile.disk.name, tile.disk.date, *place, f"{np.mean(parts['mask'] > 0):.4f}"))
            counts[split] += 1
    if not rows:
        raise ValueError(
            "Found no tile of 256 pixels with 2 to 20 % of its pixels above 0.8 of the range; expected at least one. "
            "Add images of active regions."
        )
    with (out / _INDEX).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
    return counts
