"""
Transforms between images and visibilities.

The conventions are those of ``xrayvision``. The visibility of a brightness I is V(u, v) = sum I(x, y) exp(2 pi i (u x +
v y)), with x along columns and y along rows in arcsec from the centre of the image. The back-projection of visibilities
is the real part of sum w V exp(-2 pi i (u x + v y)).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.visibilities.uvplane import UVPoints
from sunpy_restore.backprojection.visibilities.waves import bytes_of, plain, waves

__all__ = [
    "Grid",
    "back_projection",
    "cosines_and_sines",
    "dirty_beam",
    "invert_back_projection",
    "shift_phase_center",
    "visibilities_of_image",
    "weights_of",
]

WEIGHTINGS = ("natural", "uniform")
"""Weightings of the visibilities in a back-projection."""

_PIXELS_AT_A_TIME = 2**16
_SMALLEST_EIGENVALUE = 1e-12
"""Smallest eigenvalue that is used, relative to the largest one; smaller ones are dominated by rounding errors."""


class Grid(NamedTuple):
    """
    Pixel grid of an image.

    Parameters
    ----------
    shape : pair of `int`
        Number of rows and columns.
    pixel : pair of `float`
        Pixel size in arcsec along y and x.
    """

    shape: tuple[int, int]
    pixel: tuple[float, float]

    @property
    def y(self):
        """Positions of the rows in arcsec from the centre of the image."""
        return self.pixel[0] * (np.arange(self.shape[0]) - (self.shape[0] - 1) / 2)

    @property
    def x(self):
        """Positions of the columns in arcsec from the centre of the image."""
        return self.pixel[1] * (np.arange(self.shape[1]) - (self.shape[1] - 1) / 2)

    @property
    def area(self):
        """Area of a pixel in square arcsec."""
        return abs(self.pixel[0] * self.pixel[1])


def weights_of(points, weighting="natural"):
    """
    Weights of visibilities in a back-projection.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    weighting : ``"natural"`` or ``"uniform"``
        Equal weights, or weights proportional to the spatial frequency, which compensate for the denser sampling of low
        frequencies.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(n,)``; the weights sum to 1.

    Raises
    ------
    ValueError
        Unknown weighting.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(
            f"Unknown weighting {weighting!r}; expected {' or '.join(map(repr, WEIGHTINGS))}. Give the one that the "
            "back-projection was made with."
        )
    weights = np.ones(len(points.u)) if weighting == "natural" else points.frequency
    return weights / weights.sum()


def visibilities_of_image(image, points, grid):
    """
    Visibilities of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux in each pixel, shape ``(..., ny, nx)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `Grid`
        Pixel grid of the image.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(..., n)``, in the unit of the image.
    """
    (along_y, along_x), count = waves(points, grid, 1), len(points.u)
    sums = np.asarray(image) @ np.concatenate([along_x.real, along_x.imag]).T
    return np.einsum("...yk,ky->...k", sums[..., :count] + 1j * sums[..., count:], along_y)


def cosines_and_sines(points, grid):
    """
    Real and imaginary parts of the visibilities of a unit flux in each pixel.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `Grid`
        Pixel grid, shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 n, ny * nx)``: the real parts, then the imaginary ones.
    """
    phases = (
        2 * np.pi * (np.multiply.outer(points.v, grid.y)[:, :, None] + np.multiply.outer(points.u, grid.x)[:, None])
    )
    return np.concatenate([np.cos(phases), np.sin(phases)]).reshape(2 * len(points.u), -1)


def back_projection(visibilities, points, grid, weights):
    """
    Back-project visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(..., n)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    grid : `Grid`
        Pixel grid of the result.
    weights : `numpy.ndarray`
        Weights of the visibilities, shape ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(..., ny, nx)``, in the unit of the visibilities: the value at a point source is its flux.
    """
    along_y, along_x = waves(points, grid, -1)
    left = (np.asarray(visibilities) * weights)[..., np.newaxis, :] * along_y.T
    return left.real @ along_x.real - left.imag @ along_x.imag


def dirty_beam(points, grid, weights):
    """
    Back-projection of a point source of flux 1 at the centre of the image.

    Parameters
    ----------
    points, grid, weights
        See `back_projection`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    return back_projection(np.ones(len(points.u)), points, grid, weights)


def invert_back_projection(image, points, grid, weights):
    """
    Find the visibilities of a back-projected image by least squares.

    Parameters
    ----------
    image : `numpy.ndarray`
        Back-projection, shape ``(ny, nx)``. Pixels that are not finite are ignored.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `Grid`
        Pixel grid of the image.
    weights : `numpy.ndarray`
        Weights that the image was made with, shape ``(n,)``.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``, in the unit of the image.
    misfit : `float`
        RMS difference between the image and the back-projection of these visibilities, relative to the RMS of the
        image.
    """
    valid, count = np.isfinite(image), len(points.u)
    if not valid.any() or not image[valid].any():
        return np.zeros(count, dtype=complex), 0.0
    values, vectors = _modes(
        *bytes_of(points), plain(grid), np.asarray(weights, dtype=float).tobytes(), np.packbits(valid).tobytes()
    )
    right = weights * visibilities_of_image(np.where(valid, image, 0).astype(float), points, grid)
    right = vectors.T @ np.concatenate([right.real, right.imag])
    size, noise = np.abs(image[valid]).max(), 0.0
    for _ in range(2):
        # Waves longer than the image are hardly constrained by it. The second fit is regularised: the prior amplitude
        # of a visibility is the maximum of the image, and the noise is the residual of the first fit.
        parts = vectors @ (right / (values + (noise / size) ** 2))
        visibilities = parts[:count] + 1j * parts[count:]
        residual = np.where(valid, image - back_projection(visibilities, points, grid, weights), 0)[valid]
        noise = np.sqrt(np.mean(np.square(residual)))
    return visibilities, noise / np.sqrt(np.mean(np.square(image[valid], dtype=float)))


@lru_cache(maxsize=4)
def _modes(u, v, grid, weights, valid):
    """Eigenvalues and eigenvectors of the normal equations of `invert_back_projection`."""
    along_y, along_x = waves(UVPoints(np.frombuffer(u), np.frombuffer(v), ()), grid, -1)
    along_y = along_y * np.frombuffer(weights)[:, np.newaxis]
    valid = np.unpackbits(np.frombuffer(valid, dtype=np.uint8), count=np.prod(grid.shape)).reshape(grid.shape) > 0
    gram = np.zeros((2 * len(along_y), 2 * len(along_y)))
    rows = max(_PIXELS_AT_A_TIME // grid.shape[1], 1)
    for top in range(0, grid.shape[0], rows):
        here = slice(top, top + rows)
        terms = (along_y[:, here, np.newaxis] * along_x[:, np.newaxis, :])[:, valid[here]]
        basis = np.concatenate([terms.real, -terms.imag])
        gram += basis @ basis.T
    values, vectors = np.linalg.eigh(gram)
    significant = values > _SMALLEST_EIGENVALUE * values[-1]
    return values[significant], vectors[:, significant]


def shift_phase_center(visibilities, points, x, y):
    """
    Move the phase centre of visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    x, y : `float`
        New phase centre in arcsec from the present one.

    Returns
    -------
    `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    """
    return visibilities * np.exp(-2j * np.pi * (points.u * x + points.v * y))
