"""Which blocks of telemetry an image of LASCO has lost."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.lasco.geometry import BLOCK, MARGIN, unobserved_pixels, empty_pixels, obscured
from sunpy_restore.inpainting.lasco.header import check_lasco

__all__ = ["Damage", "find_missing_blocks", "mostly_lost"]

_SOFT = 4  # pixels by which interpolation makes a block smaller
_EMPTY = 0.99  # of a block of the grid; single words may have been written into a lost one
_FEWEST = 4  # pixels; less at the edge of a cutout, or beside what is masked, is no block
_SLIVER = 8  # pixels; what is nowhere wider beside a mask of level 1 belongs to the mask
_SPOILT = 0.85  # of the values beside; less in a pixel at the border of a block is mixed with the block
_MANY = 0.1  # of the pixels at the borders; with fewer, nothing was interpolated


@dataclass(frozen=True)
class Damage:
    """
    What an image has lost.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True in the blocks that were lost, which are to be filled.
    blind : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True where nothing is known and nothing is wanted: what the instrument never sends, pixels
        without value that are no lost block, and those that the mask of the Map covers.
    """

    mask: np.ndarray
    blind: np.ndarray


def find_missing_blocks(smap):
    """
    Find the blocks of telemetry that an image of LASCO has lost.

    Pixels without value (zero, NaN, ``BLANK``, at level 1 also the value that all masked pixels share) make a lost
    block where they fill one: one of the grid in a full frame of level 0.5; else any square of 32 pixels, or 28 where
    the correction of the distortion has moved its borders. The edge of a cutout may cut it. What lies behind the
    occulter and the pylon, and outside of the field, is blind and not lost.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Image of C2 or C3 of level 0.5 or 1, full or cut out, shape ``(ny, nx)``. It is not changed.

    Returns
    -------
    `Damage`
        Its ``mask`` is all False if nothing was lost.

    Raises
    ------
    TypeError
        See `~sunpy_restore.inpainting.lasco.header.check_lasco`.
    ValueError
        See `~sunpy_restore.inpainting.lasco.header.check_lasco`; also for 8-bit images, in which black is zero, and for
        images that have lost all.

    Notes
    -----
    Blocks are 32 pixels wide in the image that was sent, also if it was summed on board. In images that were resampled
    on the ground they aren't found.

    Examples
    --------
    >>> import numpy as np
    >>> import sunpy.map
    >>> from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks
    >>> counts = np.full((1024, 1024), 700, dtype=np.int16)
    >>> counts[320:352, 640:704] = 0
    >>> header = {"INSTRUME": "LASCO", "DETECTOR": "C2", "DATE-OBS": "2010-01-12T21:20:08", "CTYPE1": "SOLAR-X",
    ...           "CTYPE2": "SOLAR-Y", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": 11.9, "CDELT2": 11.9,
    ...           "CRPIX1": 512.634, "CRPIX2": 505.293}
    >>> found = find_missing_blocks(sunpy.map.Map(counts, header))
    >>> int(found.mask.sum()), int(found.blind.sum())
    (2048, 0)
    """
    lasco = check_lasco(smap)
    data = smap.data
    if data.dtype.kind in "iu" and data.dtype.itemsize == 1:
        raise ValueError(
            f"Found 8-bit data ({data.dtype}): an image for display, in which black is zero and not lost. Pass mask= "
            "with True where it is lost, or use the FITS file."
        )
    empty = empty_pixels(data, lasco)
    blind = unobserved_pixels(data, lasco, empty)
    if lasco.level == 1:
        mask = _soft_blocks(data, empty, blind, lasco)
    elif lasco.is_full(data.shape):
        mask = _grid_blocks(empty, blind)
    else:
        mask = _any_phase(empty, BLOCK, open_sides=True) & ~blind
        mask = _parts(mask, lambda part: part.sum() >= _FEWEST)
    covered = False if smap.mask is None else np.asarray(smap.mask, dtype=bool)
    blind = (blind | empty | covered) & ~mask
    if mask.any() and (mask | blind).all():
        raise ValueError(
            f"All {np.count_nonzero(mask)} pixels that could show something are lost: there is nothing to fill from. "
            "Use another frame."
        )
    return Damage(mask, blind)


def _grid_blocks(empty, blind):
    """Blocks of a full frame that are empty and not blind."""
    rows, columns = (length // BLOCK for length in empty.shape)

    def share(pixels):
        return pixels.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))

    lost = (share(empty) >= _EMPTY) & (share(blind) < 0.5)
    return np.kron(lost, np.ones((BLOCK, BLOCK), dtype=bool))


def _any_phase(empty, size, open_sides):
    """Squares of that size that are empty wherever they lie, those cut by the edge too if the sides are open."""
    pad = size if open_sides else 0
    padded = np.pad(empty, pad, constant_values=True).view(np.uint8)
    # An even window has no middle: the second filter has it on the other side
    for function, shift in ((ndimage.minimum_filter1d, 0), (ndimage.maximum_filter1d, size % 2 - 1)):
        for axis in (0, 1):
            padded = function(padded, size, axis=axis, mode="constant", cval=0, origin=shift)
    inside = tuple(slice(pad, pad + length) for length in empty.shape)
    return padded[inside].astype(bool) & empty


def _parts(pixels, enough):
    """The connected parts of some pixels for which ``enough(part)`` is True, or True anywhere in an array."""
    labels, number = ndimage.label(pixels)
    keep = np.zeros(number + 1, dtype=bool)
    for index, place in enumerate(ndimage.find_objects(labels), start=1):
        keep[index] = np.any(enough(labels[place] == index))
    return keep[labels]


def _soft_blocks(data, empty, blind, lasco):
    """Blocks of level 1: the correction of the distortion has moved and softened their borders by some pixels."""
    turn = np.radians(lasco.turn)
    size = int(BLOCK / (abs(np.cos(turn)) + abs(np.sin(turn))) - _SOFT + 1e-6)
    squares = _any_phase(empty, size, open_sides=not lasco.is_full(data.shape))
    mask = _grown(squares, MARGIN) & empty & ~blind
    # What is left of a mask that is wider than its geometry has no width
    mask = _parts(mask, lambda part: _any_phase(part, _SLIVER, open_sides=False))
    if not mask.any():
        return mask
    between = obscured(data.shape, lasco, MARGIN) & ~obscured(data.shape, lasco)
    mask |= _grown(mask, MARGIN + 1) & between & empty
    return mask | (_spoilt(data, mask, empty) & ~blind)


def _spoilt(data, mask, empty):
    """Pixels within two of a lost one that interpolation has mixed with it, which makes them too dark."""
    known = ~(_grown(mask, 3) | empty)
    dark = np.zeros_like(mask)
    if not known.any():
        return dark
    ring = _grown(mask, 2) & ~empty
    weight = ndimage.uniform_filter(known.astype(np.float32), 13)
    # Scaled, for mean solar brightness is near the end of the range of single precision
    scale = np.abs(data[known]).max()
    values = np.where(known, data / scale, 0).astype(np.float32)
    mean = ndimage.uniform_filter(values, 13)[ring] / np.maximum(weight[ring], 1e-6)
    dark[ring] = (weight[ring] > 0.01) & (data[ring] / scale < _SPOILT * mean)
    return dark if dark.sum() > _MANY * ring.sum() else np.zeros_like(mask)


def _grown(pixels, width):
    return ndimage.maximum_filter(pixels, 2 * width + 1)


def mostly_lost(mask, blind):
    """
    Lost pixels around which more was lost than kept.

    Around a pixel means up to as far as a square of the area of its cluster of lost blocks is wide: a single block of
    any size has kept three times its area around, a row of blocks more; half a frame that is lost, less than its area.
    Clusters are connected along the axes. What is blind, or outside of the image, is neither lost nor kept.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        True where a pixel was lost, shape ``(ny, nx)``.
    blind : `numpy.ndarray` of `bool`
        True where nothing is known and nothing is wanted.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``; False outside of ``mask``.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.lasco.missing_blocks import mostly_lost
    >>> blind = np.zeros((96, 96), dtype=bool)
    >>> block, half = blind.copy(), blind.copy()
    >>> block[32:64, 32:64] = half[:64] = True
    >>> bool(mostly_lost(block, blind).any()), float(mostly_lost(half, blind).sum() / half.sum())
    (False, 1.0)
    """
    labels, _ = ndimage.label(mask)
    reach = np.rint(np.sqrt(np.bincount(labels.ravel()))).astype(int)[labels[mask]]
    # The difference of what was lost and kept in a box, from its sums up to each pixel
    gain = mask.astype(int) - (~mask & ~blind)
    sums = np.pad(gain.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (
        (np.maximum(place - reach, 0), np.minimum(place + reach + 1, length))
        for place, length in zip(np.nonzero(mask), mask.shape, strict=True)
    )
    result = np.zeros_like(mask)
    result[mask] = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0
    return result
