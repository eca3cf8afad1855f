"""Own images as training data of `sunpy_restore.inpaint`."""

import numpy as np

from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.core.datasets.samples import Sample
from sunpy_restore.inpainting.lasco.header import FULL, check_lasco
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks
from sunpy_restore.inpainting.task import INPAINT

__all__ = ["own_images", "sample_of"]


def sample_of(candidate):
    """
    Take an image for training, or refuse it.

    Full frames of LASCO C2 and C3 of level 0.5 or 1 are taken that were neither binned nor rotated and have no missing
    blocks.

    Parameters
    ----------
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`
        Its values are ``detector``, ``level``, ``center`` and ``bias``, see
        `~sunpy_restore.inpainting.lasco.header.Lasco`.

    Raises
    ------
    TypeError, ValueError
        The image cannot be used.
    """
    if str(candidate.header.get("INSTRUME", "")).strip().upper() != "LASCO":
        raise TypeError(f"Found an image of {candidate.instrument or 'an unnamed instrument'}; expected one of LASCO.")
    if candidate.time is None:
        raise ValueError("Found no time of the observation; expected DATE-OBS, because images are split by time.")
    smap = candidate.map()
    lasco = check_lasco(smap)
    if not lasco.is_full(smap.data.shape) or lasco.binning != 1 or lasco.turn:
        raise ValueError(
            f"Found {smap.data.shape[0]} x {smap.data.shape[1]} pixels, rotated by {lasco.turn:g} degrees; expected a "
            f"full frame of {FULL} x {FULL} pixels as it was sent."
        )
    missing = np.count_nonzero(find_missing_blocks(smap).mask)
    if missing:
        raise ValueError("Found missing blocks; expected none, because they hide the truth.")
    data = np.asarray(smap.data)
    observed = data[np.isfinite(data) & (data != 0)]
    if not observed.size or not np.median(observed) > lasco.bias:
        raise ValueError("Found no light above the bias; expected an image of the corona.")
    values = {"detector": lasco.detector, "level": lasco.level, "center": list(lasco.center), "bias": lasco.bias}
    unit = "MSB" if lasco.level >= 1 else "DN"
    return Sample(data, f"LASCO {lasco.detector}", unit, candidate.pixel_scale, values=values)


def own_images(directory, split):
    """
    Images of a folder with a manifest.

    Parameters
    ----------
    directory : path-like
        The folder.
    split : ``"train"`` or ``"validation"``
        The split.

    Yields
    ------
    item : `~sunpy_restore.core.datasets.item.Item`
        The item.
    image : `numpy.ndarray`
        Its image, shape ``(1024, 1024)``.
    """
    manifest = read_manifest(directory, INPAINT.name)
    for item in manifest.split(split):
        yield item, manifest.read(item).astype(float)
