"""Areas of granules, by sunkit-image's segmentation (Diaz Castillo et al. 2022, doi:10.3389/fspas.2022.896632)."""

from itertools import product

import numpy as np
from scipy import ndimage

from sunpy_restore.core.maps import new_map
from sunpy_restore.granulation.statistics.intensities import ks_statistic, relative

__all__ = ["granule_areas", "granule_distance"]

SMALLEST = 0.1
"""Area in Mm^2 (0.36 Mm across) below which a bright patch is a fragment and no granule."""

AU = 1.495978707e11

SAMPLED = 500**2
"""Pixels above which sunkit-image takes the threshold from a random sample, another one each time."""

ROWS = 220
"""sunkit-image blanks 1/200 of the rows at all edges, and the whole image where that is no whole row."""

EDGE = 16
"""Mirrored pixels around each piece, of which sunkit-image may blank some."""

MEDIAN = 0.8276
"""Of the Kolmogorov distribution."""

PIECES = 24
"""Pieces of an image that are segmented at most, spread over it: a few thousand granules, and seconds."""


def granule_areas(image, pixel, *, smallest=SMALLEST, piece=None):
    """
    Areas of the granules in an image.

    Granules are the connected regions (4 neighbours) that `sunkit_image.granule.segment` calls granule, with Otsu's
    threshold on the locally equalised intensity: its default, Li's, joins more granules to each other. The image is cut
    into pieces; what touches the border of a piece is left out, which leaves out more of the large ones the smaller the
    piece is: compare areas from pieces of one shape.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx).
    pixel : `float`
        Pixel size in km.
    smallest : `float`
        Area in Mm^2; regions below it are no granules.
    piece : pair of `int`, optional
        Rows and columns of the pieces, which are of at most 250,000 pixels and spread over the image, at most 24. By
        default as large as that allows.

    Returns
    -------
    `~numpy.ndarray`
        Areas in Mm^2, rising.

    Raises
    ------
    ImportError
        If sunkit-image is not installed.
    ValueError
        If the image is not 2-D, finite and of positive mean, ``pixel`` is not positive, or ``piece`` is larger than the
        image or 250,000 pixels.
    """
    return _areas(image, pixel, smallest, piece)[0]


def granule_distance(image, reference, pixel, *, smallest=SMALLEST):
    """
    Distance of the distributions of granule areas of two images.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape (ny, nx). Both are cut into pieces of one shape, see `granule_areas`.
    pixel : `float`
        Pixel size of both in km.
    smallest : `float`
        Area in Mm^2; regions below it are no granules.

    Returns
    -------
    `dict`
        ``ks``, the Kolmogorov-Smirnov statistic (1 where an image has no granule); ``chance``, what it
        exceeds every second time for two such samples of one process, if granules are independent; ``median``,
        ``reference_median`` in Mm^2; ``number``, ``reference_number``; and ``density_ratio``, that of the numbers of
        whole granules per area.

    Raises
    ------
    ImportError
        If sunkit-image is not installed.
    ValueError
        As `granule_areas`, and if the reference has no granule.
    """
    piece = _piece(tuple(np.minimum(np.shape(image), np.shape(reference))))
    (areas, seen), (expected, reference_seen) = (_areas(each, pixel, smallest, piece) for each in (image, reference))
    if not len(expected):
        raise ValueError(f"expected a reference with granules of {smallest} Mm^2 within {piece} pixels, found none")
    return {
        "ks": ks_statistic(areas, expected) if len(areas) else 1.0,
        "chance": float(MEDIAN * np.sqrt(1 / max(len(areas), 1) + 1 / len(expected))),
        "median": float(np.median(areas)) if len(areas) else 0.0,
        "reference_median": float(np.median(expected)),
        "number": len(areas),
        "reference_number": len(expected),
        "density_ratio": float(len(areas) / seen / (len(expected) / reference_seen)),
    }


def _areas(image, pixel, smallest, piece):
    """Rising areas of the granules in Mm^2, and the area that was looked at."""
    image = relative(image)
    if not pixel > 0:
        raise ValueError(f"expected a positive pixel size in km, found {pixel}")
    shape = _piece(image.shape) if piece is None else tuple(piece)
    if (
        any(not 3 <= part <= length for part, length in zip(shape, image.shape, strict=True))
        or np.prod(shape) > SAMPLED
    ):
        raise ValueError(f"expected pieces of up to {SAMPLED} pixels within {image.shape} pixels, found {shape}")
    starts = [range(0, length - part + 1, part) for length, part in zip(image.shape, shape, strict=True)]
    corners = list(product(*starts))
    if len(corners) > PIECES:
        corners = [corners[i] for i in np.linspace(0, len(corners) - 1, PIECES).astype(int)]
    pixels = np.concatenate(
        [_inner_regions(_granules(image[y : y + shape[0], x : x + shape[1]], pixel)) for y, x in corners]
    )
    square = (pixel / 1000) ** 2
    areas = np.sort(pixels) * square
    return areas[areas >= smallest], len(corners) * np.prod(shape) * square


def _piece(shape):
    """The largest pieces of a shape that are segmented by themselves, from halving the longer sides."""
    while np.prod(shape) > SAMPLED:
        long = int(np.argmax(shape))
        shape = tuple(-(-length // 2) if axis == long else length for axis, length in enumerate(shape))
    return tuple(int(length) for length in shape)


def _granules(image, pixel):
    """True where sunkit-image sees a granule."""
    try:
        from sunkit_image.granule import segment
    except ImportError as error:
        raise ImportError(
            "areas of granules need sunkit-image, which is not installed: pip install 'sunpy_restore[train]'"
        ) from error
    edge = max(EDGE, -(-(ROWS - image.shape[0]) // 2))
    scale = np.degrees(pixel * 1000 / AU) * 3600
    header = {
        "ctype1": "HPLN-TAN",
        "ctype2": "HPLT-TAN",
        "cunit1": "arcsec",
        "cunit2": "arcsec",
        "cdelt1": scale,
        "cdelt2": scale,
        "crpix1": 1.0,
        "crpix2": 1.0,
        "crval1": 0.0,
        "crval2": 0.0,
        "date-obs": "2020-01-01T00:00:00",
        "hgln_obs": 0.0,
        "hglt_obs": 0.0,
        "dsun_obs": AU,
        "rsun_ref": 695700000.0,
    }
    if image.min() == image.max():
        return np.zeros(image.shape, dtype=bool)
    padded = np.pad(image.astype(float), edge, mode="symmetric")
    segmented = segment(new_map(padded, header), skimage_method="otsu").data
    return segmented[edge : edge + image.shape[0], edge : edge + image.shape[1]] == 1


def _inner_regions(mask):
    """Pixels of the connected regions of a mask that do not touch its border."""
    labels, number = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    sizes[0] = 0
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        sizes[border] = 0
    return sizes[sizes > 0]
