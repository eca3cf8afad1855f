"""What tells how large the error of a filled pixel can be."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.uncertainty.evidence import Evidence, KnownSums
from sunpy_restore.desaturation.charge import column_properties
from sunpy_restore.desaturation.filling.mixture import OF_REGION, regions
from sunpy_restore.desaturation.forward import fringes
from sunpy_restore.desaturation.fringes.correction import conserved_runs
from sunpy_restore.desaturation.fringes.differences import (
    BLUR,
    comparable,
    differences,
    local_mean_and_spread,
    local_variance,
)
from sunpy_restore.desaturation.fringes.diffraction import RADIUS
from sunpy_restore.desaturation.fringes.psf import fringe_kernel

__all__ = ["STRATA", "UNKNOWN", "evidence", "known_sums"]

STRATA = (
    "saturated core",
    "bloomed column",
    "margin of saturation",
    "mask, border",
    "mask, interior",
    "mask over bright core",
    "core without fringes",
    "margin without fringes",
)
"""
Kinds of filled pixels: saturated by light or by charge, next to such pixels, and masked for an unknown reason; and
saturated pixels and those next to them where no diffraction pattern is known, as in 8-bit images.
"""

UNKNOWN = "in masks of which a pixel is more than 48 pixels from any observed one"
"""What nothing is known of."""

_INTERIOR = 3.5  # pixels from the border of a mask
_RISE, _FEW = 0.12, -3.1  # logarithms: brightness of the rim of a core, share of pixels that are brighter
_DEEPEST = 48.0  # pixels; masks with deeper pixels are beyond those of the calibration
_CONTRAST = 0.03  # of the median of the rim, smallest scale of errors
_SMALLEST = 1e-6  # units of the window, smallest scale
_CHANGE = 0.25  # of the differences between fills, which errors are about as large as
_DOME = 0.05  # saturation levels per pixel, by which cores exceed it
_FRINGES = 128  # pixels to which fringes are compared
_FEWEST = 16  # pixels of a region whose fringes are compared
_MOST = 64  # regions of a window whose fringes are compared
_BLURRED = 4.0  # number of differences in one independent one
_FLOOR = 1e-3  # units of the scale, added before a logarithm
_BOX = 7  # pixels; side of the box in which the texture is measured
_NEAR = 14  # pixels from a region in which the noise is measured
_COHERENT = 2.0  # times the length over which other errors are correlated: a core that only its rim constrains
_CHARGE_ERROR = 0.01  # linearity and flat field of the detector
_ALONG_COLUMNS = {4.0: 1.0}  # correlation of errors before they cancel: cores that are too compact or too extended
_FROM_REGION = (
    "rim over middle ring",
    "lower quartile of rim over bright part of outer ring",
    "brightest pixels around over rim",
    "share around above bright part of rim",
    "area",
    "border squared over area",
    "depth",
)


def evidence(observation, restored, method):
    """
    Describe each filled pixel by what its error depends on.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation, shape ``(ny, nx)``.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        The filled image.
    method : `~sunpy_restore.core.restoration.methods.Method`
        Not used: the description is the same for all methods.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.Evidence`
        For the pixels of the mask. The scale is made of the noise and the texture around a region, the differences
        between fills, and the light that a fill lacks according to the charge of its columns and to its fringes.
        Nothing is known about regions with pixels farther than 48 pixels from their border.
    """
    where = observation.mask
    number = np.zeros(where.shape, dtype=np.intp)
    number[where] = np.arange(np.count_nonzero(where))
    features, scale = {}, np.ones(np.count_nonzero(where))
    unknown = np.zeros(len(scale), dtype=bool)
    kernel = None if observation.channel is None else fringe_kernel(observation.channel, RADIUS)
    strength = 0.0 if kernel is None else float(np.sqrt((kernel**2).sum()))
    for window in observation.windows:
        images = _Images(observation, restored, window)
        found = list(regions(window, []))
        for region, missing in zip(found, _missing_light(observation, window, images, found), strict=True):
            own = region.own & window.own[region.place]
            if not own.any():
                continue
            places = number[window.place][region.place][own]
            size, described = images.describe(region, own, missing)
            described["surroundings"] = _surroundings(window, region, where.shape)
            described["fringes"] = np.log(strength * images.excess(region.place, own) + _FLOOR) if strength else 0.0
            scale[places] = size * window.scale
            unknown[places] = images.depth[region.place][own].max() > _DEEPEST
            for name, values in described.items():
                features.setdefault(name, np.zeros(len(scale)))[places] = values
    features["display scale"] = np.full(len(scale), float(observation.channel is None))
    return Evidence(
        where=where,
        features=features,
        scale=scale,
        stratum=_stratum(observation, features),
        unknown=unknown,
        magnification=_COHERENT if observation.channel is None and observation.level is not None else 1.0,
    )


def known_sums(observation, restored, method):
    """
    Find the columns of a fill that contain the charge that was read out in them.

    Parameters
    ----------
    observation, restored, method
        See `evidence`.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.KnownSums` or `None`
        `None` if there are none: no charge bloomed, or the fill does not conserve it.
    """
    runs = conserved_runs(observation, restored.data)
    return KnownSums(runs=runs, error=_CHARGE_ERROR, correlation=_ALONG_COLUMNS) if runs else None


def _stratum(observation, features):
    where = observation.mask
    if observation.level is None:
        core = (features["rim over middle ring"] > _RISE) & (features["share around above bright part of rim"] < _FEW)
        return np.select([core, np.exp(features["distance to border"]) > _INTERIOR], [5, 4], 3)
    core, margin = (6, 7) if observation.channel is None else (0, 2)
    return np.select([observation.primary[where], observation.saturated[where]], [core, 1], margin)


class _Images:
    """Images of a window, in units of its scale, from which the features of its regions are taken."""

    def __init__(self, observation, restored, window):
        self.level = observation.level is not None
        self.image, self.plate = (np.asarray(window[name], dtype=float) for name in ("image", "biharmonic"))
        self.restored = restored.data[window.place] / window.scale
        self.valid = window["mask"] == 0
        # The mask may continue beyond the edges of the window, which therefore are no border of it
        mask = np.pad(~self.valid, 1, mode="edge")
        depth, nearest = ndimage.distance_transform_edt(mask, return_indices=True)
        inner = np.s_[1:-1, 1:-1]
        self.depth = depth[inner]
        self.nearest = tuple(
            np.clip(part[inner] - 1, 0, length - 1) for part, length in zip(nearest, self.image.shape, strict=True)
        )
        self.mean, self.texture = local_mean_and_spread(self.image, self.valid, _BOX)
        self.rough = local_mean_and_spread(self.restored, np.ones_like(self.valid), _BOX)[1]
        self.residual = _high_pass(self.image, self.valid)
        self.segments = column_properties(observation, window, self.restored) if self.level else None

    def describe(self, region, own, missing):
        """Of the pixels of a region, the scale of their errors and their features."""
        place = region.place
        rim = self._near(region, 2)
        low, median, high = np.quantile(rim, [0.16, 0.5, 0.84])
        noise = self._noise(region)
        unit = float(np.hypot(np.hypot((high - low) / 2, noise), _CONTRAST * abs(median)))
        unit = max(unit, _SMALLEST)

        def of(image):
            return image[place][own] / unit

        def at_border(image):
            return image[tuple(part[place][own] for part in self.nearest)] / unit

        restored, smooth, plate = of(self.restored), of(self.image), of(self.plate)
        texture = at_border(self.texture)
        parts = [noise / unit, texture, _CHANGE * (restored - smooth), _CHANGE * (plate - smooth)]
        parts += [_CONTRAST * median / unit, *(part / unit for part in self._missing(place, own))]
        light, light_error = (part / unit for part in missing)
        parts.append(max(abs(light) - 2 * light_error, 0) * self._hidden(place, own))
        size = np.sqrt(sum(part**2 for part in parts))
        depth = self.depth[place][own]
        known = dict(zip(OF_REGION, region.features, strict=True))
        features = {
            "distance to border": np.log(depth),
            "relative distance to border": depth / depth.max(),
            "unit": np.log(unit),
            "noise": np.log(noise / unit + _FLOOR),
            "texture at border": np.log(texture + _FLOOR),
            "border": np.arcsinh(at_border(self.mean) - median / unit),
            "restored": np.arcsinh(restored),
            "above harmonic": np.arcsinh(restored - smooth),
            "above biharmonic": np.arcsinh(restored - plate),
            "biharmonic above harmonic": np.arcsinh(plate - smooth),
            "roughness": np.log(of(self.rough) + _FLOOR),
            "light that fringes miss": np.arcsinh(light / max(light_error, 1)),
            "significance of that light": np.arcsinh(light / light_error) if light_error > 0 else 0.0,
            "brightest around over rim": np.log(
                (max(self._near(region, _NEAR).max(), 0) + unit) / (abs(median) + unit)
            ),
            **{name: known[name] for name in _FROM_REGION},
            **self._of_saturation(place, own),
        }
        return np.maximum(size * unit, _SMALLEST), features

    def excess(self, place, own):
        """Light in a region above its harmonic fill, in units of the texture around it."""
        above = np.maximum(self.restored[place][own] - self.image[place][own], 0).sum()
        return above / max(np.median(self.texture[place][self.valid[place]]), 1e-6)

    def _near(self, region, distance):
        """Valid values around a region; those of the whole box if there are none."""
        around = ndimage.binary_dilation(region.own, iterations=distance) & self.valid[region.place]
        image = self.image[region.place]
        return image[around if around.any() else self.valid[region.place]]

    def _noise(self, region):
        around = ndimage.binary_dilation(region.own, iterations=_NEAR)
        values = self.residual[region.place][around]
        values = values[np.isfinite(values)]
        return 1.48 * float(np.median(np.abs(values))) if values.size else 0.0

    def _of_saturation(self, place, own):
        names = ("known level", "saturated", "lit", "run", "charge", "bloomed share")
        if not self.level:
            return dict.fromkeys(names, 0.0)
        values = [part[place][own] if isinstance(part, np.ndarray) else part for part in self.segments]
        return dict(zip(names, (1.0, *values), strict=False))

    def _missing(self, place, own):
        """Light that saturated pixels can hide: that of a dome above the full well, and charge that is missing."""
        if not self.level:
            return []
        saturated, gap = (self.segments[index][place][own] for index in (0, -1))
        return _DOME * saturated * self.depth[place][own], saturated * gap

    def _hidden(self, place, own):
        """Share of the missing light that a pixel can have."""
        depth = self.depth[place][own]
        return self.segments[0][place][own] if self.level else depth / depth.max()


def _missing_light(observation, window, images, found):
    """
    Light per pixel that the fill of each region lacks according to the fringes around it, and its error.

    The amplitude of the fringes of a dome is fitted to the differences of neighbouring pixels that the fringes of the
    restored image do not explain, that of the largest region first. Fringes of tiny regions are too faint.
    """
    light = [(0.0, 0.0)] * len(found)
    if observation.channel is None:
        return light
    smoothed, pairs = comparable(images.image, images.valid)
    scene = images.restored - np.median(images.image[images.valid])
    residual = differences(smoothed - _blurred_fringes(scene, observation.channel))
    weight = pairs / np.maximum(local_variance(residual, pairs), _SMALLEST**2)
    sizes = [np.count_nonzero(region.own) for region in found]
    for index in np.argsort(sizes)[::-1][:_MOST]:
        if sizes[index] < _FEWEST:
            break
        near, source = _around(found[index], images)
        expected = differences(_blurred_fringes(source, observation.channel))
        usable = weight[:, *near]
        square = np.sum(usable * expected**2)
        if square > 0:
            amplitude = np.sum(usable * expected * residual[:, *near]) / square
            residual[:, *near] -= amplitude * expected
            per_pixel = source.sum() / sizes[index]
            light[index] = float(per_pixel * amplitude), float(per_pixel * np.sqrt(_BLURRED / square))
    return light


def _blurred_fringes(image, channel):
    return ndimage.gaussian_filter(fringes(image, channel, _FRINGES), BLUR)


def _around(region, images):
    """The part of a window in which the fringes of a region are compared, and a dome in the region."""
    near = tuple(
        slice(max(part.start - _FRINGES, 0), min(part.stop + _FRINGES, length))
        for part, length in zip(region.place, images.depth.shape, strict=True)
    )
    dome = np.zeros(images.depth.shape)
    dome[region.place] = np.where(region.own, images.depth[region.place], 0)
    return near, dome[near]


def _surroundings(window, region, shape):
    """Share of the pixels as near to the middle of a region as fringes are fitted that lie in the image."""
    shares = []
    for part, inner, length in zip(window.place, region.place, shape, strict=True):
        middle = part.start + (inner.start + min(inner.stop, part.stop - part.start)) / 2
        shares.append((min(middle + RADIUS, length) - max(middle - RADIUS, 0)) / (2 * RADIUS))
    return np.prod(shares)


def _high_pass(image, valid):
    """Deviation from the mean of four neighbours, in units in which white noise keeps its variance; NaN at the mask."""
    cross = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]])
    known = ndimage.binary_erosion(valid, border_value=1)
    return np.where(known, (image - ndimage.convolve(image, cross)) / np.sqrt(1.25), np.nan)
