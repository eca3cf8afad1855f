"""
From images to visibilities and back.

As in ``xrayvision``, the visibility of a brightness I is V(u, v) = sum I(x, y) exp(2 pi i (u x + v y)), x along columns
and y along rows in arcsec from the middle of the image, and the back-projection of visibilities is the real part of
sum w V exp(-2 pi i (u x + v y)).
"""

from typing import NamedTuple

import numpy as np

__all__ = [
    "WEIGHTINGS",
    "Grid",
    "back_projection",
    "dirty_beam",
    "fitted_visibilities",
    "shifted",
    "visibilities",
    "weights_of",
]

WEIGHTINGS = ("natural", "uniform")
"""Weights of visibilities in a back-projection."""

_CHUNK = 2**16  # pixels
_RIDGE = 1e-12  # of the largest eigenvalue; what is below can't be told from rounding


class Grid(NamedTuple):
    """
    Pixels of an image.

    Parameters
    ----------
    shape : pair of `int`
        Rows and columns.
    pixel : pair of `float`
        Size of a pixel in arcsec along y and x.
    """

    shape: tuple[int, int]
    pixel: tuple[float, float]

    @property
    def y(self):
        """Rows in arcsec from the middle."""
        return self.pixel[0] * (np.arange(self.shape[0]) - (self.shape[0] - 1) / 2)

    @property
    def x(self):
        """Columns in arcsec from the middle."""
        return self.pixel[1] * (np.arange(self.shape[1]) - (self.shape[1] - 1) / 2)

    @property
    def area(self):
        """Area of a pixel in square arcsec."""
        return abs(self.pixel[0] * self.pixel[1])


def weights_of(plane, weighting="natural"):
    """
    Weights of the points of the (u, v) plane in a back-projection.

    Parameters
    ----------
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        The points.
    weighting : ``"natural"`` or ``"uniform"``
        All alike, or in proportion to the spatial frequency, which evens out that low ones are sampled more densely.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(n,)``; their sum is 1.

    Raises
    ------
    ValueError
        No such weighting.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f"Found the weighting {weighting!r}, expected {' or '.join(map(repr, WEIGHTINGS))}.")
    weights = np.ones(len(plane.u)) if weighting == "natural" else plane.frequency
    return weights / weights.sum()


def visibilities(image, plane, grid):
    """
    Visibilities of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux in each pixel, shape ``(..., ny, nx)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Where they are wanted.
    grid : `Grid`
        Pixels of the image.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(..., n)``, in the unit of the image.
    """
    along_y, along_x = _waves(plane, grid, 1)
    return np.einsum("...yk,ky->...k", image @ along_x.T, along_y, optimize=True)


def back_projection(found, plane, grid, weights):
    """
    The image that visibilities are projected back to.

    Parameters
    ----------
    found : `numpy.ndarray` of `complex`
        Visibilities, shape ``(..., n)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places.
    grid : `Grid`
        Pixels wanted.
    weights : `numpy.ndarray`
        Their weights, shape ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(..., ny, nx)``, in the unit of the visibilities: at a point source it is its flux.
    """
    along_y, along_x = _waves(plane, grid, -1)
    left = (np.asarray(found) * weights)[..., np.newaxis, :] * along_y.T
    return left.real @ along_x.real - left.imag @ along_x.imag


def dirty_beam(plane, grid, weights):
    """
    The back-projection of a point source of flux 1 in the middle.

    Parameters
    ----------
    plane, grid, weights
        As for `back_projection`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    return back_projection(np.ones(len(plane.u)), plane, grid, weights)


def fitted_visibilities(image, plane, grid, weights):
    """
    The visibilities whose back-projection an image is.

    Parameters
    ----------
    image : `numpy.ndarray`
        Back-projection, shape ``(ny, nx)``; pixels that are not finite don't count.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Places of the visibilities.
    grid : `Grid`
        Pixels of the image.
    weights : `numpy.ndarray`
        Weights with which it was made, shape ``(n,)``.

    Returns
    -------
    found : `numpy.ndarray` of `complex`
        Shape ``(n,)``, in the unit of the image.
    misfit : `float`
        RMS of what the back-projection of these leaves of the image, over the RMS of the image.
    """
    known = np.isfinite(image)
    along_y, along_x = _waves(plane, grid, -1)
    along_y, count = along_y * weights[:, np.newaxis], len(plane.u)
    gram, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    rows = max(_CHUNK // image.shape[1], 1)
    for top in range(0, image.shape[0], rows):
        here = slice(top, top + rows)
        waves = (along_y[:, here, np.newaxis] * along_x[:, np.newaxis, :])[:, known[here]]
        basis = np.concatenate([waves.real, -waves.imag])
        gram += basis @ basis.T
        right += basis @ image[here][known[here]].astype(float)
    if not known.any() or not image[known].any():
        return np.zeros(count, dtype=complex), 0.0
    values, vectors = np.linalg.eigh(gram)
    told = values > _RIDGE * values[-1]
    values, vectors = values[told], vectors[:, told]
    right = vectors.T @ right
    size, noise = np.abs(image[known]).max(), 0.0
    for _ in range(2):
        # What the image hardly shows, such as waves longer than it, would be rounding and interpolation alone: a
        # visibility is about as large as the image, and the noise is what was left of it
        parts = vectors @ (right / (values + (noise / size) ** 2))
        found = parts[:count] + 1j * parts[count:]
        left = np.where(known, image - back_projection(found, plane, grid, weights), 0)[known]
        noise = np.sqrt(np.mean(np.square(left)))
    return found, noise / np.sqrt(np.mean(np.square(image[known], dtype=float)))


def shifted(found, plane, x, y):
    """
    Visibilities with another phase centre.

    Parameters
    ----------
    found : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places.
    x, y : `float`
        New phase centre in arcsec from the present one.

    Returns
    -------
    `numpy.ndarray` of `complex`
    """
    return found * np.exp(-2j * np.pi * (plane.u * x + plane.v * y))


def _waves(plane, grid, sign):
    """The factors of exp(+-2 pi i (u x + v y)) along y and x."""
    turn = 2j * np.pi * sign
    return np.exp(turn * np.outer(plane.v, grid.y)), np.exp(turn * np.outer(plane.u, grid.x))
