"""Real images of LASCO as training and validation data."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from astropy.io import fits

from sunpy_restore.core.manifest import has_manifest
from sunpy_restore.inpainting.recipe.own import own_images

__all__ = ["TRAINING", "VALIDATION", "Exposure", "read_exposures"]

TRAINING = {
    "C2": ("comet_22104858", "Venus_22322544", "Venus_22322625", "Venus_22322784", "Venus_22323065"),
    "C3": ("planet_32046494", "Venus_32108414", "comet_ASAS_32130223", "planet_32180009", "planet_32219521"),
}
"""
Names of the training images by detector.

C2 of 2001-10-23 and 2010-01-12 to 16, C3 of 2000-01-20, 2003-07-21, 2004-10-08, 2007-08-18 and 2010-01-05.
"""

VALIDATION = {
    "C2": ("Venus_22323311",),
    "C3": (
        "comet_96p_32082037",
        "comet_p6p_level0pt5_32082084",
        "comet_96p_32082111",
        "comet_96p_32082126",
        "comet_96p_32082153",
        "comet_96p_4pt1shouldhavebeeninsize",
    ),
}
"""Names of the images that are kept back: 2010-01-18; 2002-01-08 to 10, the last one of level 1."""

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
    """

    name: str
    date: str
    image: np.ndarray
    unobserved: np.ndarray
    center: tuple[float, float]
    detector: str
    level: float
    bias: float


def read_exposures(directory, split="training"):
    """
    Read the images of one of the splits.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with ``lasco/``.
    split : ``"training"`` or ``"validation"``
        The split of the manifest; without one, the images of `TRAINING` or `VALIDATION`.

    Returns
    -------
    `list` of `Exposure`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    """
    chosen = {"training": TRAINING, "validation": VALIDATION}[split]
    if has_manifest(directory):
        return [_own(item, image) for item, image in own_images(directory, split.removesuffix("ing"))]
    return [_read(Path(directory) / "lasco" / f"{name}.fts.gz") for names in chosen.values() for name in names]


def _read(path):
    if not path.exists():
        raise FileNotFoundError(f"Found no {path}; expected the images of the recipe in its folder lasco/.")
    with fits.open(path) as hdus:
        header, image = hdus[0].header, hdus[0].data.astype(float)
    level = float(header.get("LEVEL", 0.5))
    unobserved = _unobserved(image, level)
    return Exposure(
        name=path.name.partition(".")[0],
        date=header["DATE-OBS"][:10].replace("/", "-"),
        image=image,
        unobserved=unobserved,
        center=(header["CRPIX1"] - 1, header["CRPIX2"] - 1),
        detector=header["DETECTOR"].strip(),
        level=level,
        bias=float(header.get("OFFSET", 0)) if level < 1 else 0.0,
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
