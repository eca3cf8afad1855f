"""The response of C3 to a smooth corona, which all its frames of level 0.5 share."""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.inpainting.lasco.geometry import detector_pixels

__all__ = ["detector_pattern"]


def detector_pattern(shape, lasco, empty=None):
    """
    Logarithm of the response of the detector at the pixels of an image.

    It holds vignetting, the shadow of the pylon and the rings about the occulter. The package has one for C3, from
    frames of 2000 to 2010, see `~sunpy_restore.inpainting.recipe.flat_fields.make_pattern`.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        What the image is.
    empty : `numpy.ndarray` of `bool`, optional
        Pixels without value, which tell where a cutout lies to the pixel.

    Returns
    -------
    `numpy.ndarray` of ``float32``, or `None`
        Natural logarithm, NaN where it is not known; `None` for C2, and for level 1, where it is taken out.
    """
    if lasco.detector != "C3" or lasco.level >= 1:
        return None
    pattern = _of_c3()
    if lasco.is_full(shape) and lasco.binning == 1 and lasco.turn % 360 == 0:
        return pattern
    x, y = (np.broadcast_to(places, shape) for places in detector_pixels(shape, lasco, empty))
    return ndimage.map_coordinates(pattern, [y, x], order=1, mode="constant", cval=np.nan).astype(np.float32)


@cache
def _of_c3():
    file = files("sunpy_restore.data") / "calibration" / "lasco_c3_pattern.fits"
    with as_file(file) as path, fits.open(path) as hdus:
        header, data = hdus[1].header, hdus[1].data
        pattern = np.where(data == header["NOTHING"], np.nan, header["STEP"] * data.astype(np.float32))
    pattern = pattern.astype(np.float32)
    pattern.setflags(write=False)
    return pattern
