"""Good AIA images, by which unusual ones are told."""

import functools
from pathlib import Path

import numpy as np
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.recipe.scenes import read_disks

__all__ = ["good_images"]

_CROPS = 10  # of each exposure
_TILES = 48  # of display images
_SIDES = (96, 520)  # pixels
_TILE = 256  # pixels
_RADII = (4, 20)  # pixels of the masks
_EDGE = 8  # pixels that an interpolation spoils
_EXPOSURES = (0.2, 1.0)  # of that of an image, for short exposures
_ELECTRONS = 1.0  # variance over mean of the photon noise in DN


def good_images(directory):
    """
    Crops of real images with a mask, or with the saturated pixels that they have.

    Every second crop is as observed. Of the others, some are interpolated as by the registration to level 1.5, some are
    in DN/s, and some have a shorter exposure time. A quarter of the images are display images in 8 bits.

    Parameters
    ----------
    directory : path-like
        Folder of the training data; all FITS files in its folder ``aia`` are read.

    Returns
    -------
    `list` of ``(name, make)``
        ``make()`` returns the `~sunpy_restore.desaturation.observation.Observation`.
    """
    found = []
    for path in sorted(Path(directory).glob("aia/*.fits*")):
        with fits.open(path) as hdus:
            image, header = hdus[-1].data.astype(float), hdus[-1].header
        for number in range(_CROPS):
            make = functools.partial(_crop, image, header["WAVELNTH"], float(header["EXPTIME"]), number)
            found.append((f"{header['DATE-OBS'][:10]}, {path.name.partition('.fits')[0]} {number}", make))
    disks = read_disks(directory, "validation")
    for number in range(_TILES):
        date = disks[number % len(disks)].date[:10]
        found.append((f"{date}, display {number}", functools.partial(_tile, disks, number)))
    return found


def _crop(image, channel, seconds, number):
    rng = np.random.default_rng([number, 7])
    side = int(np.exp(rng.uniform(*np.log(_SIDES))))
    top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in image.shape)
    image = image[top : top + side, left : left + side]
    kind = number % 6
    if kind == 1:
        angle = rng.uniform(-1, 1)
        image = ndimage.shift(ndimage.rotate(image, angle, reshape=False), rng.uniform(-0.5, 0.5, size=2))
        image = image[_EDGE:-_EDGE, _EDGE:-_EDGE]
    elif kind in (3, 5):
        share = rng.uniform(*_EXPOSURES) if kind == 5 else 1.0
        lost = np.sqrt(np.maximum(image, 0) * share * (1 - share) * _ELECTRONS)
        image = (share * image + lost * rng.standard_normal(image.shape)) / (seconds * share)
    found = Observation.from_exposure(image, channel)
    return found if found.mask.any() else Observation(image=image, mask=_disk(image.shape, rng), channel=channel)


def _tile(disks, number):
    rng = np.random.default_rng([number, 8])
    image = disks[number % len(disks)].image
    top, left = (int(rng.uniform(0.15, 0.8) * (length - _TILE)) for length in image.shape)
    image = image[top : top + _TILE, left : left + _TILE].astype(float)
    return Observation(image=image, mask=_disk(image.shape, rng))


def _disk(shape, rng):
    """A disk at a random place."""
    radius = rng.uniform(*_RADII)
    row, column = (rng.uniform(0.2, 0.8) * length for length in shape)
    y, x = np.indices(shape)
    return np.hypot(y - row, x - column) < radius
