"""Shift and scale between a Map and the back-projection of measured visibilities."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.provenance.geometry import points_in_pixels
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, shift_phase_center, weights_of
from sunpy_restore.core.messages import warn_user

__all__ = ["Alignment", "align", "fit_alignment"]

_LARGEST_SHIFT = 0.1
"""Shift in arcsec from which the visibilities are moved, with a warning."""
_OTHER_CENTER = 10.0
"""Shift in arcsec from which the phase centre is another one, such as that of the image from which the Map was cut out,
and no mistake."""
_LARGEST_EXCESS = 0.01
"""Relative difference of the scales from which there is a warning."""
_ITERATIONS = 3


class Alignment(NamedTuple):
    """
    How a Map differs from the back-projection of measured visibilities.

    Parameters
    ----------
    shift : `numpy.ndarray`
        Shift x and y of the phase centre in arcsec that aligns the visibilities with the Map.
    scale : `float`
        Factor by which the Map is larger.
    """

    shift: np.ndarray
    scale: float


def fit_alignment(measured, visibilities, points, matrix, shape, weighting):
    """
    Fit a shift and a scale of measured visibilities to a Map, in its pixels.

    A small image hardly constrains the visibilities of coarse sub-collimators, but its pixels are known.

    Parameters
    ----------
    measured, visibilities : `numpy.ndarray` of `complex`
        Measured visibilities and those of the Map, shape ``(n,)``, with almost the same phase centre.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    matrix : `numpy.ndarray`
        Steps from pixel to pixel, see `~sunpy_restore.backprojection.provenance.geometry.scale_matrix`.
    shape : pair of `int`
        Rows and columns of the Map.
    weighting : ``"natural"`` or ``"uniform"``
        Weighting that the Map was made with.

    Returns
    -------
    `Alignment`
    """
    own, grid, weights = points_in_pixels(points, matrix), Grid(shape, (1.0, 1.0)), weights_of(points, weighting)
    shift, scale = np.zeros(2), 1.0
    for _ in range(_ITERATIONS):
        moved = shift_phase_center(measured, points, *shift)
        # Derivatives of the image with respect to the scale and the shift
        shapes = np.stack([moved, -2j * np.pi * points.u * moved, -2j * np.pi * points.v * moved, visibilities])
        *columns, image = back_projection(shapes, own, grid, weights).reshape(4, -1)
        scale, *step = np.linalg.lstsq(np.stack(columns, axis=1), image, rcond=None)[0]
        if not scale > 0:
            return Alignment(np.zeros(2), 1.0)
        shift = shift + np.array(step) / scale
    return Alignment(shift, float(scale))


def align(measured, alignment, points, offset=(0.0, 0.0)):
    """
    Move the phase centre of measured visibilities to that of a Map where they differ, and warn of it.

    Parameters
    ----------
    measured : `numpy.ndarray` of `complex`
        Measured visibilities, shape ``(n,)``.
    alignment : `Alignment`
        How the Map differs from their back-projection.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    offset : pair of `float`
        Shift x and y in arcsec from the phase centre of the header by which they were moved already.

    Returns
    -------
    `numpy.ndarray` of `complex`
        Shape ``(n,)``; they are moved if the shift is more than 0.1 arcsec. Their scale is not changed.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The shift, with the offset, is 0.1 to 10 arcsec, or the scales differ by more than 1 %.
    """
    moved = measured
    if np.hypot(*alignment.shift) > _LARGEST_SHIFT:
        moved = shift_phase_center(measured, points, *alignment.shift)
    # A source moves against the phase centre
    x, y = -(alignment.shift + np.asarray(offset))
    if _LARGEST_SHIFT < np.hypot(x, y) < _OTHER_CENTER:
        warn_user(
            f"The Map is shifted by ({x:+.2f}, {y:+.2f}) arcsec along the axes of the instrument, relative to the "
            "phase centre of the visibilities. These are moved, so that positions are those of the Map. Unless the Map "
            "was cut out or binned, check the phase centre and the header."
        )
    if abs(alignment.scale - 1) > _LARGEST_EXCESS:
        warn_user(
            f"The Map is {alignment.scale:.3f} times the back-projection of the visibilities, whose flux is used. "
            "Check that they are of the same time, energy and calibration."
        )
    return moved
