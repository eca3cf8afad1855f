"""
What surrounds the holes of an image, in cells of 4 x 4 pixels.

Brightness is given as the deviation from the smooth background in units of the noise per pixel. Cells make the work on
a full frame a matter of tenths of a second.
"""

from functools import cached_property

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.core.numerics.plate import thin_plate
from sunpy_restore.inpainting.corona.background import radial_profile
from sunpy_restore.inpainting.corona.cells import CELL, average_near, cell_medians
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.lasco.geometry import BLOCK
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS

__all__ = ["LAGS", "LARGEST", "Surroundings", "cell_means"]

LAGS = (1, 4, 16)
"""Cells between the places whose brightness is compared."""

LARGEST = 200.0
"""Larger deviations, in units of the noise, are clipped."""

_FLOOR = 1e-3  # of the median brightness; smallest brightness under square roots
_LEAST_NOISE = 0.3  # of the median; lossy compression removes the noise in places
_MISMATCH = 8  # cells between the places whose difference from the prediction is compared
_RING = 2  # cells; half of the width of the ring around the Sun in which pixels are observed or not
_MOSTLY = 0.5  # share of the pixels of a cell with a prediction from neighbours


class Surroundings:
    """
    The valid part of an observation, and what is around its filled pixels.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation, shape ``(ny, nx)``, with at least one cell that is half valid.

    Attributes
    ----------
    medians : `numpy.ndarray`
        Deviation of the valid pixels of each cell, their median.
    known, missing : `numpy.ndarray` of `bool`
        Cells that are mostly valid; other cells with pixels to fill.
    unit, level, profile : `numpy.ndarray`
        Noise, smooth background and radial profile of each cell, in the unit of the image.
    y, x : `numpy.ndarray`
        Rows and columns of the ``n`` filled pixels.
    """

    def __init__(self, observation):
        self.observation = observation
        valid = observation.valid
        above = np.where(valid, observation.image - observation.bias, 0).astype(np.float32)
        level = observation.background.level
        self.floor = _FLOOR * np.median(np.abs(above[valid]))
        # The noise of the square root is about the same in bright and faint pixels
        noise = find_noise(np.sqrt(np.maximum(above, self.floor)), valid, order=3)
        noise = np.maximum(noise, _LEAST_NOISE * np.median(noise[valid]))
        self._noise_of_root = np.maximum(noise, np.finfo(np.float32).tiny)
        unit = self._noise_of(level, self._noise_of_root)
        deviation = np.where(valid, np.clip((above - level) / unit, -LARGEST, LARGEST), 0)
        self.medians, self.known = cell_medians(deviation, valid)
        self.missing = ~self.known & (_sums(observation.mask) > 0)
        self.unit, self.level, self.profile = map(
            _centers, (unit, level, radial_profile(above, valid, observation.center))
        )
        self.y, self.x = np.nonzero(observation.filled)

    def _noise_of(self, brightness, noise_of_root):
        return 2 * noise_of_root * np.sqrt(np.maximum(brightness, self.floor))

    def at(self, cells):
        """Values of cells at the filled pixels, shape ``(n,)``."""
        places = (np.stack([self.y, self.x]) - (CELL - 1) / 2) / CELL
        return ndimage.map_coordinates(cells.astype(np.float32), places, order=1, mode="nearest")

    @cached_property
    def used(self):
        """Cells that are known or filled."""
        return self.known | self.missing

    @cached_property
    def noise(self):
        """Noise per pixel of the filled pixels, in the unit of the image."""
        brightness = self.at(self.level + self.unit * self.harmonic)
        return self._noise_of(brightness, self._noise_of_root[self.y, self.x]).astype(float)

    @cached_property
    def relative_noise(self):
        """Noise over the brightness of the filled pixels."""
        return self.noise / np.maximum(self.at(self.level + self.unit * self.harmonic), self.floor)

    @cached_property
    def distance(self):
        """Pixels from each filled pixel to the nearest valid one."""
        return ndimage.distance_transform_edt(~self.observation.valid)[self.y, self.x]

    @cached_property
    def blocks(self):
        """Area of the hole of each filled pixel, in telemetry blocks."""
        labels, _ = ndimage.label(self.observation.filled, np.ones((3, 3)))
        labels = labels[self.y, self.x]
        return np.bincount(labels)[labels] * (self.observation.binning / BLOCK) ** 2

    @cached_property
    def radius(self):
        """Distance of the filled pixels from the centre of the Sun, in solar radii."""
        x, y = self.observation.center
        pixels = self.observation.binning * np.hypot(self.x - x, self.y - y)
        return pixels / SOLAR_RADIUS[self.observation.detector]

    @cached_property
    def ring(self):
        """Known share of the cells at about the same distance from the Sun as each cell."""
        y, x = (CELL * places + (CELL - 1) / 2 for places in np.indices(self.known.shape, sparse=True))
        column, row = self.observation.center
        rings = (np.hypot(x - column, y - row) / CELL).astype(int)
        known, used = (np.bincount(rings.ravel(), flags.ravel()) for flags in (self.known, self.used))
        known, used = (ndimage.gaussian_filter1d(counts, _RING, mode="constant") for counts in (known, used))
        return (known / np.maximum(used, 1))[rings]

    @cached_property
    def shares(self):
        """Share of known cells within about 16 pixels, and of unobserved ones within 24 pixels."""
        known, hidden = (flags.astype(np.float32) for flags in (self.known, ~self.used))
        return [
            ndimage.gaussian_filter(flags, sigma, mode="constant", cval=beyond)
            for flags, sigma, beyond in ((known, 4, 0), (hidden, 6, 1))
        ]

    @cached_property
    def variations(self):
        """Mean square of the differences between cells that are `LAGS` apart, near each cell."""
        return [variation(self.medians, self.known, lag) for lag in LAGS]

    @cached_property
    def gradients(self):
        """Squared radial and azimuthal gradient over 16 pixels near each cell, and that of the nearest known cell."""
        smooth = normalized_convolution(np.where(self.known, self.medians, 0), self.known, 1.5)
        rows, columns = (4 * part for part in np.gradient(smooth))
        safe = ndimage.binary_erosion(self.known, np.ones((3, 3)))
        y, x = (CELL * places + (CELL - 1) / 2 for places in np.indices(self.known.shape, sparse=True))
        dx, dy = x - self.observation.center[0], y - self.observation.center[1]
        radius = np.maximum(np.hypot(dx, dy), 1)
        radial, azimuthal = (dx * columns + dy * rows) / radius, (dx * rows - dy * columns) / radius
        near = [average_near(part**2, safe) for part in (radial, azimuthal)]
        return [*near, _nearest(rows**2 + columns**2, safe)]

    @cached_property
    def _harmonics(self):
        ratio = (self.level + self.unit * self.medians) / self.profile
        return harmonic(np.where(self.known, np.stack([self.medians, ratio]), 0), self.missing, ~self.used)

    @property
    def harmonic(self):
        """Harmonic fill of the deviation."""
        return self._harmonics[0]

    @cached_property
    def radial(self):
        """Harmonic fill of the ratio to the radial profile."""
        return (self._harmonics[1] * self.profile - self.level) / self.unit

    @cached_property
    def plate(self):
        """Thin-plate fill of the deviation."""
        return np.clip(thin_plate(self.medians[np.newaxis], self.used, self.missing)[0], -LARGEST, LARGEST)

    @cached_property
    def expected(self):
        """
        Prediction from neighbours, made continuous with the known cells.

        Returns
        -------
        cells : `numpy.ndarray`
            The prediction.
        share : `numpy.ndarray`
            Share of the pixels of each cell that have one.
        mismatch : `numpy.ndarray`
            Variation over 32 pixels of the difference between known cells and the prediction.
        """
        observation = self.observation
        nothing = np.zeros(self.known.shape, dtype=np.float32)
        if observation.neighbours is None:
            return nothing, nothing, nothing
        seen = np.isfinite(observation.neighbours)
        cells = cell_means(np.where(seen, observation.neighbours, 0) - observation.bias, seen)
        share = _sums(seen) / CELL**2
        cells = np.clip((cells - self.level) / self.unit, -LARGEST, LARGEST)
        both, hole = self.known & (share > _MOSTLY), self.missing & (share > _MOSTLY)
        if not both.any():
            return nothing, nothing, nothing
        difference = np.where(both, self.medians - cells, 0)
        continued = cells + harmonic(difference, hole, ~(both | hole))
        return continued, share, variation(difference, both, _MISMATCH)


def variation(cells, known, lag):
    """
    Mean square of the differences between known cells, averaged near each cell.

    Parameters
    ----------
    cells : `numpy.ndarray`
        One value per cell.
    known : `numpy.ndarray` of `bool`
        Cells that are used.
    lag : `int`
        Cells along rows and columns between the two that are compared.

    Returns
    -------
    `numpy.ndarray`
        One value per cell.
    """
    squares, count = np.zeros(cells.shape), np.zeros(cells.shape)
    for axis in (0, 1):
        here, there = [slice(None)] * 2, [slice(None)] * 2
        here[axis], there[axis] = slice(None, -lag), slice(lag, None)
        here, there = tuple(here), tuple(there)
        both = known[here] & known[there]
        square = np.where(both, (cells[here] - cells[there]) ** 2, 0)
        for place in (here, there):
            squares[place] += square
            count[place] += both
    return average_near(squares / np.maximum(count, 1), count > 0)


def cell_means(image, chosen):
    """
    Means of the chosen pixels in cells of 4 x 4 pixels, 0 without any.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    chosen : `numpy.ndarray` of `bool`
        Pixels that are used.

    Returns
    -------
    `numpy.ndarray`
        One value per cell.
    """
    return _sums(np.where(chosen, image, 0)) / np.maximum(_sums(chosen), 1)


def _sums(image):
    """Sums over cells."""
    image = np.pad(image.astype(np.float32), [(0, -length % CELL) for length in image.shape])
    rows = sum(image[first::CELL] for first in range(CELL))
    return sum(rows[:, first::CELL] for first in range(CELL))


def _centers(image):
    """A smooth image at the centres of cells."""
    image = np.pad(image, [(0, -length % CELL) for length in image.shape], mode="edge")
    return (image[1::CELL, 1::CELL] + image[2::CELL, 2::CELL]) / 2


def _nearest(cells, known):
    """The value of the nearest known cell."""
    if not known.any():
        return np.zeros(cells.shape)
    index = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return cells[tuple(index)]
