"""Training pairs: saturated images with their truth, simulated from unsaturated AIA images."""

import functools
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

from sunpy_restore.core.datasets.made import Made
from sunpy_restore.desaturation.filling.channels import channels_of
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes, paper_damage
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.recipe.masks import add_outliers
from sunpy_restore.desaturation.recipe.scenes import crop, flare

__all__ = [
    "Tile",
    "disk_weights",
    "injected",
    "injected_pair",
    "pair_of",
    "paper_crops",
    "paper_pair",
    "paper_tiles",
    "paper_views",
]

_PAPER_SIDE = 256


def pair_of(image, mask, truth, **saturation):
    """
    Input channels of a damaged image, and its truth in the same unit.

    Parameters
    ----------
    image, mask, **saturation
        See `~sunpy_restore.desaturation.filling.channels.channels_of`.
    truth : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    channels, truth : `numpy.ndarray`
        Shapes ``(5, ny, nx)`` and ``(1, ny, nx)``.
    """
    channels, scale = channels_of(image, mask, **saturation)
    return channels, (truth[None] / scale).astype(np.float32)


def paper_pair(image, threshold=0.8, *, shares=(0.003, 0.35)):
    """
    Simulate a pair as Zhao et al. (2019) do.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    threshold : `float`
        See `~sunpy_restore.desaturation.forward.paper_damage`.
    shares : pair of `float`
        Smallest and largest share of masked pixels.

    Returns
    -------
    channels, truth : `numpy.ndarray`, or `None`
        Shapes ``(5, ny, nx)`` and ``(1, ny, nx)``, in units of the scale of the input channels; `None` if the mask is
        too small or too large.
    """
    _, mask = paper_damage(image, threshold)
    if not shares[0] < mask.mean() < shares[1]:
        return None
    return pair_of(image, mask, image)


class Tile(NamedTuple):
    """
    A tile of a full-disk image.

    Parameters
    ----------
    disk : `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk image.
    row, column : `int`
        First row and column of the tile.
    image : `numpy.ndarray`
        Shape ``(256, 256)``, values from 0 to 1.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    """

    disk: Any
    row: int
    column: int
    image: np.ndarray
    mask: np.ndarray


def paper_tiles(disks, shares=(0.02, 0.2)):
    """
    Cut full-disk images into 256-pixel tiles as in the paper, and select those with a suitable share of saturation.

    Parameters
    ----------
    disks : `list` of `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk images.
    shares : pair of `float`
        Smallest and largest share of masked pixels.

    Yields
    ------
    `Tile`
    """
    side = _PAPER_SIDE
    for full in disks:
        whole = full.image
        for top in range(0, whole.shape[0] - side + 1, side):
            for left in range(0, whole.shape[1] - side + 1, side):
                image = whole[top : top + side, left : left + side] / 255.0
                mask = paper_damage(image)[1]
                if shares[0] < mask.mean() < shares[1]:
                    yield Tile(full, top, left, image, mask)


def paper_crops(disks, shares=(0.02, 0.2)):
    """
    Images and masks of `paper_tiles`.

    Parameters
    ----------
    disks, shares
        See `paper_tiles`.

    Yields
    ------
    image : `numpy.ndarray`
        Shape ``(256, 256)``, values from 0 to 1.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    """
    for tile in paper_tiles(disks, shares):
        yield tile.image, tile.mask


def injected(image, channel, rng, peak, *, blooming=True):
    """
    Inject a flare into an image and simulate the exposure.

    Parameters
    ----------
    image : `numpy.ndarray`
        Unsaturated exposure in DN, shape ``(ny, nx)``.
    channel : `int`
        Wavelength in angstrom.
    rng : `numpy.random.Generator`
        Random number generator.
    peak : `float`
        Brightest pixel of the flare in full wells.
    blooming : `bool`
        Whether charge above the full well blooms. Otherwise it is lost, as if the analog-to-digital converter clips.

    Returns
    -------
    observed, truth : `numpy.ndarray`
        The saturated exposure, and the noiseless image with an unlimited full well, in DN.
    """
    core = peak * FULL_WELL * flare(image.shape, rng)
    truth = image + core + fringes(core, channel)
    observed, unsaturated = expose(truth, channel, rng)
    return (observed if blooming else np.minimum(unsaturated, FULL_WELL)), truth


def injected_pair(image, rng, *, shares=(2e-4, 0.35), known=0.85, outliers=0.0):
    """
    Simulate a pair with a flare in an 8-bit image, which is transformed to a linear scale.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    rng : `numpy.random.Generator`
        Random number generator.
    shares : pair of `float`
        Smallest and largest share of masked pixels.
    known, outliers : `float`
        Share of the pairs whose saturation level is known, and of those with outliers around the mask.

    Returns
    -------
    channels, truth : `numpy.ndarray`, or `None`
        See `paper_pair`.
    """
    linear = image ** rng.uniform(1.5, 3.0) * np.exp(rng.uniform(np.log(1500), np.log(12000)))
    channel = int(rng.choice(EUV_CHANNELS))
    peak = np.exp(rng.uniform(np.log(1.1), np.log(25.0)))
    if rng.random() < 0.3:
        # The bright parts of the image are amplified
        knee = max(np.quantile(linear, rng.uniform(0.95, 0.998)), 1.0)
        core = linear * (np.maximum(linear / knee, 1) ** rng.uniform(1.0, 4.0) - 1)
        core = ndimage.gaussian_filter(core, rng.uniform(0.7, 1.5))
        truth = linear + core * (peak * FULL_WELL / max(core.max(), 1e-30))
        truth = truth + fringes(truth - linear, channel)
        observed, unsaturated = expose(truth, channel, rng)
        if rng.random() < 0.25:
            observed = np.minimum(unsaturated, FULL_WELL)
    else:
        observed, truth = injected(linear, channel, rng, peak, blooming=rng.random() < 0.75)
    saturated = observed >= 0.999 * FULL_WELL
    mask = ndimage.binary_dilation(saturated, disk(rng.integers(1, 4)))
    if not shares[0] < mask.mean() < shares[1]:
        return None
    level = {"saturated": saturated, "level": FULL_WELL} if rng.random() < known else {}
    if rng.random() < outliers:
        observed = add_outliers(observed, mask, rng)
    return pair_of(observed, mask, truth, **level)


def paper_views(disks, count, seed):
    """
    Simulate pairs as Zhao et al. (2019) do, 256 pixels wide.

    Parameters
    ----------
    disks : `list` of `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk images; those with more bright places are used more often.
    count : `int`
        Number of pairs.
    seed : `int`
        Seed.

    Returns
    -------
    `~sunpy_restore.core.datasets.made.Made` of `tuple`
        Input channels and truth in half precision, and whether they may be transposed.
    """
    return Made(functools.partial(_paper_view, disks, disk_weights(disks), seed), count)


def _paper_view(disks, weights, seed, index):
    rng, pair = np.random.default_rng([seed, 3, index]), None
    while pair is None:
        pair = paper_pair(crop(disks[rng.choice(len(disks), p=weights)], rng, _PAPER_SIDE))
    return *(part.astype(np.float16) for part in pair), True


def disk_weights(disks):
    """
    Probability of each full-disk image; those of one day are nearly the same.

    Parameters
    ----------
    disks : `list` of `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk images; those with more bright places are used more often.

    Returns
    -------
    `numpy.ndarray`
        Their sum is 1.
    """
    days = [full.date[:10] for full in disks]
    bright = [sum(map(len, full.places.values())) / days.count(day) for full, day in zip(disks, days, strict=True)]
    return np.sqrt(bright) / np.sum(np.sqrt(bright))
