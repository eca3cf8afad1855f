"""Areas of granules by the segmentation of sunkit-image (Diaz Castillo et al. 2022)."""

from itertools import product

import numpy as np
from scipy import ndimage
from skimage.segmentation import clear_border

from sunpy_restore.core.images.maps import new_map
from sunpy_restore.granulation.output import synthetic_header
from sunpy_restore.granulation.statistics.intensities import ks_statistic, relative

__all__ = ["areas_distance", "granule_areas", "granule_distance", "searched_area"]

_SMALLEST_AREA = 0.1  # Mm^2 (0.36 Mm across); smaller bright patches are fragments
_LARGEST_PIECE = 500**2  # pixels; beyond, sunkit-image takes the threshold from a random sample
_LEAST_ROWS = 220  # sunkit-image blanks 1/200 of the rows at all edges, and the whole image if that is below one row
_EDGE = 16  # mirrored pixels around each piece, some of which sunkit-image blanks
_PIECES = 24  # largest number of pieces that are segmented: some thousand granules in a few seconds
_KOLMOGOROV_MEDIAN = 0.8276  # of the Kolmogorov distribution


def granule_areas(image, pixel, *, smallest=_SMALLEST_AREA, piece=None):
    """
    Areas of the granules in an image.

    Granules are the connected regions (4 neighbours) that `sunkit_image.granule.segment` classifies as granules, with
    Otsu's threshold of the locally equalized intensity; the default threshold by Li merges more granules. The image is
    cut into pieces. Granules at the border of a piece are left out, which removes more large granules from smaller
    pieces. Areas should therefore be compared for pieces of the same shape.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    pixel : `float`
        Side of a pixel in km.
    smallest : `float`
        Area in Mm^2 below which regions are left out.
    piece : pair of `int`, optional
        Rows and columns of the pieces, of at most 250,000 pixels. At most 24 pieces, spread over the image, are used.
        By default the pieces are as large as possible.

    Returns
    -------
    `~numpy.ndarray`
        Areas in Mm^2, in increasing order.

    Raises
    ------
    ImportError
        Sunkit-image is not installed.
    ValueError
        The image is not 2-D, not finite, or its mean is not positive; ``pixel`` is not positive; or ``piece`` is larger
        than the image or than 250,000 pixels.

    References
    ----------
    * Diaz Castillo et al. 2022, https://doi.org/10.3389/fspas.2022.896632
    """
    return _areas(image, pixel, smallest, piece)[0]


def granule_distance(image, reference, pixel, *, smallest=_SMALLEST_AREA):
    """
    Distance between the distributions of granule areas of two images.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape ``(ny, nx)``. Both are cut into pieces of the same shape, see `granule_areas`.
    pixel : `float`
        Side of the pixels of both images in km.
    smallest : `float`
        Area in Mm^2 below which regions are left out.

    Returns
    -------
    `dict`
        ``ks``, the Kolmogorov-Smirnov statistic (1 if the image has no granule); ``chance``, its median for two samples
        of the same process with independent granules; ``median`` and ``reference_median`` of the areas in Mm^2;
        ``number`` and ``reference_number``; and ``density_ratio``, the ratio of the numbers of whole granules per area.

    Raises
    ------
    ImportError
        Sunkit-image is not installed.
    ValueError
        The reference has no granule, or as for `granule_areas`.
    """
    piece = _piece(tuple(np.minimum(np.shape(image), np.shape(reference))))
    (areas, searched), (expected, reference_searched) = (
        _areas(each, pixel, smallest, piece) for each in (image, reference)
    )
    return areas_distance(areas, searched, expected, reference_searched)


def searched_area(shape, pixel, piece):
    """
    Area that `granule_areas` searches for granules.

    Parameters
    ----------
    shape : pair of `int`
        Rows and columns of the image.
    pixel, piece
        See `granule_areas`.

    Returns
    -------
    `float`
        Area in Mm^2.
    """
    return float(len(_corners(shape, piece)) * np.prod(piece) * (pixel / 1000) ** 2)


def areas_distance(areas, searched, expected, reference_searched):
    """
    Distance between two distributions of granule areas.

    Parameters
    ----------
    areas, expected : `~numpy.ndarray`
        Areas of the granules in the image and in the reference in Mm^2.
    searched, reference_searched : `float`
        Area in Mm^2 that was searched for them.

    Returns
    -------
    `dict`
        See `granule_distance`.

    Raises
    ------
    ValueError
        The reference has no granule.
    """
    if not len(expected):
        raise ValueError("Found no granule in the pieces of the reference; expected a reference with granules.")
    return {
        "ks": ks_statistic(areas, expected) if len(areas) else 1.0,
        "chance": float(_KOLMOGOROV_MEDIAN * np.sqrt(1 / max(len(areas), 1) + 1 / len(expected))),
        "median": float(np.median(areas)) if len(areas) else 0.0,
        "reference_median": float(np.median(expected)),
        "number": len(areas),
        "reference_number": len(expected),
        "density_ratio": float(len(areas) / searched / (len(expected) / reference_searched)),
    }


def _areas(image, pixel, smallest, piece):
    """Sorted areas of the granules in Mm^2, and the area that was searched."""
    image = relative(image)
    if not pixel > 0:
        raise ValueError(f"Found the pixel size {pixel} km; expected a positive one.")
    shape = _piece(image.shape) if piece is None else tuple(piece)
    if (
        any(not 3 <= part <= length for part, length in zip(shape, image.shape, strict=True))
        or np.prod(shape) > _LARGEST_PIECE
    ):
        raise ValueError(
            f"Found pieces of {shape} pixels; expected pieces of up to {_LARGEST_PIECE} pixels within {image.shape}."
        )
    pixels = np.concatenate(
        [
            _inner_regions(_granules(image[y : y + shape[0], x : x + shape[1]], pixel))
            for y, x in _corners(image.shape, shape)
        ]
    )
    areas = np.sort(pixels) * (pixel / 1000) ** 2
    return areas[areas >= smallest], searched_area(image.shape, pixel, shape)


def _corners(shape, piece):
    """First rows and columns of the pieces that are segmented."""
    starts = [range(0, length - part + 1, part) for length, part in zip(shape, piece, strict=True)]
    corners = list(product(*starts))
    if len(corners) > _PIECES:
        corners = [corners[i] for i in np.linspace(0, len(corners) - 1, _PIECES).astype(int)]
    return corners


def _piece(shape):
    """Largest shape of pieces that are segmented at once, by halving the longer sides."""
    while np.prod(shape) > _LARGEST_PIECE:
        longest = int(np.argmax(shape))
        shape = tuple(-(-length // 2) if axis == longest else length for axis, length in enumerate(shape))
    return tuple(int(length) for length in shape)


def _granules(image, pixel):
    """True for the pixels that sunkit-image classifies as granule."""
    try:
        from sunkit_image.granule import segment
    except ImportError as error:
        raise ImportError(
            'Areas of granules need sunkit-image, which is not installed. Run: pip install "sunpy_restore[train]"'
        ) from error
    if image.min() == image.max():
        return np.zeros(image.shape, dtype=bool)
    edge = max(_EDGE, -(-(_LEAST_ROWS - image.shape[0]) // 2))
    padded = np.pad(image.astype(float), edge, mode="symmetric")
    smap = new_map(padded, synthetic_header(padded.shape, pixel, {}))
    segmented = segment(smap, skimage_method="otsu").data
    return segmented[edge : edge + image.shape[0], edge : edge + image.shape[1]] == 1


def _inner_regions(mask):
    """Pixels of each connected region of a mask that does not touch the border."""
    sizes = np.bincount(clear_border(ndimage.label(mask)[0]).ravel())[1:]
    return sizes[sizes > 0]
