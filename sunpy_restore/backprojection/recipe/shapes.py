"""Sources that are not made of Gaussians, which no training uses."""

import numpy as np
from scipy import ndimage

__all__ = ["SHAPES", "draw_shape"]

SHAPES = ("disk", "shell", "cusp", "clumps", "ribbons")
"""Names of the shapes, see `draw_shape`."""

_PIXEL = 1.5
"""Pixel size in arcsec, a tenth of the clean beam."""
_SIDE = 97


def draw_shape(name, rng):
    """
    Draw the brightness of a source.

    Parameters
    ----------
    name : `str`
        ``"disk"``: a uniform ellipse of 15 to 60 arcsec; ``"shell"``: part of a ring with sharp edges and a radius of
        12 to 35 arcsec; ``"cusp"``: a brightness that decreases exponentially, with a scale of 3 to 15 arcsec;
        ``"clumps"``: a disk of 30 to 70 arcsec with irregular bright points; ``"ribbons"``: two rectangles with bright
        kernels.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    brightness : `numpy.ndarray`
        Flux in each pixel; the total flux is 1.
    pixel : `float`
        Pixel size in arcsec.

    Raises
    ------
    ValueError
        Unknown shape.
    """
    if name not in SHAPES:
        raise ValueError(f"Unknown shape {name!r}; expected one of {', '.join(SHAPES)}.")
    axis = _PIXEL * (np.arange(_SIDE) - (_SIDE - 1) / 2)
    angle = rng.uniform(0, 2 * np.pi)
    x = np.cos(angle) * axis + np.sin(angle) * axis[:, np.newaxis]
    y = np.cos(angle) * axis[:, np.newaxis] - np.sin(angle) * axis
    drawn = {"disk": _disk, "shell": _shell, "cusp": _cusp, "clumps": _clumps, "ribbons": _ribbons}[name](x, y, rng)
    return drawn / drawn.sum(), _PIXEL


def _disk(x, y, rng):
    radius = rng.uniform(7.5, 30)
    return 1.0 * (np.hypot(x, y / rng.uniform(0.4, 1)) < radius)


def _shell(x, y, rng):
    radius, thickness, opening = rng.uniform(12, 35), rng.uniform(3, 10), rng.uniform(np.pi / 2, 2 * np.pi)
    inside = (abs(np.hypot(x, y) - radius) < thickness / 2) & (abs(np.arctan2(y, x)) < opening / 2)
    return inside * (1 + rng.uniform(-0.5, 0.5) * y / np.hypot(radius, thickness))


def _cusp(x, y, rng):
    return np.exp(-np.hypot(x, y / rng.uniform(0.4, 1)) / rng.uniform(3, 15))


def _clumps(x, y, rng):
    field = ndimage.gaussian_filter(rng.standard_normal(x.shape), rng.uniform(3, 8) / _PIXEL)
    return np.exp(rng.uniform(0.5, 1.5) * field / field.std()) * (np.hypot(x, y) < rng.uniform(15, 35))


def _ribbons(x, y, rng):
    apart, length, width = rng.uniform(15, 40), rng.uniform(20, 70), rng.uniform(3, 10)
    image = np.zeros_like(x)
    for side, flux in ((-1, 1.0), (1, rng.uniform(0.3, 1))):
        across, along = x - side * apart / 2, y - rng.uniform(-10, 10)
        ribbon = (abs(across) < width / 2) & (abs(along) < length / 2)
        kernel = np.hypot(across, along - rng.uniform(-0.4, 0.4) * length) < 3
        image += flux * (ribbon / max(ribbon.sum(), 1) + rng.uniform(0, 1) * kernel / max(kernel.sum(), 1))
    return image
