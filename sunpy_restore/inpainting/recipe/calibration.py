"""
Cases from which the uncertainty of filled pixels is learned: images that were kept back, with holes of all sizes.

The truth of a filled pixel is its observed value, noise included. Stars, planets and cosmic rays in holes are left out:
no fill contains them, see `~sunpy_restore.inpainting.corona.outliers.find_outliers`. Images of the list are split by
position angle: 12 sectors of 30 degrees belong to three parts in turn.
"""

from functools import cache, partial

import numpy as np
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.core.images.maps import new_map
from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.core.uncertainty.evidence import Case
from sunpy_restore.inpainting.corona.background import radial_profile
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.corona.outliers import find_outliers
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.geometry import BLOCK, OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.header import FULL, SOLAR_RADIUS, Lasco
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.recipe.pairs import STRENGTHS, simulated_neighbours
from sunpy_restore.inpainting.recipe.scenes import LISTS, UNUSED, read_exposures
from sunpy_restore.inpainting.recipe.structure import front_through, streamer_through, structure
from sunpy_restore.inpainting.task import INPAINT
from sunpy_restore.inpainting.temporal.neighbours import expected_from_neighbours, kind_of

__all__ = ["NOISES", "calibration_cases", "make_case"]

NOISES = {"half of the noise": 0.5, "noise as observed": 1.0, "twice the noise": 2.0}
"""Groups of cases, and the noise relative to that of the observed image."""

_PARTS = ("first", "second", "third")
_SECTORS = 12  # of position angle
_ROUNDS = 3  # through the images of both coronagraphs in turn
_SMOOTHING = 1.5  # pixels; finer detail counts as noise
_STRUCTURE = 0.6  # share of images with added structure
_STRONGEST = 2.5  # factor of its strength
_CROSSED = 4  # holes with an added streamer or front across them
_REAL_NEIGHBOURS, _GAPS = 0.7, 0.3  # shares
_LONGEST = 48.0  # hours to a neighbour
_WIDTH = 4.0  # pixels; standard deviation of the Gaussian before gradients
_STEEPEST = 93.0  # percentile of the gradients
_GAP = 40  # pixels between holes, so that each is filled by itself
_MOST_UNOBSERVED = 0.4  # of a hole
_BEHIND = 0.8  # of the radius at which the edge of the occulter begins
_TRIES = 60  # places for a hole
_ROWS = 0.75  # share of bands along rows
_HOLES = {
    "pixels": (3, lambda rng: _rectangle(rng, 3, 24, 1)),
    "one block": (7, lambda rng: _rectangle(rng, 1, 1, BLOCK)),
    "several blocks": (5, lambda rng: _rectangle(rng, 1, 3, BLOCK)),
    "row": (1, lambda rng: np.ones((BLOCK, BLOCK * rng.integers(4, 17)), dtype=bool)),
    "cluster": (1, lambda rng: _cluster(rng)),
    "many blocks": (2, lambda rng: _rectangle(rng, 4, 8, BLOCK)),
    "band": (1 / 3, lambda rng: _band(rng)),
}
"""Kinds of holes, and how many of each are in an image on average."""

_AIMS = {"anywhere": 0.45, "edge": 0.3, "structure": 0.25}


def calibration_cases(directory):
    """
    Cases in images that were kept back from the training.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Returns
    -------
    `list` of `~sunpy_restore.core.uncertainty.evidence.Case`
        The first ones of the list have all parts, images and kinds of noise.
    """
    kept = read_exposures(directory, "validation")
    maps = cache(lambda: {} if has_manifest(directory) else _maps(directory, kept))
    predicted = cache(lambda name: _predicted(name, maps()))
    cases, groups = [], list(NOISES)
    for index, exposure in enumerate(_in_turn(kept) * _ROUNDS):
        for part in _PARTS:
            group = groups[index % len(groups)]
            make = partial(make_case, exposure, part, index, NOISES[group], predicted)
            name = f"{exposure.name}, {part} {index}"
            cases.append(Case(name=name, part=part, make=make, group=group, source=exposure.name))
    return cases


def _in_turn(kept):
    """Exposures of the detectors in turn, so that both have about as many cases."""
    groups = [[one for one in kept if one.detector == name] for name in sorted({one.detector for one in kept})]
    longest = max(map(len, groups), default=0)
    return [group[index % len(group)] for index in range(longest) for group in groups]


def _maps(directory, kept):
    """Maps of the images at level 0.5 by their names."""
    wanted = {exposure.name for exposure in kept if exposure.level < 1}
    images = read_list(find_list(INPAINT.name, LISTS, directory), {}, unused=UNUSED)
    paths = [path for entry in images.split("validation") for path in images.paths(entry, directory)]
    found = {}
    for path in paths:
        name = path.name.partition(".")[0]
        if name in wanted:
            with fits.open(path) as hdus:
                found[name] = new_map(hdus[0].data, hdus[0].header)
    return found


def _predicted(name, maps):
    """The prediction of an image from the others of its kind, `None` if there are none within two days."""
    if name not in maps:
        return None
    smap = maps[name]
    alike = [other for other in maps.values() if other is not smap and kind_of(other) == kind_of(smap)]
    near = [other for other in alike if abs((other.date - smap.date).to_value("hour")) < _LONGEST]
    if not near:
        return None
    return expected_from_neighbours(smap, near, valid=smap.data != 0)


def make_case(exposure, part, index, noise, predicted=lambda name: None):
    """
    Make holes in an image with added structure and more or less noise.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The image.
    part : ``"first"``, ``"second"`` or ``"third"``
        The sectors in which the holes are.
    index : `int`
        Seed.
    noise : `float`
        Noise relative to that of the image.
    predicted : callable
        Maps the name of the image to a prediction from neighbours, or `None`.

    Returns
    -------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The image with holes.
    truth : `numpy.ndarray`
        Shape ``(ny, nx)``; NaN in the other sectors and in outliers.
    """
    number = _PARTS.index(part)
    rng = np.random.default_rng([index, number, 11])
    known = ~exposure.unobserved
    own = _sectors(exposure, number) & known
    image = np.where(known, exposure.image - exposure.bias, 0)
    lasco = Lasco(detector=exposure.detector, level=exposure.level, center=exposure.center, bias=exposure.bias)
    response = flat_field(image.shape, lasco)
    corona = own & ~find_outliers(image, known, exposure.center, response)
    image = _with_noise(image, exposure, noise, rng)
    mask, middles = _holes(exposure, own, image, rng)
    now, later = _changes(exposure, middles, rng)
    neighbours = None
    if index % 2 == number % 2:
        neighbours = _neighbours(exposure, image, later, predicted(exposure.name), rng)
    truth = np.where(known, exposure.bias + image * (1 + now), exposure.image)
    observation = Observation(
        image=lose(truth, mask), mask=mask, unobserved=exposure.unobserved, center=exposure.center,
        detector=exposure.detector, level=exposure.level, bias=exposure.bias,
        flat_field=response, neighbours=neighbours,
    )  # fmt: skip
    return observation, np.where(corona, truth, np.nan)


def _sectors(exposure, number):
    """Every third sector of position angle."""
    y, x = np.indices(exposure.image.shape, sparse=True)
    angle = np.arctan2(y - exposure.center[1], x - exposure.center[0])
    return np.floor((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % len(_PARTS) == number


def _with_noise(image, exposure, noise, rng):
    """The image with less fine detail, or with more noise."""
    known = ~exposure.unobserved
    if noise < 1:
        smooth = normalized_convolution(image, known, _SMOOTHING)
        return np.where(known, smooth + noise * (image - smooth), 0)
    if noise > 1:
        root = np.sqrt(np.maximum(image, 0))
        spread = 2 * root * find_noise(root, known, order=3)
        return np.where(known, image + np.sqrt(noise**2 - 1) * spread * rng.standard_normal(image.shape), 0)
    return image


def _holes(exposure, own, image, rng):
    """Separate holes, and the middles of those of whole blocks."""
    aims = _aims(exposure, own, image)
    mask, blocked, middles = np.zeros_like(own), np.zeros_like(own), []
    for kind, (count, draw) in reversed(_HOLES.items()):
        for _ in range(int(count + rng.random())):
            shape = draw(rng)
            aim = aims[list(_AIMS)[rng.choice(len(_AIMS), p=list(_AIMS.values()))]]
            for _ in range(_TRIES if len(aim) else 0):
                middle = aim[rng.integers(len(aim))]
                corner = np.where(np.equal(shape.shape, mask.shape), 0, middle - rng.integers(0, shape.shape))
                if kind != "pixels":
                    corner = BLOCK * np.round(corner / BLOCK).astype(int)
                if (corner < 0).any() or (corner + shape.shape > mask.shape).any():
                    continue
                place = tuple(slice(low, low + size) for low, size in zip(corner, shape.shape, strict=True))
                if blocked[place].any() or exposure.unobserved[place][shape].mean() > _MOST_UNOBSERVED:
                    continue
                mask[place] |= shape
                around = tuple(slice(max(part.start - _GAP, 0), part.stop + _GAP) for part in place)
                blocked[around] = True
                if kind != "pixels":
                    middles.append(middle)
                break
    # There is no corona behind the occulter
    behind = _radius(exposure) < _BEHIND * OCCULTER_EDGE[exposure.detector][0]
    return mask & ~exposure.unobserved & ~behind, middles


def _radius(exposure):
    """Distance of each pixel from the centre of the Sun, in solar radii."""
    y, x = np.indices(exposure.image.shape, sparse=True)
    return np.hypot(x - exposure.center[0], y - exposure.center[1]) / SOLAR_RADIUS[exposure.detector]


def _aims(exposure, own, image):
    """Pixels at which holes are aimed: any, those at the occulter's edge, and those with the steepest brightness."""
    known, radius = ~exposure.unobserved, _radius(exposure)
    low, high = OCCULTER_EDGE[exposure.detector]
    own = own & (radius > low)
    ratio = np.where(known, image / radial_profile(image, known, exposure.center), 1)
    smooth = ndimage.gaussian_filter(ratio, _WIDTH)
    steep = np.where(own & (radius > high), np.hypot(*np.gradient(smooth)), 0)
    steepest = steep > np.percentile(steep[own], _STEEPEST)
    found = {"anywhere": own, "edge": own & (radius > low) & (radius < high), "structure": own & steepest}
    return {name: np.argwhere(pixels) for name, pixels in found.items()}


def _changes(exposure, middles, rng):
    """Relative changes of the brightness by added structure, now and at another time."""
    shape, center = exposure.image.shape, exposure.center
    now = later = np.zeros(shape, dtype=np.float32)
    if rng.random() < _STRUCTURE:
        strength = min(np.exp(rng.normal(0, 0.7)), _STRONGEST) * STRENGTHS[exposure.detector]
        now, later = structure(shape, center, rng, strength, moved=rng)
    for number, index in enumerate(rng.permutation(len(middles))[:_CROSSED]):
        change = (streamer_through, front_through)[number % 2](shape, center, middles[index], rng)
        now = now + change
        later = later + np.roll(change, rng.integers(-3, 4, 2), (0, 1))
    return np.maximum(now, -0.6), np.maximum(later, -0.6)


def _neighbours(exposure, image, later, predicted, rng):
    """The prediction from real neighbours or a simulated one."""
    known = ~exposure.unobserved
    if predicted is not None and rng.random() < _REAL_NEIGHBOURS:
        found = exposure.bias + (predicted - exposure.bias) * (1 + later)
        if rng.random() < _GAPS:
            found[draw_losses(found.shape, rng, rng.uniform(0.05, 0.4))] = np.nan
    else:
        smooth = normalized_convolution(image, known, _SMOOTHING)
        root = np.sqrt(np.maximum(image, 0))
        noise = 2 * root * find_noise(root, known, order=3)
        found = exposure.bias + simulated_neighbours(smooth, later, noise, exposure.center, rng)
    return np.where(known, found, np.nan)


def _rectangle(rng, least, most, unit):
    return np.ones(unit * rng.integers(least, most + 1, 2), dtype=bool)


def _cluster(rng):
    """Adjacent blocks."""
    side = 8
    grid = np.zeros((side, side), dtype=bool)
    place = np.array([side // 2, side // 2])
    for _ in range(rng.integers(4, 25)):
        grid[tuple(place)] = True
        place = np.clip(place + ((0, 1), (0, -1), (1, 0), (-1, 0))[rng.integers(4)], 0, side - 1)
    rows, columns = (slice(found.min(), found.max() + 1) for found in np.nonzero(grid))
    return np.kron(grid[rows, columns], np.ones((BLOCK, BLOCK), dtype=bool))


def _band(rng):
    """Adjacent rows or columns of blocks, over the whole frame."""
    band = np.ones((BLOCK * rng.integers(3, 9), FULL), dtype=bool)
    return band if rng.random() < _ROWS else band.T
