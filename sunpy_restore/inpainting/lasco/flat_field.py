"""The flat field of C3, which all its images of level 0.5 have in common."""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.inpainting.lasco.geometry import detector_pixels
from sunpy_restore.inpainting.lasco.header import FULL

__all__ = ["flat_field"]


def flat_field(shape, lasco, empty=None):
    """
    Logarithm of the response of the detector to a smooth corona, at the pixels of an image.

    It contains the vignetting, the shadow of the pylon and the diffraction rings around the occulter. The package
    contains the flat field of C3, from images of 2000 to 2010, see
    `~sunpy_restore.inpainting.recipe.flat_fields.make_flat_field`.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    empty : `numpy.ndarray` of `bool`, optional
        Pixels without data, with which a cutout is placed exactly.

    Returns
    -------
    `numpy.ndarray` of ``float32``, or `None`
        Natural logarithm, shape ``(ny, nx)``, NaN where it is unknown; `None` for C2, for level 1, where the
        calibration has removed it, and for images that are larger than the detector.
    """
    # An image that is larger than the detector was rotated by an unknown angle
    if lasco.detector != "C3" or lasco.level >= 1 or max(shape) > FULL // lasco.binning:
        return None
    of_detector = _of_c3()
    if lasco.is_full(shape) and lasco.binning == 1 and lasco.turn % 360 == 0:
        return of_detector
    x, y = (np.broadcast_to(places, shape) for places in detector_pixels(shape, lasco, empty))
    return ndimage.map_coordinates(of_detector, [y, x], order=1, mode="constant", cval=np.nan).astype(np.float32)


@cache
def _of_c3():
    file = files("sunpy_restore.data") / "calibration" / "lasco_c3_flat_field.fits"
    with as_file(file) as path, fits.open(path) as hdus:
        header, data = hdus[1].header, hdus[1].data
        logarithm = np.where(data == header["NOTHING"], np.nan, header["STEP"] * data.astype(np.float32))
    logarithm = logarithm.astype(np.float32)
    logarithm.setflags(write=False)
    return logarithm
