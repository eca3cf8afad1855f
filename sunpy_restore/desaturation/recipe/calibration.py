"""Images with known truth from which the uncertainty of filled pixels is calibrated."""

import functools
import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import disk

from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.core.uncertainty.evidence import Case
from sunpy_restore.desaturation.detection.levels import on_plateau
from sunpy_restore.desaturation.detection.plateau import with_margin
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.recipe import masks
from sunpy_restore.desaturation.recipe.families import FAMILIES
from sunpy_restore.desaturation.recipe.parts import PARTS, OwnImages, PackageImages
from sunpy_restore.desaturation.recipe.scenes import crop, flare
from sunpy_restore.desaturation.recipe.views import displayed

__all__ = ["calibration_cases"]

_KINDS = ("mask", "flare", "flare", "mask", "flare", "level told", "flare")
_TRIES = 1000  # with other random numbers
_CASES = 224
_MANY = 32  # images with holes that a user masks
_CLIPPED = 48  # 8-bit images that were clipped
_SIDE = 384  # pixels of an image with masks
_BLOCK = 192  # pixels, about, of a part of it that has a mask of its own
_FLARE_SIDES = (192, 192, 320)
_GROUPS = ("low noise", "medium noise", "high noise")
_NOISE = (1.0, 2.0, 4.0)  # of linear images, in units of AIA's noise
_GRAIN = (0.0, 0.01, 0.03)  # of display images, in units of their range
_HOLED = 256  # pixels of an image with holes
_BITS = 255.0  # largest value of a display image
_CLIPPED_SIDE = 256  # pixels of a clipped image
_CLIPPED_SHARES = (5e-4, 0.03)  # of its pixels
_COMPRESSED = 0.4  # share of the clipped images with lossy compression
_RATES = (4.0, 16.0)  # of JPEG 2000
_HOLES = (1, 64)  # in an image
_HOLE_SIDES = (3, 24)  # pixels
_SHARES = (0.002, 0.25)  # of masked pixels
_CORES = (1e-4, 0.2)  # share of pixels to fill around a flare
_PEAKS = (1.15, 20.0)  # full wells
_EXPOSURES = (0.2, 2.0)  # times that of the image
_SCALES = (lambda image: image, np.sqrt, lambda image: np.log10(np.maximum(image, 1)))
_MASKS = {
    **{name: function for name, (function, _) in FAMILIES.items()},
    "threshold": masks.threshold_mask,
    "displaced": masks.displaced_mask,
    "foreign": masks.foreign_mask,
    "boxes": masks.boxes,
    "blobs": masks.blobs,
    "strokes": masks.strokes,
    "outlines": masks.outlines,
}


def calibration_cases(directory):
    """
    Simulated damage in images that are kept back from training.

    A third of the cases each has the noise of AIA (display images: none), twice (1 % of their range) and four times as
    much (3 %). They are over-exposed flares, of which some are clipped and not bloomed and some have a mask but no
    known level; display images above a threshold that is known; display and linear images with masks of many kinds;
    quiet images with from one to many square holes of one size; and 8-bit images on linear, square-root and logarithmic
    scales that were clipped at their highest value, some of them compressed as JPEG 2000.
    The truth contains the noise.

    Parameters
    ----------
    directory : path-like
        Folder of the training data.

    Returns
    -------
    `list` of `~sunpy_restore.core.uncertainty.evidence.Case`
        The parts have different bands of columns of the full-disk images, and different images, or columns, of level 1.
        Of own images, bands serve as both, and as many as are spread over the validation images.

    Raises
    ------
    ValueError
        There are own images for fewer than three parts.
    """
    sources = OwnImages(directory) if has_manifest(directory) else PackageImages(directory)
    kinds = [_KINDS[index % len(_KINDS)] for index in range(_CASES)] + _MANY * ["holes"] + _CLIPPED * ["clipped"]
    cases, counts = [], dict.fromkeys(kinds, 0)
    for index, kind in enumerate(kinds):
        turn = counts[kind]
        counts[kind] += 1
        part, level = PARTS[turn % len(PARTS)], (turn // len(PARTS)) % len(_GROUPS)
        make = functools.partial(_made, sources, kind, part, level, index)
        cases.append(Case(name=f"{kind} {index}", part=part, make=make, group=_GROUPS[level]))
    return cases


def _made(sources, kind, part, level, index):
    rng = np.random.default_rng([index, 18])
    function = {"mask": _masked, "flare": _flare, "level told": _told, "holes": _with_holes, "clipped": _clipped}[kind]
    for _ in range(_TRIES):
        if (found := function(sources, part, level, rng)) is not None:
            return found
    # No mask of this kind fits the images of the folder
    while (found := _with_holes(sources, part, level, rng)) is None:
        pass
    return found


def _display(sources, part, rng, **options):
    return _crop(_any(sources.disks[part], rng), rng, _SIDE, **options)


def _crop(band, rng, side, **options):
    """A square of a band, not larger than it."""
    return crop(band, rng, min(side, *(length // 2 * 2 for length in band.image.shape)), **options)


def _masked(sources, part, level, rng):
    linear = rng.random() < 0.4
    if linear and rng.random() < 0.5:
        image = _cut(_exposure(sources, part, rng), _SIDE, rng) * np.exp(rng.uniform(*np.log(_EXPOSURES)))
        image = _noisy(image, level, rng)
    else:
        shown = _display(sources, part, rng, anywhere=rng.random() < 0.3)
        image = _noisy(_linear(shown, rng), level, rng) if linear else _grainy(_shown(shown, rng), level, rng)
    pattern = np.clip(image / np.quantile(image, 0.999), 0, 1) if linear else image
    mask = np.zeros(image.shape, dtype=bool)
    for rows in _blocks(image.shape[0]):
        for columns in _blocks(image.shape[1]):
            mask[rows, columns] = _mask(
                pattern[rows, columns], lambda: displayed(_display(sources, part, rng), rng), rng
            )
    if not mask.any():
        return None
    channel = int(rng.choice(EUV_CHANNELS)) if linear else None
    return Observation(image=np.where(mask, image[~mask].max(), image), mask=mask, channel=channel), image


def _with_holes(sources, part, level, rng):
    if rng.random() < 0.7:
        image = _cut(_exposure(sources, part, rng), _HOLED, rng) * np.exp(rng.uniform(*np.log(_EXPOSURES)))
    else:
        image = _linear(_cut(_any(sources.disks[part], rng).image, _HOLED, rng) / _BITS, rng)
    image = _noisy(image, level, rng)
    side = round(np.exp(rng.uniform(*np.log(_HOLE_SIDES))))
    mask = np.zeros(image.shape, dtype=bool)
    for _ in range(round(np.exp(rng.uniform(*np.log(_HOLES))))):
        row, column = (rng.integers(length - side) for length in image.shape)
        mask[row : row + side, column : column + side] = True
    if mask.mean() > _SHARES[1]:
        return None
    return Observation(image=np.where(mask, image[~mask].max(), image), mask=mask, channel=171), image


def _blocks(length):
    edges = np.linspace(0, length, max(round(length / _BLOCK), 1) + 1).astype(int)
    return [slice(*pair) for pair in pairwise(edges)]


def _mask(image, other, rng):
    """A mask of a random kind; none if it would be too small or too large. ``other()`` makes another image."""
    name = rng.choice(list(_MASKS))
    if name == "foreign":
        side = min(image.shape)
        mask = masks.foreign_mask(other()[:side, :side], rng)
        mask = np.pad(mask, [(0, length - side) for length in image.shape])
    else:
        mask = _MASKS[name](image, rng)
    return mask if _SHARES[0] < mask.mean() < _SHARES[1] else np.zeros_like(mask)


def _told(sources, part, level, rng):
    image = _grainy(_shown(_display(sources, part, rng), rng), level, rng)
    threshold = rng.uniform(0.6, 0.95) * np.quantile(image, 0.999)
    full = image > threshold
    mask = ndimage.binary_dilation(full, disk(rng.integers(2, 4)))
    if not _SHARES[0] < mask.mean() < _SHARES[1]:
        return None
    observed = np.minimum(image, threshold)
    return Observation(image=observed, mask=mask, saturated=full, primary=full, level=threshold), image


def _clipped(sources, part, level, rng):
    """An 8-bit image whose highest values were clipped at 255."""
    if rng.random() < 0.5:
        image = _cut(_exposure(sources, part, rng), _CLIPPED_SIDE, rng) * np.exp(rng.uniform(*np.log(_EXPOSURES)))
        image = _SCALES[rng.integers(len(_SCALES))](np.maximum(_noisy(image, level, rng), 0))
    else:
        image = _shown(_crop(_any(sources.disks[part], rng), rng, _CLIPPED_SIDE), rng)
        image = np.maximum(image + _GRAIN[level] * rng.standard_normal(image.shape), 0)
    truth = _BITS * image / np.quantile(image, 1 - np.exp(rng.uniform(*np.log(_CLIPPED_SHARES))))
    observed = np.clip(np.round(truth), 0, _BITS).astype(np.uint8)
    if rng.random() < _COMPRESSED:
        observed = _compressed(observed, np.exp(rng.uniform(*np.log(_RATES))))
    full = on_plateau(observed, np.ones(observed.shape, bool), _BITS)
    mask = with_margin(full)
    if not full.any() or mask.mean() > _SHARES[1]:
        return None
    return Observation(image=observed, mask=mask, saturated=full, primary=full, level=_BITS), truth


def _compressed(image, rate):
    """An 8-bit image after lossy compression as JPEG 2000."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG2000", quality_mode="rates", quality_layers=[rate], irreversible=True)
    with Image.open(file) as decoded:
        return np.asarray(decoded)


def _flare(sources, part, level, rng):
    channel = int(rng.choice(EUV_CHANNELS))
    side = int(rng.choice(_FLARE_SIDES))
    peak = FULL_WELL * np.exp(rng.uniform(*np.log(_PEAKS)))
    kind = rng.random()
    if kind < 0.5:
        scene = _cut(_exposure(sources, part, rng), side, rng)
    else:
        scene = _linear(_crop(_any(sources.disks[part], rng), rng, side), rng)
    scene = scene * min(np.exp(rng.uniform(*np.log(_EXPOSURES))), 0.8 * FULL_WELL / scene.max())
    core = _amplified(scene, rng) if kind > 0.8 else flare(scene.shape, rng)
    core = peak * core / max(core.max(), 1e-30)
    observed, truth = expose(scene + core + fringes(core, channel), channel, rng, noise=_NOISE[level])
    if rng.random() < 0.25:
        observed = np.minimum(truth, FULL_WELL)
    observation = Observation.from_exposure(observed, channel)
    if not _CORES[0] < observation.mask.mean() < _CORES[1]:
        return None
    if rng.random() < 0.2:
        observation = replace(observation, mask=ndimage.binary_dilation(observation.mask, disk(rng.integers(1, 4))))
    if rng.random() < 0.15:
        observation = replace(observation, saturated=None, primary=None, level=None)
    return observation, truth


def _amplified(scene, rng):
    """The bright parts of a scene, amplified."""
    knee = max(np.quantile(scene, rng.uniform(0.95, 0.998)), 1.0)
    core = np.maximum(scene, 0) * (np.maximum(scene / knee, 1) ** rng.uniform(1.0, 4.0) - 1)
    return ndimage.gaussian_filter(core, rng.uniform(0.7, 1.5))


def _exposure(sources, part, rng):
    """A level-1 image, or a display image on a linear scale where there is none."""
    if sources.exposures[part]:
        return _any(sources.exposures[part], rng)
    return _linear(_any(sources.disks[part], rng).image / _BITS, rng)


def _any(images, rng):
    return images[rng.integers(len(images))]


def _cut(image, side, rng):
    """A random square of an image, mirrored at random; the whole width or height of a smaller image."""
    top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in image.shape)
    part = image[top : top + side, left : left + side].astype(float)
    return part[:, :: rng.choice([1, -1])]


def _shown(image, rng):
    """A display image, half of the time with another stretch."""
    return image if rng.random() < 0.5 else displayed(image, rng)


def _linear(image, rng):
    """Transform a display image to a linear scale in DN."""
    return image ** rng.uniform(1.5, 3.0) * np.exp(rng.uniform(np.log(200), np.log(10000)))


def _grainy(image, level, rng):
    """A display image with noise, in 8 bits."""
    image = image + _GRAIN[level] * rng.standard_normal(image.shape)
    return np.round(255 * np.clip(image, 0, 1)) / 255


def _noisy(image, level, rng):
    """An exposure in DN with photon and read noise."""
    return expose(image, 171, rng, well=np.inf, noise=_NOISE[level])[1]
