"""Sources outside of an image or at its edge, which are in its visibilities but not in what is restored."""

import numpy as np

from sunpy_restore.backprojection.fitting.noise import noise_factor
from sunpy_restore.backprojection.imaging.clean import clean, wide_beam
from sunpy_restore.backprojection.imaging.field import restrict
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.core.messages import warn_user

__all__ = ["warn_of_outside"]

_SMALL_FIELD = 192.0
"""Side in arcsec of an image below which all methods search sources around it."""
_SURROUNDINGS = Grid((65, 65), (4.0, 4.0))
"""Pixel grid on which the brightest source is searched around such an image."""
_BRIGHTER = 1.1
"""Ratio of the maximum of the back-projection outside to that inside from which the source is outside."""
_MARGIN, _EDGE = 100.0, 10.0
"""Width in arcsec of the surroundings in which CLEAN searches sources, and of the edge where they lack a part."""
_PIXEL, _MOST_PIXELS = 4.0, 512
"""Smallest size in arcsec and largest number along a side of the pixels of CLEAN."""
_LEAST_SHARE, _SHARE_OF_RESIDUAL = 0.05, 0.35
"""
Share of the light outside from which there is a source, and what is added to it for each unit of the relative residual:
the share was smaller in all of 300 simulated images of sources inside with up to 20 % noise.
"""
_SHARE_OF_SMALL = 2.0
"""Factor of that share for a small image, around which sources are searched: there the image is hardly wrong."""
_LEAST_NOISE = 0.03
"""Smallest noise with the surroundings, relative to the mean amplitude: that of the calibration of STIX."""
_NOISE_MARGIN, _NOISE_RATIO = 60.0, 2.0
"""
Width in arcsec of the surroundings for the estimate of the noise, and the ratio of the noise without them to that with
them from which there are sources in them: for sources inside it was 1.6 or less.
"""


def warn_of_outside(visibilities, points, grid):
    """
    Warn of sources outside of an image or at its edge.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The back-projection around a small image is larger than in it. Or CLEAN of a wider field finds more of the light
        outside of the image, or within 10 arcsec of its edge, than the noise explains; in images of less than 192
        arcsec, around which sources are searched, only from 10 arcsec outside. Or the noise of the visibilities is
        estimated to be twice as large for sources in the image as for those in a wider field.
    """
    if not np.asarray(visibilities).any():
        return
    half_y, half_x = (abs(size) * n / 2 for size, n in zip(grid.pixel, grid.shape, strict=True))
    size = f"{2 * half_x:.0f} x {2 * half_y:.0f} arcsec"
    distance = _brightest_outside(visibilities, points, (half_y, half_x))
    if distance is not None:
        warn_user(
            f"The brightest source appears to be outside of the image of {size}, about {distance:.0f} arcsec from its "
            "centre: most of the image may be sidelobes of that source. Restore the whole image and cut out the result."
        )
        return
    is_small = 2 * min(half_y, half_x) < _SMALL_FIELD
    share, least = _share_outside(visibilities, points, grid, -_EDGE if is_small else _EDGE)
    if share > least * (_SHARE_OF_SMALL if is_small else 1):
        found = f"About {share:.0%} of the light appears to be outside of the image of {size} or at its edge"
    elif _noise_ratio(visibilities, points, grid) > _NOISE_RATIO:
        found = f"Sources outside of the image of {size} explain the visibilities much better than those in it alone"
    else:
        return
    warn_user(
        f"{found}: the image lacks that light, and can contain sidelobes and a wrong flux. Make a larger "
        "back-projection that contains all sources, and cut out the result."
    )


def _brightest_outside(visibilities, points, halves):
    """Distance in arcsec from the centre of a brighter source outside of a small image, or None."""
    if 2 * min(halves) >= _SMALL_FIELD:
        return None
    around = _SURROUNDINGS
    dirty = back_projection(visibilities, points, around, weights_of(points))
    inside = np.outer(abs(around.y) <= halves[0], abs(around.x) <= halves[1])
    if inside.all() or dirty[~inside].max() <= _BRIGHTER * dirty[inside].max():
        return None
    row, column = np.unravel_index(np.argmax(np.where(inside, -np.inf, dirty)), dirty.shape)
    return np.hypot(around.x[column], around.y[row])


def _share_outside(visibilities, points, grid, edge):
    """Share of the light of CLEAN outside of what is restored, or at its edge, and the largest one by noise."""
    sides = [abs(size) * n for size, n in zip(grid.pixel, grid.shape, strict=True)]
    pixel = max(_PIXEL, (max(sides) + 2 * _MARGIN) / _MOST_PIXELS)
    around = Grid(tuple(int(np.ceil((side + 2 * _MARGIN) / pixel)) for side in sides), (pixel, pixel))
    dirty = back_projection(visibilities, points, around, weights_of(points))
    model = clean(dirty, wide_beam(points, around), around).model
    rows, columns = np.nonzero(model)
    light = model[rows, columns]
    waves = np.exp(2j * np.pi * (np.outer(around.x[columns], points.u) + np.outer(around.y[rows], points.v)))
    residual = np.sqrt(np.mean(np.abs(visibilities - light @ waves) ** 2)) / np.abs(visibilities).mean()
    field = restrict(visibilities, points, grid)
    is_inside = np.ones(len(light), bool)
    for places, middle, side, size, n in (
        (around.y[rows], field.center[1], sides[0], field.grid.pixel[0], field.grid.shape[0]),
        (around.x[columns], field.center[0], sides[1], field.grid.pixel[1], field.grid.shape[1]),
    ):
        is_inside &= (abs(places) <= side / 2 - edge) & (abs(places - middle) <= size * n / 2)
    return light[~is_inside].sum() / light.sum(), _LEAST_SHARE + _SHARE_OF_RESIDUAL * residual


def _noise_ratio(visibilities, points, grid):
    """Ratio of the noise for sources in an image to that for sources in a wider field."""
    shape = tuple(
        n + 2 * int(np.ceil(_NOISE_MARGIN / abs(size))) for n, size in zip(grid.shape, grid.pixel, strict=True)
    )
    known = np.ones(len(visibilities))
    with_surroundings = noise_factor(visibilities, known, points, grid._replace(shape=shape))
    least = _LEAST_NOISE / np.sqrt(2) * np.abs(visibilities).mean()
    return noise_factor(visibilities, known, points, grid) / max(with_surroundings, least)
