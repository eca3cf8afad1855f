"""Own images as training data of `sunpy_restore.synthesize_granulation`."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.datasets.samples import KM_PER_ARCSEC, Sample
from sunpy_restore.granulation.recipe.textures import SIDE

__all__ = ["sample_of"]

_LARGEST_PIXEL = 200.0  # km; a granule has five of them across
_GRANULE = 1000.0  # km
_LEAST_FIELD = 5000.0  # km
_UMBRA = 0.8  # of the median intensity
_MOST_DARK = 1e-3  # of the pixels
_GOOD = ("0", "0x00000000", "")


def sample_of(candidate):
    """
    Take an image of a texture for training, or refuse it.

    Images of any instrument with a pixel size of at most 0.28 arcsec (200 km) are taken, if they have at least 128
    pixels and 5000 km along each axis and show no sunspot. They are divided by their mean.

    Parameters
    ----------
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`

    Raises
    ------
    ValueError
        The image cannot be used.
    """
    scale, image = candidate.pixel_scale, np.asarray(candidate.data, dtype=np.float32)
    if scale > _LARGEST_PIXEL / KM_PER_ARCSEC:
        raise ValueError(
            f"Found pixels of {scale:.3g} arcsec; expected at most {_LARGEST_PIXEL / KM_PER_ARCSEC:.2g} arcsec."
        )
    if str(candidate.header.get("QUALITY", 0)).strip() not in _GOOD:
        raise ValueError(f"Found QUALITY = {candidate.header['QUALITY']}; expected 0.")
    if min(image.shape) < SIDE:
        raise ValueError(f"Found {image.shape[0]} x {image.shape[1]} pixels; expected at least {SIDE} along each axis.")
    field = min(image.shape) * scale * KM_PER_ARCSEC
    if field < _LEAST_FIELD:
        raise ValueError(f"Found an image that is {field:.0f} km wide; expected at least {_LEAST_FIELD:.0f} km.")
    if not np.isfinite(image).all() or not image.mean() > 0 or image.min() == image.max():
        raise ValueError("Found values that are not finite, not positive or all the same; expected intensities.")
    image = image / image.mean()
    smooth = ndimage.gaussian_filter(image, _GRANULE / (scale * KM_PER_ARCSEC))
    dark = np.mean(smooth < _UMBRA * np.median(smooth))
    if dark > _MOST_DARK:
        raise ValueError(f"Found {dark:.1%} of the image dark over more than a granule; expected no sunspots.")
    unit = "mean intensity"
    return Sample(image, candidate.instrument or "other images", unit, scale, (2 * SIDE, SIDE))
