"""Training views: damaged images with masks of many origins, and their truth."""

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

from sunpy_restore.core.datasets.made import Made
from sunpy_restore.desaturation.recipe.masks import (
    add_outliers,
    blobs,
    boxes,
    displaced_mask,
    foreign_mask,
    outlines,
    strips,
    strokes,
    threshold_mask,
)
from sunpy_restore.desaturation.recipe.pairs import disk_weights, injected_pair, pair_of
from sunpy_restore.desaturation.recipe.scenes import crop

__all__ = ["Views", "displayed", "exposed"]

_SHARES = (0.002, 0.3)  # of masked pixels
_KNOWN = 0.35  # share of the views of saturation whose level is known
_OUTLIERS = 0.3  # share of the views with outliers
_FOLDS = ((False, False), (False, False), (True, False), (False, True))  # rows and columns that are mirrored
_LARGEST = 1e4  # units of the scale, well in the range of half precision
_PAPER_THRESHOLD, _PAPER_RADIUS = 0.8, 3
_ELECTRONS = 10.0  # variance over mean of the photon noise in DN, roughly that of AIA at 171 angstrom


class Views(Made):
    """
    Damaged images and their truth; each depends on its index and the seed alone.

    An item is the input channels and the truth in half precision, and whether they may be transposed.

    Parameters
    ----------
    disks : `list` of `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk images; those with more bright places are used more often.
    count : `int`
        Number of views.
    shares : mapping
        Share of each kind of view: ``"injected"`` flares, ``"paper"`` for over-exposure as in the paper,
        ``"threshold"`` for other masks of the brightest pixels, ``"displaced"`` for those of a smoothed image that are
        some pixels off, ``"foreign"`` for masks of other images, ``"shapes"`` for boxes, blobs and strokes,
        ``"outlines"`` for closed curves around bright places, ``"strips"`` for rows and columns. Half of the views with
        strips are mirrored at edges of the image, as `~sunpy_restore.desaturation.restore.with_network` does where
        damage is close to one.
    side : `int`
        Side of a view in pixels.
    seed : `int`
        Seed.
    mirrored : `bool`
        Whether views with a strip along an edge contain their mirror image, so that they are as large as the others.
    """

    def __init__(self, disks, count, shares, *, side, seed, mirrored=True):
        self.disks, self.weights, self.side, self.seed = disks, disk_weights(disks), side, seed
        self.mirrored = mirrored
        self.kinds, self.probabilities = list(shares), np.array(list(shares.values())) / sum(shares.values())
        super().__init__(self._view, count)

    def _view(self, index):
        rng = np.random.default_rng([self.seed, 2, index])
        kind = rng.choice(self.kinds, p=self.probabilities)
        pair = None
        while pair is None or max(np.abs(part).max() for part in pair) > _LARGEST:
            pair = self._injected(rng) if kind == "injected" else self._masked(kind, rng)
        return *(part.astype(np.float16) for part in pair), kind != "injected"

    def _crop(self, rng, **options):
        return crop(self.disks[rng.choice(len(self.disks), p=self.weights)], rng, self.side, **options)

    def _injected(self, rng):
        return injected_pair(self._crop(rng), rng, known=0.75, outliers=_OUTLIERS)

    def _masked(self, kind, rng):
        anywhere = kind in ("foreign", "shapes", "strips") and rng.random() < 0.4
        image = self._crop(rng, anywhere=anywhere)
        folded = _FOLDS[rng.integers(len(_FOLDS))] if kind == "strips" else _FOLDS[0]
        image = image[
            tuple(slice(length // 2 if fold else None) for fold, length in zip(folded, image.shape, strict=True))
        ]
        image = displayed(image, rng) if kind == "paper" or rng.random() < 0.6 else exposed(image, rng)
        if kind == "foreign":
            mask = foreign_mask(displayed(self._crop(rng), rng), rng)
        elif kind == "displaced":
            mask = displaced_mask(image, rng)
        elif kind == "shapes":
            mask = rng.choice([boxes, blobs, strokes])(image, rng)
        elif kind == "outlines":
            mask = outlines(image, rng)
        elif kind == "strips":
            mask = strips(image, rng)
        elif kind == "paper":
            mask = ndimage.binary_dilation(image > _PAPER_THRESHOLD, disk(_PAPER_RADIUS))
        else:
            mask = threshold_mask(image, rng)
        if not _SHARES[0] < mask.mean() < _SHARES[1]:
            return None
        level = {}
        if kind in ("paper", "threshold") and rng.random() < _KNOWN:
            level = _clipped(image, mask)
        observed = add_outliers(image, mask, rng) if rng.random() < _OUTLIERS else image
        pair = pair_of(observed, mask, image, **level)
        if not self.mirrored:
            return pair
        pads = [(0, 0), *((length, 0) if fold else (0, 0) for fold, length in zip(folded, mask.shape, strict=True))]
        return tuple(np.pad(part, pads, mode="symmetric") for part in pair)


def _clipped(image, mask):
    """Saturated pixels and their level, if the mask contains all pixels above some level."""
    level = max(image[~mask].max(), np.quantile(image[mask], 0.02))
    saturated = mask & (image > level)
    return {"saturated": saturated, "level": level} if saturated.sum() > 0.1 * mask.sum() else {}


def displayed(image, rng):
    """
    Transform an image to another display scaling and range: power law or logarithm, brighter or fainter.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    """
    kind = rng.random()
    if kind < 0.3:
        image = image ** rng.uniform(0.7, 1.4)
    elif kind < 0.6:
        depth = np.exp(rng.uniform(np.log(3), np.log(300)))
        image = np.log1p(depth * image**2) / np.log1p(depth)
    if kind >= 0.3 and rng.random() < 0.5:
        return np.clip(image, 0, 1)
    bright = np.quantile(image, rng.uniform(0.8, 0.995))
    return np.clip(image * (0.8 / max(bright, 0.1)), 0, 1)


def exposed(image, rng):
    """
    Transform an image to a linear scale, with photon and read noise.

    Parameters
    ----------
    image, rng
        See `displayed`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, in DN.
    """
    linear = image ** rng.uniform(1.5, 3.0) * np.exp(rng.uniform(np.log(200), np.log(10000)))
    return linear + np.sqrt(linear / _ELECTRONS + 1.4) * rng.standard_normal(image.shape)
