"""
Observations of own validation images whose truth is known, from which the errors of enhanced images are learned.

High images are divided into bands of rows, one for each part. Others belong to the parts in the order of their times,
so that images of one time are in one part.
"""

import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sunpy_restore.core.datasets.manifest import holds, read_manifest
from sunpy_restore.core.uncertainty.evidence import Case
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.degradation import (
    CONTEXT,
    NOISES,
    VIEWS,
    described,
    near_spots,
    seen_by_chance,
    sharpened,
    with_noise,
    with_other_psf,
)
from sunpy_restore.enhancement.recipe.own import own_sources
from sunpy_restore.enhancement.task import MAGNETOGRAM

__all__ = ["PARTS", "own_cases"]

PARTS = ("first", "second", "third")
"""Names of the parts of the cases."""

_MARGIN = 2.0  # arcsec between bands
_LEAST, _LEAST_HMI = 12.0, 48.0  # arcsec; height of a band of a fine image or pair, and of an HMI image
_IMAGES = 12  # of a source
_SIDE = 128  # pixels of the truth of an HMI image
_TRUTH = 16  # pixels, at least


@dataclass(frozen=True)
class _Band:
    """Rows of an image, as fractions of its height; ``read()`` gives the image."""

    name: str
    part: str
    read: Any
    low: float = 0.0
    high: float = 1.0

    def rows(self, image):
        """The rows of the image, or of one with other pixels."""
        return image[round(self.low * len(image)) : round(self.high * len(image))]


def own_cases(task, directory, pairs, telescope=HMI):
    """
    Observations of the validation images of a folder with a manifest.

    They are simulated; of pairs of real images, the observed one is used as it is. HMI images are the truth in and
    around sunspots and plage only.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    directory : path-like
        The folder.
    pairs : `str`
        What the manifest of a folder with pairs says that they are for.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope whose observations are simulated.

    Returns
    -------
    `list` of `~sunpy_restore.core.uncertainty.evidence.Case`

    Raises
    ------
    ValueError
        There are images for fewer than three parts, or HMI images only, without sunspots and plage.
    """
    if holds(directory, pairs):
        found = [(None, bands) for bands in [_of_pairs(read_manifest(directory, pairs))]]
    else:
        sources = own_sources(task, directory, "validation", telescope)
        found = [(source, _of_source(source, task)) for source in sources]
    if not any(bands for _, bands in found):
        raise ValueError(
            f"Found only HMI images without sunspots and plage for validation in {directory}; expected some with them, "
            "because HMI images of the quiet Sun are too smooth to be the truth. Add others, or finer images."
        )
    parts = {band.part for _, bands in found for band in bands}
    if len(parts) < len(PARTS):
        raise ValueError(
            f"Found validation images for {len(parts)} of {len(PARTS)} parts in {directory}; expected some for each, "
            f"because each is tested with the errors of the others. Add images of at least {_height(_LEAST):g} arcsec "
            f"from top to bottom (HMI images: {_height(_LEAST_HMI):g} arcsec), which have all parts, or of other times."
        )
    return [case for source, bands in found for case in _cases(task, source, bands, telescope)]


def _height(least):
    return len(PARTS) * least + (len(PARTS) - 1) * _MARGIN


def _bands(items, readers, least):
    """Bands of images: three of each high one, and low ones as a whole."""
    chosen = np.unique(np.linspace(0, len(items) - 1, _IMAGES).round().astype(int))
    low = [index for index in chosen if items[index].shape[0] * items[index].pixel_scale < _height(least)]
    times = sorted({items[index].time or items[index].origin for index in low})
    for index in chosen:
        item = items[index]
        if index in low:
            part = PARTS[len(PARTS) * times.index(item.time or item.origin) // len(times)]
            yield _Band(item.origin, part, readers[index])
            continue
        gap = _MARGIN / (item.shape[0] * item.pixel_scale)
        width = (1 - (len(PARTS) - 1) * gap) / len(PARTS)
        for number, part in enumerate(PARTS):
            first = number * (width + gap)
            yield _Band(f"{item.origin}, {part} band", part, readers[index], first, first + width)


def _of_source(source, task):
    items = source.images.items
    readers = [partial(source.images.__getitem__, index) for index in range(len(items))]
    bands = list(_bands(items, readers, _LEAST if source.pixel_scale is not None else _LEAST_HMI))
    if source.pixel_scale is not None:
        return bands
    return [band for band in bands if np.isfinite(near_spots(band.rows(band.read()), task.name)).any()]


def _of_pairs(manifest):
    items = manifest.split("validation")
    readers = [partial(_pair, manifest, item) for item in items]
    return list(_bands(items, readers, _LEAST))


def _pair(manifest, item):
    return manifest.read(item), manifest.read(item, "truth", 2).astype(float)


def _cases(task, source, bands, telescope):
    """Cases of all bands of a source; the first ones have all bands and kinds of noise."""
    if source is None:
        for band in bands:
            made = partial(_observed_pair, task, band, telescope)
            yield Case(name=band.name, part=band.part, make=made, group="as observed", source=band.name)
        return
    noises = NOISES[task.name]
    for turn in range(len(noises) * VIEWS[source.pixel_scale is None]):
        number = turn // len(noises)
        for index, band in enumerate(bands):
            noise = noises[(turn + index) % len(noises)]
            group = described(task.name, noise)
            made = partial(_observed, task, source, band, number, noise, telescope)
            yield Case(name=f"{band.name}, {number}, {group}", part=band.part, make=made, group=group, source=band.name)


def _observed_pair(task, band, telescope):
    observed, truth = band.read()
    first, last = (round(side * len(observed)) for side in (band.low, band.high))
    observation = Observation.from_array(observed[first:last], task if task is MAGNETOGRAM else None, telescope)
    return observation, truth[2 * first : 2 * last]


def _observed(task, source, band, number, noise, telescope):
    """A simulated observation of a band and its truth."""
    rng = np.random.default_rng(zlib.crc32(f"{band.name} {number} {noise}".encode()))
    image, other = band.rows(band.read()).astype(float), with_other_psf(telescope, rng)
    if source.pixel_scale is None:
        pair = _coarse_pair(image, source, task, other, rng)
    else:
        pair = seen_by_chance(replace(source, images=[image]), rng, other)
    return with_noise(task.name, *pair, noise, rng, telescope)


def _coarse_pair(image, source, task, telescope, rng):
    """A part of an HMI image with sunspots or plage as the truth, and its observation without noise."""
    rows, columns = np.nonzero(np.isfinite(near_spots(image, task.name)))
    chosen = rng.integers(len(rows))
    cut = [min(CONTEXT, (length - _TRUTH) // 2) // 2 * 2 for length in image.shape]
    part = []
    for length, middle, edge in zip(image.shape, (rows[chosen], columns[chosen]), cut, strict=True):
        side = min(_SIDE + 2 * edge, length // 2 * 2)
        first = int(np.clip(middle - side // 2, 0, length - side))
        part.append(slice(first, first + side))
    image = sharpened(image[tuple(part)])
    image = source.level + rng.uniform(*source.gain) * (image - source.level)
    inner = tuple(slice(edge, length - edge) for edge, length in zip(cut, image.shape, strict=True))
    half = tuple(slice(edge // 2, (length - edge) // 2) for edge, length in zip(cut, image.shape, strict=True))
    truth = near_spots(image[inner], task.name)
    return telescope.reconvolve(image)[half], truth
