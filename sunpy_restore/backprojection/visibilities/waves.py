"""Waves on the pixels of an image, which are the same for many images and are kept."""

from functools import cached_property, lru_cache

import numpy as np

__all__ = ["SeparableWaves", "bytes_of", "plain", "waves"]

_MOST_KEPT = 2**17
"""Largest number of values along the axes of an image that are kept for the next one."""
_MOST_KEPT_PIXELS = 2**20
"""Largest number of values of all pixels that are kept."""


class SeparableWaves:
    """
    The real and imaginary parts of the visibilities of an image as a matrix, which is applied axis by axis.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid, shape ``(ny, nx)``.
    factors : `numpy.ndarray`
        Factors of the rows, shape ``(2 n,)``, the same for the real and the imaginary part.
    """

    def __init__(self, points, grid, factors):
        self.shape, self.count, self.factors = grid.shape, len(points.u), factors
        self.pixel_waves = _pixel_waves(points, grid)
        along_y, self.along_x = waves(points, grid, 1)
        self.along_y = factors[: self.count, np.newaxis] * along_y
        self.parts = np.concatenate([self.along_x.real, self.along_x.imag])

    def forward(self, image):
        """Product with an image, shape ``(ny * nx,)``: shape ``(2 n,)``."""
        sums = image.reshape(self.shape) @ self.parts.T
        sums = np.einsum("yk,ky->k", sums[:, : self.count] + 1j * sums[:, self.count :], self.along_y)
        return np.concatenate([sums.real, sums.imag])

    def adjoint(self, parts):
        """Product of the transposed matrix, shape ``(ny * nx,)``, with an array of shape ``(2 n,)``."""
        left = (parts[: self.count] - 1j * parts[self.count :]) * self.along_y.T
        return (np.concatenate([left.real, -left.imag], axis=1) @ self.parts).ravel()

    def covariance(self, image, pixels):
        """Product A diag(image) A^T in single precision, from some pixels, by their indices: shape ``(2 n, 2 n)``."""
        weights = image[pixels]
        largest = weights.max()
        waves = np.take(self.pixel_waves, pixels, axis=0)
        waves *= np.sqrt(weights / largest).astype(np.float32)[:, np.newaxis]
        return np.outer(largest * self.factors, self.factors) * (waves.T @ waves)

    def exact_covariance(self, image):
        """Product A diag(image) A^T: shape ``(2 n, 2 n)``."""
        return (self._matrix * image) @ self._matrix.T

    @cached_property
    def _matrix(self):
        waves = (self.along_y[:, :, np.newaxis] * self.along_x[:, np.newaxis]).reshape(self.count, -1)
        return np.concatenate([waves.real, waves.imag])


def _pixel_waves(points, grid):
    """`cosines_and_sines`, transposed, as ``float32`` and not to be changed."""
    u, v = bytes_of(points)
    small = 2 * len(points.u) * np.prod(grid.shape) <= _MOST_KEPT_PIXELS
    function = _kept_pixel_waves if small else _kept_pixel_waves.__wrapped__
    return function(u, v, plain(grid))


@lru_cache(maxsize=4)
def _kept_pixel_waves(u, v, grid):
    """See `_pixel_waves`: images of one instrument have the same ones."""
    along_y, along_x = (wave.T for wave in _kept_waves.__wrapped__(u, v, grid, 1))
    waves = along_y[:, np.newaxis] * along_x
    waves = np.concatenate([waves.real, waves.imag], axis=-1, dtype=np.float32)
    waves = np.ascontiguousarray(waves).reshape(np.prod(grid.shape), -1)
    waves.flags.writeable = False
    return waves


def waves(points, grid, sign):
    """
    The factors of exp(+-2 pi i (u x + v y)) along y and x; images of one instrument have the same ones.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        The n points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid, shape ``(ny, nx)``.
    sign : ``1`` or ``-1``
        Sign of the exponent.

    Returns
    -------
    along_y, along_x : `numpy.ndarray` of ``complex128``
        Shape ``(n, ny)`` and ``(n, nx)``, read-only.
    """
    u, v = bytes_of(points)
    small = len(points.u) * sum(grid.shape) <= _MOST_KEPT
    function = _kept_waves if small else _kept_waves.__wrapped__
    return function(u, v, plain(grid), sign)


@lru_cache(maxsize=16)
def _kept_waves(u, v, grid, sign):
    """See `waves`."""
    turn = 2j * np.pi * sign
    waves = tuple(np.exp(turn * np.outer(np.frombuffer(axis), places)) for axis, places in ((v, grid.y), (u, grid.x)))
    for wave in waves:
        wave.flags.writeable = False
    return waves


def bytes_of(points):
    """
    Coordinates of points as what can be looked up.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.

    Returns
    -------
    u, v : `bytes`
    """
    return tuple(np.asarray(axis, dtype=float).tobytes() for axis in (points.u, points.v))


def plain(grid):
    """
    A grid that can be looked up.

    Parameters
    ----------
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        The grid.

    Returns
    -------
    `~sunpy_restore.backprojection.visibilities.fourier.Grid`
    """
    return grid._replace(shape=tuple(map(int, grid.shape)), pixel=tuple(map(float, grid.pixel)))
