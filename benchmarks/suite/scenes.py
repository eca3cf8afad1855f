"""Calls of the five functions on images of different sizes, made of the samples of the package."""

import numpy as np

import astropy.units as u

import sunpy.map

from sunpy_restore import backproj_to_clean, desaturate, enhance, inpaint, synthesize_granulation
from sunpy_restore.data import sample_path

__all__ = ["SCENES", "SIZES"]


def _open(name):
    return sunpy.map.Map(sample_path(name))


def _tiled(name, side):
    """A sample, repeated and cut to a size; commits that asv measures may not have the function of the package."""
    sample = _open(name)
    times = -(-side // min(sample.data.shape))
    return sunpy.map.Map(np.tile(sample.data, (times, times))[:side, :side].copy(), sample.meta)


def _enhance(side):
    image = _tiled("hmi_continuum_spot", side)
    return lambda: enhance(image)


def _desaturate(side):
    image = _tiled("aia_193_flare", side)
    return lambda: desaturate(image)


def _inpaint(side):
    image = _open("lasco_c3_cme")
    mask = np.zeros(image.data.shape, bool)
    mask[600 : 600 + side, 300 : 300 + side] = True
    return lambda: inpaint(image, mask=mask)


def _clean(side):
    image = _open("stix_flare")
    first = (image.data.shape[0] - side) // 2
    part = image.submap([first, first] * u.pix, top_right=[first + side - 1] * 2 * u.pix)
    return lambda: backproj_to_clean(part)


def _granulation(side):
    return lambda: synthesize_granulation((side, side), seed=1)


SCENES = {
    "enhance": _enhance,
    "desaturate": _desaturate,
    "inpaint": _inpaint,
    "backproj_to_clean": _clean,
    "synthesize_granulation": _granulation,
}
"""For each function ``scene(side)``, which prepares a call without arguments."""

SIZES = {
    "enhance": (100, 200, 400),
    "desaturate": (100, 200, 400),
    "inpaint": (32, 64, 128),
    "backproj_to_clean": (65, 97, 129),
    "synthesize_granulation": (128, 256, 512),
}
"""Sides in pixels: of the image, and for `inpaint` of the hole in an image of 1024 x 1024."""
