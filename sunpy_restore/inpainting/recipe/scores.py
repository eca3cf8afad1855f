"""Scores of filled holes in images that were kept back, by the size of the holes and by the structure across them."""

from collections import Counter

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.forward import lose
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.geometry import BLOCK, OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS, Lasco
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.recipe.scenes import read_exposures
from sunpy_restore.inpainting.recipe.structure import front_through, streamer_through

__all__ = ["evaluation_pairs", "holes_of", "measure", "with_hole"]

_SIZES = {"32 px": (1, 1), "64 px": (2, 2), "96 px": (3, 3), "256 px": (8, 8), "32 x 512 px": (1, 16)}  # in blocks
_HOLES = 16  # of each size, and of each kind of structure, distributed over the images of a detector and level
_FEWER_HOLES = {"256 px": 8}
_LEAST_CROSSED = 4  # holes in each image with a streamer, a front, or the edge of the occulter across them
_MOST_UNOBSERVED = 0.25  # of a hole
_LEAST_AT_EDGE = 0.3  # of a hole that lies between the radii of the edge of the occulter
_LEAST_NOISE = 0.3  # of the median
_MOST_AT_BORDER = 3.0  # noises; larger errors at the border are those of stars
_BIN = 8  # pixels of the radial profile


def evaluation_pairs(directory):
    """
    Observations with one hole each, from images that were kept back.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Yields
    ------
    source : `str`
        Detector, level and size of the hole, or the structure across it.
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The image without the pixels of the hole; its flat field is that of the package, from images of other years.
    truth : `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    kept = read_exposures(directory, "validation")
    for index, exposure in enumerate(kept):
        lasco = Lasco(detector=exposure.detector, level=exposure.level, center=exposure.center, bias=exposure.bias)
        response = flat_field(exposure.image.shape, lasco)
        for kind, changed, place in holes_of(kept, index):
            yield kind, *with_hole(changed, response, place)


def holes_of(exposures, index):
    """
    Places of holes in one of several images.

    Parameters
    ----------
    exposures : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The images; the holes of each kind are distributed over those of the same detector and level.
    index : `int`
        Index of the image.

    Yields
    ------
    kind : `str`
        Detector, level and size of the hole, or the structure across it.
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The image, to which a streamer or a front may be added.
    place : pair of `slice`
        Rows and columns.
    """
    exposure = exposures[index]
    name = f"{exposure.detector}, level {exposure.level:g}"
    alike = Counter((other.detector, other.level) for other in exposures)[exposure.detector, exposure.level]
    for size, blocks in _SIZES.items():
        rng = np.random.default_rng([index, *blocks])
        count = -(-_FEWER_HOLES.get(size, _HOLES) // alike)
        for place in _places(exposure.unobserved, blocks, rng, count):
            yield f"{name}: {size}", exposure, place
    count = max(_LEAST_CROSSED, -(-_HOLES // sum(other.detector == exposure.detector for other in exposures)))
    yield from _crossed(exposure, np.random.default_rng([index, 7]), count)


def _crossed(exposure, rng, count):
    """Holes of 32 to 96 pixels with a streamer, a front, or the edge of the occulter across them."""
    name = exposure.detector
    for number in range(count):
        blocks = ((2, 2), (3, 3))[number % 2]
        for place in _places(exposure.unobserved, blocks, rng, 1):
            middle = [(part.start + part.stop - 1) / 2 for part in place]
            for kind, through in (("streamer", streamer_through), ("front", front_through)):
                change = through(exposure.image.shape, exposure.center, middle, rng)
                image = exposure.bias + (exposure.image - exposure.bias) * (1 + change)
                yield f"{name}: {kind} across", exposure._replace(image=image), place
    y, x = np.indices(exposure.image.shape)
    radius = np.hypot(x - exposure.center[0], y - exposure.center[1]) / SOLAR_RADIUS[name]
    low, high = OCCULTER_EDGE[name]
    edge = (radius > low) & (radius < high) & ~exposure.unobserved
    for number in range(count):
        blocks = ((1, 1), (2, 2))[number % 2]
        for place in _places(exposure.unobserved, blocks, rng, 1, wanted=edge):
            yield f"{name}: occulter's edge across", exposure, place


def _places(unobserved, blocks, rng, count, wanted=None):
    """Different places on the grid of blocks with few unobserved pixels."""
    rows, columns = (length // BLOCK - number + 1 for length, number in zip(unobserved.shape, blocks, strict=True))
    found = []
    for corner in rng.permutation(rows * columns):
        starts = (BLOCK * (corner // columns), BLOCK * (corner % columns))
        place = tuple(slice(start, start + BLOCK * n) for start, n in zip(starts, blocks, strict=True))
        if unobserved[place].mean() <= _MOST_UNOBSERVED and (wanted is None or wanted[place].mean() > _LEAST_AT_EDGE):
            found.append(place)
        if len(found) == count:
            break
    return found


def with_hole(exposure, flat_field, place):
    """
    Remove the pixels of a place from an image.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The image.
    flat_field : `numpy.ndarray` or `None`
        Its flat field.
    place : pair of `slice`
        Rows and columns.

    Returns
    -------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The image with the hole.
    truth : `numpy.ndarray`
        The image without it.
    """
    mask = np.zeros(exposure.unobserved.shape, dtype=bool)
    mask[place] = True
    mask &= ~exposure.unobserved
    observation = Observation(
        image=lose(exposure.image, mask), mask=mask, unobserved=exposure.unobserved, center=exposure.center,
        detector=exposure.detector, level=exposure.level, bias=exposure.bias, flat_field=flat_field,
    )  # fmt: skip
    return observation, exposure.image


def measure(observation, restored, truth):
    """
    Scores of one filled image.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation with its holes.
    restored, truth : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `dict`
        ``hole_error``, ``median_hole_error``
            Root mean square of the error in the holes, over the median coronal brightness: that of the observed pixels
            of the image without the bias of the detector; mean and median over images.
        ``noise_floor``
            The same for the difference of the truth from its own local average, which no method can predict.
        ``profile_error``, ``median_profile_error``
            Root mean square of the error of the radial profile across the holes, in units of the noise per pixel; mean
            and median over images.
        ``border_jump``
            Mean error of the outermost filled pixels, in units of the noise per pixel.
        ``border_step``
            The same with errors clipped to 3, which removes the stars of the truth: the visible step along the border.
    """
    hole, observed = observation.mask, ~observation.unobserved
    typical = np.median(truth[observed]) - observation.bias
    error = np.where(hole, restored - truth, 0)
    noise = find_noise(truth, observed, order=3)
    # The lossy compression on board has removed the noise in places
    noise = np.maximum(noise, _LEAST_NOISE * np.median(noise[observed]))
    relative = error[hole] / noise[hole]
    rows, columns = np.nonzero(hole)
    ring = (np.hypot(columns - observation.center[0], rows - observation.center[1]) / _BIN).astype(int)
    counts = np.bincount(ring)
    profile = np.bincount(ring, relative)[counts >= _BIN] / counts[counts >= _BIN]
    rim = hole & ~ndimage.binary_erosion(hole, border_value=1)
    rim &= ndimage.binary_dilation(observed & ~hole)
    rim_error = error[rim] / noise[rim]
    hole_error = float(np.sqrt(np.mean(error[hole] ** 2)) / typical)
    profile_error = float(np.sqrt(np.mean(profile**2))) if profile.size else None
    return {
        "hole_error": hole_error,
        "median_hole_error": hole_error,
        "noise_floor": _scatter(truth, observed, hole) / typical,
        "profile_error": profile_error,
        "median_profile_error": profile_error,
        "border_jump": float(rim_error.mean()) if rim.any() else None,
        "border_step": float(np.clip(rim_error, -_MOST_AT_BORDER, _MOST_AT_BORDER).mean()) if rim.any() else None,
    }


def _scatter(truth, observed, hole):
    """Standard deviation of the truth from its average over about 20 pixels, in holes."""
    smooth = normalized_convolution(truth, observed, 2)
    # The weight of the pixel itself in the Gaussian is 1 / (4 pi 2^2)
    return float(np.sqrt(np.mean((truth - smooth)[hole] ** 2)) / (1 - 1 / (16 * np.pi)))
