"""
What tells how large the errors of filled pixels can be.

Errors are measured in units of the noise per pixel. Almost everything is computed in cells of 4 x 4 pixels, in which a
full frame takes a few tenths of a second, as deviations from the smooth background in units of the noise.
"""

from functools import cached_property

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import normalized_convolution
from sunpy_restore.core.evidence import Evidence
from sunpy_restore.core.filling import harmonic
from sunpy_restore.inpainting.background import (
    CELL,
    average_near,
    cell_medians,
    find_background,
    find_noise,
    on_pixels,
    radial_profile,
)
from sunpy_restore.inpainting.fills import thin_plate
from sunpy_restore.inpainting.lasco.geometry import BLOCK

__all__ = ["FARTHEST", "FEATURES", "OCCULTER_EDGE", "STRATA", "evidence", "solar_radii"]

STRATA = tuple(
    f"{kind}, {size}"
    for kind in ("quiet corona", "streamer", "front", "occulter's edge")
    for size in ("1 block", "several blocks", "many blocks")
)
"""Kinds of filled pixels: by what is around the hole, and by the size of the hole."""

FARTHEST = 160
"""Pixels from the nearest observed pixel beyond which nothing is known; holes of 8 x 8 blocks were measured."""

OCCULTER_EDGE = {"C2": (2.0, 2.7), "C3": (3.7, 5.0)}
"""Radii of the edge of the occulter and the diffraction rings around it in solar radii."""

_SEVERAL, _MANY = 1.5, 9.5  # blocks; area of the smallest holes of several and of many blocks
_SOLAR_RADIUS = {"C2": 960 / 11.9, "C3": 960 / 56.0}  # detector pixels
_LAGS = (1, 2, 4, 8, 16)  # cells; distances at which brightness is compared
_LARGEST = 200.0  # noises; larger deviations are clipped
_LEAST = 0.05  # noises; added before logarithms
_FLOOR = 1e-3  # of the median brightness; smallest brightness under square roots
_LEAST_NOISE = 0.3  # of the median; lossy compression removes the noise in places
_STAR = 5.0  # noises by which a star exceeds the median of its cell
_STRONG = 1.0  # noises; smallest variation over 16 pixels of a streamer or front


def evidence(observation, restored, method):
    """
    Describe the filled pixels of an image.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation, shape ``(ny, nx)``.
    restored : `~sunpy_restore.core.methods.Restored`
        The filled image, by any method.
    method : `~sunpy_restore.core.methods.Method`
        The method.

    Returns
    -------
    `~sunpy_restore.core.evidence.Evidence`
        For the filled pixels. Nothing is known in pixels that are more than `FARTHEST` pixels from the nearest observed
        one, in pixels that the instrument never sends, and if no cell of 4 x 4 pixels is observed.
    """
    where = observation.filled
    if not cell_medians(observation.image, observation.valid)[1].any():
        return _nothing(where)
    scene = _Scene(observation, restored.data)
    features = scene.geometry() | scene.surroundings() | scene.stars() | scene.fills() | scene.neighbours()
    unknown = scene.distance > FARTHEST
    if observation.never_sent is not None:
        unknown |= observation.never_sent[where]
    finite = {name: np.nan_to_num(values).astype(np.float32) for name, values in features.items()}
    return Evidence(where=where, features=finite, scale=scene.noise, stratum=scene.stratum(), unknown=unknown)


def solar_radii(pixels, detector):
    """Convert a distance on the sky from pixels of a detector to solar radii at 1 au."""
    return pixels / _SOLAR_RADIUS[detector]


FEATURES = (
    "distance", "size", "open near", "open far", "unobserved", "radius", "relative noise", "C3", "level 1",
    *(f"variation over {CELL * lag} pixels" for lag in _LAGS), "radial gradient", "azimuthal gradient", "border",
    "stars", "light of stars", "plate - harmonic", "radial - harmonic", "fill - harmonic", "fill - plate",
    "gradient of fill", "step", "neighbours", *(f"mismatch of neighbours over {CELL * lag} pixels" for lag in (2, 8)),
    "fill - neighbours",
)  # fmt: skip
"""Names of the features."""


def _nothing(where):
    """Evidence without any knowledge."""
    count = np.count_nonzero(where)
    zeros = np.zeros(count, dtype=np.float32)
    return Evidence(
        where=where, features=dict.fromkeys(FEATURES, zeros), scale=np.ones(count),
        stratum=np.zeros(count, dtype=int), unknown=np.ones(count, dtype=bool),
    )  # fmt: skip


def _sums(image):
    """Sums over cells."""
    image = np.pad(image.astype(np.float32), [(0, -length % CELL) for length in image.shape])
    rows = sum(image[first::CELL] for first in range(CELL))
    return sum(rows[:, first::CELL] for first in range(CELL))


def _means(image, chosen):
    """Means of the chosen pixels in cells, 0 without any."""
    return _sums(np.where(chosen, image, 0)) / np.maximum(_sums(chosen), 1)


def _centers(image):
    """A smooth image at the centres of cells."""
    image = np.pad(image, [(0, -length % CELL) for length in image.shape], mode="edge")
    return (image[1::CELL, 1::CELL] + image[2::CELL, 2::CELL]) / 2


class _Scene:
    """
    A filled image as cells of 4 x 4 pixels, in deviations from the background in units of the noise.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    filled : `numpy.ndarray`
        The filled image, shape ``(ny, nx)``.
    """

    def __init__(self, observation, filled):
        self.observation = observation
        valid, bias, center = observation.valid, observation.bias, observation.center
        flat_field = None if observation.flat_field is None else np.nan_to_num(observation.flat_field)
        above = np.where(valid, observation.image - bias, 0).astype(np.float32)
        level = find_background(above, valid, center, flat_field).level
        floor = _FLOOR * np.median(np.abs(above[valid]))
        # The noise of the square root is about the same in bright and faint pixels
        noise = find_noise(np.sqrt(np.maximum(above, floor)), valid, order=3)
        noise = np.maximum(noise, _LEAST_NOISE * np.median(noise[valid]))
        noise = 2 * np.maximum(noise, np.finfo(np.float32).tiny)
        unit = noise * np.sqrt(np.maximum(level, floor))
        self.deviation = np.where(valid, np.clip((above - level) / unit, -_LARGEST, _LARGEST), 0)
        self.medians, self.known = cell_medians(self.deviation, valid)
        self.missing = ~self.known & (_sums(observation.mask) > 0)
        self.unit, self.level, self.profile = map(_centers, (unit, level, radial_profile(above, valid, center)))
        inside = observation.mask & np.isfinite(filled)
        fill = _means((np.where(inside, filled, bias) - bias - level) / unit, inside)
        self.filled = np.where(self.known, self.medians, np.clip(fill, -_LARGEST, _LARGEST))
        self.y, self.x = np.nonzero(observation.filled)
        brightness = self._at(self.level + self.unit * self.filled)
        self.brightness = np.maximum(brightness, floor)
        self.noise = (noise[self.y, self.x] * np.sqrt(self.brightness)).astype(float)

    def _at(self, cells):
        """Values of cells at the filled pixels."""
        places = (np.stack([self.y, self.x]) - (CELL - 1) / 2) / CELL
        return ndimage.map_coordinates(cells.astype(np.float32), places, order=1, mode="nearest")

    def _logarithm_at(self, squares):
        """Logarithm of a root mean square, from mean squares in cells."""
        return np.log(_LEAST + np.sqrt(np.maximum(self._at(squares), 0)))

    @cached_property
    def distance(self):
        """Pixels to the nearest observed pixel."""
        return ndimage.distance_transform_edt(~self.observation.valid)[self.y, self.x]

    @cached_property
    def blocks(self):
        """Area of the hole in telemetry blocks."""
        labels, _ = ndimage.label(self.observation.filled, np.ones((3, 3)))
        labels = labels[self.y, self.x]
        return np.bincount(labels)[labels] * (self.observation.binning / BLOCK) ** 2

    @cached_property
    def radius(self):
        """Distance from the centre of the Sun in solar radii."""
        x, y = self.observation.center
        pixels = self.observation.binning * np.hypot(self.x - x, self.y - y)
        return solar_radii(pixels, self.observation.detector)

    def geometry(self):
        """Features of the place of a pixel in its hole and in the image."""
        seen = self.known.astype(np.float32)
        hidden = (~self.known & ~self.missing).astype(np.float32)
        near, far, unobserved = (
            self._at(ndimage.gaussian_filter(image, sigma, mode="constant", cval=cval))
            for image, sigma, cval in ((seen, 4, 0), (seen, 16, 0), (hidden, 6, 1))
        )
        constant = np.ones(len(self.y))
        return {
            "distance": np.log(self.distance),
            "size": np.log(self.blocks) / 2,
            "open near": near,
            "open far": far,
            "unobserved": unobserved,
            "radius": np.log(np.maximum(self.radius, 0.1)),
            "relative noise": np.log(self.noise / self.brightness),
            "C3": constant * (self.observation.detector == "C3"),
            "level 1": constant * (self.observation.level >= 1),
        }

    def _variation(self, cells, known, lag):
        """Mean square of differences between cells that are so far apart."""
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

    @cached_property
    def gradients(self):
        """Squared radial and azimuthal gradients in noises over 16 pixels, averaged near each cell."""
        smooth = normalized_convolution(np.where(self.known, self.medians, 0), self.known, 1.5)
        rows, columns = np.gradient(smooth)
        safe = ndimage.binary_erosion(self.known, np.ones((3, 3)))
        y, x = (CELL * places + (CELL - 1) / 2 for places in np.indices(self.known.shape, sparse=True))
        dx, dy = x - self.observation.center[0], y - self.observation.center[1]
        radius = np.maximum(np.hypot(dx, dy), 1)
        radial, azimuthal = (dx * columns + dy * rows) / radius, (dx * rows - dy * columns) / radius
        return [average_near((4 * part) ** 2, safe) for part in (radial, azimuthal)] + [
            self._nearest(16 * (rows**2 + columns**2), safe)
        ]

    def _nearest(self, cells, known):
        """The value of the nearest known cell."""
        if not known.any():
            return np.zeros(cells.shape)
        index = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        return cells[tuple(index)]

    def surroundings(self):
        """Features of the structure around the holes."""
        found = {
            f"variation over {CELL * lag} pixels": self._logarithm_at(self._variation(self.medians, self.known, lag))
            for lag in _LAGS
        }
        names = ("radial gradient", "azimuthal gradient", "border")
        return found | {name: self._logarithm_at(part) for name, part in zip(names, self.gradients, strict=True)}

    def stars(self):
        """Features of pixels that are much brighter than those around them."""
        valid = self.observation.valid
        excess = self.deviation - on_pixels(self.medians, valid.shape)
        star = valid & (excess > _STAR)
        share = average_near(_means(star, valid), self.known)
        light = average_near(_means(np.where(star, excess, 0) ** 2, valid), self.known)
        return {"stars": np.log(1e-4 + np.maximum(self._at(share), 0)), "light of stars": self._logarithm_at(light)}

    def fills(self):
        """Features of the differences between several fills."""
        used, missing = self.known | self.missing, self.missing
        ratio = (self.level + self.unit * self.medians) / self.profile
        harmonics = harmonic(np.where(self.known, np.stack([self.medians, ratio]), 0), missing, ~used)
        radial = (harmonics[1] * self.profile - self.level) / self.unit
        plate = np.clip(thin_plate(self.medians[np.newaxis], used, missing)[0], -_LARGEST, _LARGEST)
        difference = {
            "plate - harmonic": plate - harmonics[0],
            "radial - harmonic": radial - harmonics[0],
            "fill - harmonic": self.filled - harmonics[0],
            "fill - plate": self.filled - plate,
        }
        rows, columns = np.gradient(np.where(used, self.filled, 0))
        border = missing & ndimage.binary_dilation(self.known)
        step = self.filled - normalized_convolution(self.medians.astype(float), self.known, 0.5)
        squares = {name: np.where(missing, cells, 0) ** 2 for name, cells in difference.items()}
        squares["gradient of fill"] = 16 * (rows**2 + columns**2)
        squares["step"] = average_near(step**2, border)
        return {name: self._logarithm_at(cells) for name, cells in squares.items()}

    def neighbours(self):
        """Features of the prediction from images before and after."""
        names = FEATURES[-4:]
        expected = self.observation.neighbours
        if expected is None:
            return dict.fromkeys(names, np.zeros(len(self.y)))
        seen = np.isfinite(expected)
        share = _sums(seen) / CELL**2
        pixels = np.where(seen, expected, 0) - self.observation.bias
        cells = (_means(pixels, seen) - self.level) / self.unit
        cells = np.where(share > 0.5, np.clip(cells, -_LARGEST, _LARGEST), 0)
        both = self.known & (share > 0.5)
        if not both.any():
            return dict.fromkeys(names, np.zeros(len(self.y)))
        difference = np.where(both, self.medians - cells, 0)
        hole = self.missing & (share > 0.5)
        continued = cells + harmonic(difference, hole, ~(both | hole))
        apart = np.where(hole, self.filled - continued, 0) ** 2
        mismatch = [self._variation(difference, both, lag) for lag in (2, 8)]
        seen = self._at(share)
        logarithms = [self._logarithm_at(cells) * seen for cells in (*mismatch, apart)]
        return dict(zip(names, [seen, *logarithms], strict=True))

    def stratum(self):
        """Index in `STRATA`."""
        low, high = OCCULTER_EDGE[self.observation.detector]
        radial, azimuthal = (np.sqrt(np.maximum(self._at(part), 0)) for part in self.gradients[:2])
        kind = np.where(np.maximum(radial, azimuthal) < _STRONG, 0, np.where(azimuthal > radial, 1, 2))
        kind = np.where((self.radius > low) & (self.radius < high), 3, kind)
        size = (self.blocks > _SEVERAL).astype(int) + (self.blocks > _MANY)
        return 3 * kind + size
