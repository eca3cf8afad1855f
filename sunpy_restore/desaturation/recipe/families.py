"""
Families of masks for evaluation.

None of them is made by the generators that training uses, see `sunpy_restore.desaturation.recipe.masks`: training has
boxes, blobs, strips, random walks and thresholds of the image with round margins; here are ellipses, polygons, letters,
bands of lost rows or columns, boxes drawn around a core, thresholds of a later or a smoothed image, and over-exposed
images cleaned with square structuring elements.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.draw import ellipse, polygon

__all__ = ["FAMILIES", "LEVEL_1_FAMILIES", "family_masks", "tiles"]

_SIDE = 256  # pixels
_SHARES = (0.01, 0.2)  # of masked pixels
_CORES = 0.97  # quantile; brighter pixels belong to cores


def tiles(disks, count, *, bright=True):
    """
    Cut full-disk images into tiles of 256 pixels, at other places than the paper's protocol.

    Parameters
    ----------
    disks : `list` of `~sunpy_restore.desaturation.recipe.scenes.Disk`
        The full-disk images.
    count : `int`
        Number of tiles.
    bright : `bool`
        Whether the tiles are around bright places; otherwise anywhere on the Sun and just off the limb.

    Yields
    ------
    `numpy.ndarray`
        Shape ``(256, 256)``, values from 0 to 1.
    """
    rng = np.random.default_rng(count + bright)
    for index in range(count):
        full = disks[index % len(disks)]
        if bright:
            centre = rng.permuted(full.places[max(full.places)], axis=0)[0] + rng.integers(-48, 49, size=2)
        else:
            shape = np.array(full.image.shape)
            centre = shape // 2 + np.round(rng.uniform(-1500, 1500, size=2) * shape / 4096).astype(int)
        top, left = np.clip(centre - _SIDE // 2, 0, np.array(full.image.shape) - _SIDE)
        yield full.image[top : top + _SIDE, left : left + _SIDE] / 255.0


def _ellipses_over_cores(image, rng):
    """Ellipses around the brightest pixels."""
    mask = np.zeros(image.shape, dtype=bool)
    smooth = ndimage.gaussian_filter(image, 3)
    for _ in range(rng.integers(1, 5)):
        row, column = np.unravel_index(np.argmax(np.where(mask, 0, smooth)), mask.shape)
        axes = rng.uniform(5, 22, size=2)
        mask[ellipse(row, column, *axes, shape=mask.shape, rotation=rng.uniform(0, np.pi))] = True
    return mask


def _boxes_over_cores(image, rng):
    """Bounding boxes of the largest cores with a margin of 2 to 10 pixels, as drawn by a user."""
    smooth = ndimage.gaussian_filter(image, 1)
    labels, number = ndimage.label(smooth > np.quantile(smooth, _CORES))
    mask = np.zeros(image.shape, dtype=bool)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    for index in np.argsort(sizes)[::-1][: rng.integers(1, 4)]:
        box = ndimage.find_objects(labels)[index]
        margin = rng.integers(2, 11)
        mask[tuple(slice(max(part.start - margin, 0), part.stop + margin) for part in box)] = True
    return mask


def _overexposed(image, rng):
    """Clipped pixels of a longer exposure, opened and closed with squares and dilated; no threshold is exact."""
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape), 12)
    gain = (1 + 0.03 * noise / noise.std()) / np.quantile(image, rng.uniform(0.9, 0.985))
    clipped = np.round(255 * np.clip(gain * image, 0, 1)) >= 250
    square = np.ones((3, 3))
    clipped = ndimage.binary_opening(ndimage.binary_closing(clipped, square), square)
    return ndimage.binary_dilation(clipped, square, iterations=int(rng.integers(0, 4)))


def _smoothed_and_shifted(image, rng):
    """Threshold of an image of lower resolution, some pixels off, as from another instrument or time."""
    smooth = ndimage.gaussian_filter(image, rng.uniform(2, 5))
    smooth = ndimage.shift(smooth, rng.uniform(-5, 5, size=2), order=1, mode="nearest")
    return smooth > np.quantile(smooth, rng.uniform(0.88, 0.96))


def _polygons(image, rng):
    """Polygons anywhere."""
    mask = np.zeros(image.shape, dtype=bool)
    for _ in range(rng.integers(1, 5)):
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        radii = rng.uniform(6, 30, len(angles))
        row, column = rng.uniform(20, np.array(image.shape) - 20)
        mask[polygon(row + radii * np.sin(angles), column + radii * np.cos(angles), mask.shape)] = True
    return mask


def _letters(image, rng):
    """Text written over the image."""
    canvas = Image.new("L", image.shape[::-1])
    font = ImageFont.load_default(size=int(rng.integers(20, 60)))
    word = "".join(rng.choice(list("SDOAIA193171"), size=rng.integers(3, 7)))
    ImageDraw.Draw(canvas).text(tuple(rng.integers(0, 120, size=2).tolist()), word, fill=255, font=font)
    return np.asarray(canvas) > 127


def _random_boxes(image, rng):
    """Five boxes of 12 pixels, and some of up to 40, anywhere."""
    mask = np.zeros(image.shape, dtype=bool)
    for side in [12] * 5 + list(rng.integers(16, 41, size=rng.integers(0, 4))):
        row, column = rng.integers(0, np.array(image.shape) - side)
        mask[row : row + side, column : column + side] = True
    return mask


def _lines(image, rng):
    """Bands of 3 to 24 lost rows or columns, the first ones of the image or any."""
    mask = np.zeros(image.shape, dtype=bool)
    lines = mask if rng.random() < 0.5 else mask.T
    for width in rng.integers(3, 25, size=rng.integers(1, 3)):
        first = 0 if rng.random() < 0.4 else rng.integers(0, len(lines) - width)
        lines[first : first + width] = True
    return mask


FAMILIES = {
    "ellipses over cores": (_ellipses_over_cores, True),
    "boxes over cores": (_boxes_over_cores, True),
    "over-exposed, cleaned": (_overexposed, True),
    "smoothed and shifted": (_smoothed_and_shifted, True),
    "polygons anywhere": (_polygons, False),
    "letters": (_letters, True),
    "random boxes": (_random_boxes, False),
    "rows or columns": (_lines, True),
}
"""Name of the family to a function of an image and a random number generator, and whether it masks bright tiles."""

LEVEL_1_FAMILIES = ("ellipses over cores", "polygons anywhere", "random boxes", "rows or columns")
"""Families that level-1 images are masked with."""


def family_masks(name, images, *, seed=0):
    """
    Images with the masks of a family.

    Parameters
    ----------
    name : `str`
        One of `FAMILIES`.
    images : iterable of `numpy.ndarray`
        Images, shape ``(ny, nx)``, values from 0 to 1.
    seed : `int`
        Seed.

    Yields
    ------
    image : `numpy.ndarray`
        The image.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill; images whose mask would be too small or too large are left out.
    """
    function, _ = FAMILIES[name]
    for index, image in enumerate(images):
        mask = function(image, np.random.default_rng([seed, index]))
        if _SHARES[0] < mask.mean() < _SHARES[1]:
            yield image, mask
