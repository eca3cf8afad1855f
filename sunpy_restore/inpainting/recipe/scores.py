"""How well holes in frames that were kept back are filled, by size, and where structure crosses them."""

from collections import Counter

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import normalized_convolution
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.inpainting.background import find_noise
from sunpy_restore.inpainting.forward import lose
from sunpy_restore.inpainting.lasco.flat_field import detector_pattern
from sunpy_restore.inpainting.lasco.geometry import BLOCK
from sunpy_restore.inpainting.lasco.header import Lasco
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.recipe.scenes import read_frames
from sunpy_restore.inpainting.recipe.structure import front_through, streamer_through
from sunpy_restore.inpainting.restore import fill
from sunpy_restore.inpainting.task import INPAINT

__all__ = ["evaluation_pairs", "frame_with_hole", "measure", "restorers"]

SHAPES = {"32 px": (1, 1), "64 px": (2, 2), "96 px": (3, 3), "256 px": (8, 8), "32 x 512 px": (1, 16)}
"""Sizes of holes in blocks."""

_HOLES = 16  # of each size and of each kind of structure, shared among the frames of a detector and level
_FEW = {"256 px": 8}
_CROSSED = 4  # at least, in each frame, with a streamer, a front, or the occulter's edge across them
_BLIND = 0.25  # largest share of a hole that shows nothing
_OCCULTER = {"C2": (2.0, 2.7), "C3": (3.7, 5.0)}  # solar radii; where its edge and the rings about it are
_RADIUS = 960.0  # arcsec, of the Sun
_SCALE = {"C2": 11.9, "C3": 56.0}  # arcsec per pixel
_LEAST_NOISE = 0.3  # of the median
_STAR = 3.0  # times the noise; larger errors at the border are none of a step
_BIN = 8  # pixels; of the radial profile


def evaluation_pairs(task, directory):
    """
    Frames that were kept back, with one hole each.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Holds ``lasco/``.

    Yields
    ------
    source : `str`
        Detector, level and size of the hole, or what crosses it.
    observed : `~sunpy_restore.inpainting.observation.Frame`
        The frame without the blocks; its pattern is that of the package, from frames of other years.
    truth : `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    kept = read_frames(directory, "validation")
    kinds = Counter((exposure.detector, exposure.level) for exposure in kept)
    for index, exposure in enumerate(kept):
        name = f"{exposure.detector}, level {exposure.level:g}"
        lasco = Lasco(detector=exposure.detector, level=exposure.level, center=exposure.center, bias=exposure.bias)
        pattern = detector_pattern(exposure.image.shape, lasco)
        for size, blocks in SHAPES.items():
            rng = np.random.default_rng([index, *blocks])
            count = -(-_FEW.get(size, _HOLES) // kinds[exposure.detector, exposure.level])
            for place in _places(exposure.blind, blocks, rng, count):
                yield f"{name}: {size}", *frame_with_hole(exposure, pattern, place)
        count = max(_CROSSED, -(-_HOLES // sum(other.detector == exposure.detector for other in kept)))
        yield from _crossed(exposure, pattern, np.random.default_rng([index, 7]), count)


def _crossed(exposure, pattern, rng, count):
    """Holes of 32 to 96 pixels that structure crosses, or the edge of the occulter."""
    name = exposure.detector
    for number in range(count):
        blocks = ((2, 2), (3, 3))[number % 2]
        for place in _places(exposure.blind, blocks, rng, 1):
            middle = [(part.start + part.stop - 1) / 2 for part in place]
            for kind, through in (("streamer", streamer_through), ("front", front_through)):
                change = through(exposure.image.shape, exposure.center, middle, rng)
                image = exposure.bias + (exposure.image - exposure.bias) * (1 + change)
                yield f"{name}: {kind} across", *frame_with_hole(exposure._replace(image=image), pattern, place)
    solar = _RADIUS / _SCALE[name]
    y, x = np.indices(exposure.image.shape)
    radius = np.hypot(x - exposure.center[0], y - exposure.center[1]) / solar
    low, high = _OCCULTER[name]
    edge = (radius > low) & (radius < high) & ~exposure.blind
    for number in range(count):
        blocks = ((1, 1), (2, 2))[number % 2]
        for place in _places(exposure.blind, blocks, rng, 1, wanted=edge):
            yield f"{name}: occulter's edge across", *frame_with_hole(exposure, pattern, place)


def _places(blind, blocks, rng, count, wanted=None):
    """Places on the grid of blocks, all different, that are not too blind."""
    rows, columns = (length // BLOCK - number + 1 for length, number in zip(blind.shape, blocks, strict=True))
    found = []
    for corner in rng.permutation(rows * columns):
        starts = (BLOCK * (corner // columns), BLOCK * (corner % columns))
        place = tuple(slice(start, start + BLOCK * n) for start, n in zip(starts, blocks, strict=True))
        if blind[place].mean() <= _BLIND and (wanted is None or wanted[place].mean() > 0.3):
            found.append(place)
        if len(found) == count:
            break
    return found


def frame_with_hole(exposure, pattern, place):
    """
    A frame without the pixels of a place.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The frame.
    pattern : `numpy.ndarray` or `None`
        Its pattern.
    place : pair of `slice`
        Rows and columns.

    Returns
    -------
    observed : `~sunpy_restore.inpainting.observation.Frame`
    truth : `numpy.ndarray`
    """
    mask = np.zeros(exposure.blind.shape, dtype=bool)
    mask[place] = True
    mask &= ~exposure.blind
    frame = Frame(
        image=lose(exposure.image, mask), mask=mask, blind=exposure.blind, center=exposure.center,
        detector=exposure.detector, level=exposure.level, bias=exposure.bias, pattern=pattern,
    )  # fmt: skip
    return frame, exposure.image


def restorers(task, methods, *, weights, device):
    """
    The methods of the task on frames.

    Parameters
    ----------
    task : `str`
        Name of the task.
    methods : `list` of `str` or `None`
        ``network`` and names of classical methods; `None`: all that need no neighbours.
    weights, device
        Of the network, see `sunpy_restore.inpaint`.

    Returns
    -------
    `dict`
        Name to a function of a `~sunpy_restore.inpainting.observation.Frame`, which gives the filled image.
    """
    if methods is None:
        methods = ["network", *(name for name in INPAINT.classical if name != "temporal")]
    loaded = {
        name: load_restorer(INPAINT, name, weights=weights if name == "network" else None, device=device)
        for name in methods
    }
    return {name: _filling(restorer) for name, restorer in loaded.items()}


def _filling(restorer):
    return lambda frame: fill(frame, restorer)


def measure(task, observed, restored, truth):
    """
    Scores of one filled frame.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `~sunpy_restore.inpainting.observation.Frame`
        The frame with its holes.
    restored, truth : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `dict`
        ``hole_error``, ``median_hole_error``
            Root mean square of the error in the holes over the median brightness of the frame; mean and median over
            frames.
        ``noise_floor``
            The same of the truth about its own local average: no method can know that.
        ``profile_error``, ``median_profile_error``
            Root mean square of the error of the radial profile across the holes, in units of the noise from pixel to
            pixel; mean and median over frames.
        ``border_jump``
            Mean error of the outermost filled pixels, in units of that noise.
        ``border_step``
            The same, but errors count as 3 at most: without the stars that the truth has there, it is the step that is
            seen along the border.
    """
    hole, shown = observed.mask, ~observed.blind
    typical = np.median(truth[shown])
    error = np.where(hole, restored - truth, 0)
    noise = find_noise(truth, shown, order=3)
    # The lossy compression on board has left none in places
    noise = np.maximum(noise, _LEAST_NOISE * np.median(noise[shown]))
    relative = error[hole] / noise[hole]
    rows, columns = np.nonzero(hole)
    ring = (np.hypot(columns - observed.center[0], rows - observed.center[1]) / _BIN).astype(int)
    counts = np.bincount(ring)
    profile = np.bincount(ring, relative)[counts >= _BIN] / counts[counts >= _BIN]
    rim = hole & ~ndimage.binary_erosion(hole, border_value=1)
    rim &= ndimage.binary_dilation(shown & ~hole)
    rim_error = error[rim] / noise[rim]
    worst = float(np.sqrt(np.mean(error[hole] ** 2)) / typical)
    across = float(np.sqrt(np.mean(profile**2))) if profile.size else None
    return {
        "hole_error": worst,
        "median_hole_error": worst,
        "noise_floor": _scatter(truth, shown, hole) / typical,
        "profile_error": across,
        "median_profile_error": across,
        "border_jump": float(rim_error.mean()) if rim.any() else None,
        "border_step": float(np.clip(rim_error, -_STAR, _STAR).mean()) if rim.any() else None,
    }


def _scatter(truth, shown, hole):
    """How much the truth scatters about its average over about 20 pixels, in holes."""
    smooth = normalized_convolution(truth, shown, 2)
    # A Gaussian of this width has a share 1 / (4 pi 2^2) of the pixel itself
    return float(np.sqrt(np.mean((truth - smooth)[hole] ** 2)) / (1 - 1 / (16 * np.pi)))
