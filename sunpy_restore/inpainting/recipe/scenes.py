"""Real images of LASCO as training and validation data."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.inpainting.recipe.own import own_images
from sunpy_restore.inpainting.task import INPAINT

__all__ = ["LISTS", "UNUSED", "Exposure", "read_exposures"]

LISTS = Path(__file__).with_name("data")
"""Folder with the list of the package."""

UNUSED = ("rows", "columns", "frames", "cadence", "trim")
"""Parameters of entries that are refused: whole images are read."""

_MASKED_SHARE = 0.01  # of the pixels; the value that more pixels have at level 1 is that of masked pixels


class Exposure(NamedTuple):
    """
    A complete image of LASCO as arrays.

    Parameters
    ----------
    name, date : `str`
        File name without its suffixes; day as year-month-day.
    image : `numpy.ndarray`
        Brightness, shape ``(ny, nx)``.
    unobserved : `numpy.ndarray` of `bool`
        Pixels without an observation.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level, bias : `float`
        Calibration level; bias of the detector in the unit of the image.
    source : `str`
        Name of the entry in the list of images, empty for own images.
    weight : `float`
        How often the images of this source are drawn, relative to others of the detector.
    """

    name: str
    date: str
    image: np.ndarray
    unobserved: np.ndarray
    center: tuple[float, float]
    detector: str
    level: float
    bias: float
    source: str = ""
    weight: float = 1.0


def read_exposures(directory, split="train"):
    """
    Read the images of one of the splits.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list ``inpaint.toml``. A list of that name in the folder
        replaces that of the package.
    split : ``"train"`` or ``"validation"``
        The split of the manifest or of the list.

    Returns
    -------
    `list` of `Exposure`

    Raises
    ------
    FileNotFoundError
        A file of the list is missing.
    ValueError
        The list is invalid, see `~sunpy_restore.core.datasets.imagelist.read_list`; a file is not that of the list, or
        has another date.
    """
    if has_manifest(directory):
        return [_own(item, image) for item, image in own_images(directory, split)]
    images = read_list(find_list(INPAINT.name, LISTS, directory), {}, unused=UNUSED)
    return [_read(path, entry) for entry in images.split(split) for path in images.paths(entry, directory)]


def _read(path, entry):
    with fits.open(path) as hdus:
        header, image = hdus[0].header, hdus[0].data.astype(float)
    level = float(header.get("LEVEL", 0.5))
    unobserved = _unobserved(image, level)
    date = header["DATE-OBS"][:10].replace("/", "-")
    entry.check_time(date, path)
    return Exposure(
        name=path.name.partition(".")[0],
        date=date,
        image=image,
        unobserved=unobserved,
        center=(header["CRPIX1"] - 1, header["CRPIX2"] - 1),
        detector=header["DETECTOR"].strip(),
        level=level,
        bias=float(header.get("OFFSET", 0)) if level < 1 else 0.0,
        source=entry.name,
        weight=entry.weight,
    )


def _own(item, image):
    values = item.values
    return Exposure(
        name=item.origin, date=item.time[:10], image=image, unobserved=_unobserved(image, values["level"]),
        center=tuple(values["center"]), detector=values["detector"], level=values["level"], bias=values["bias"],
    )  # fmt: skip


def _unobserved(image, level):
    unobserved = (image == 0) | ~np.isfinite(image)
    if level >= 1:
        values, counts = np.unique(image, return_counts=True)
        if counts.max() > _MASKED_SHARE * image.size:
            unobserved |= image == values[counts.argmax()]
    return unobserved
