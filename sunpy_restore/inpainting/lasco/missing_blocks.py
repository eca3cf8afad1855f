"""Detection of missing telemetry blocks in images of LASCO."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.lasco.geometry import BLOCK, MARGIN, block_grid, empty_pixels, obscured, unobserved_pixels
from sunpy_restore.inpainting.lasco.header import FULL, angle_on_ground, check_lasco

__all__ = ["FARTHEST", "MissingBlocks", "find_missing_blocks", "mostly_lost"]

FARTHEST = 160
"""Pixels from the nearest observed pixel beyond which nothing is known; holes of 8 x 8 blocks were measured."""

_SHRINKAGE = 4  # pixels by which interpolation makes a block smaller
_EMPTY_SHARE = 0.99  # of the pixels of a missing block; single words may have been written into it
_FEWEST_PIXELS = 4  # of a block that the edge of a cutout cuts
_LEAST_WIDTH = 8  # pixels; narrower empty regions at level 1 belong to the mask of the calibration
_DARKENING = 0.85  # of the values around; darker pixels at the border of a block are mixed with the block
_TINY = 1e-9  # of the bright pixels; smaller values are zeros with the rounding errors of an interpolation
_FEWEST_TINY = 64  # pixels
_LARGEST_ANGLE = 2.0  # degrees between the axes of an image and those of the detector
_ROLL_ERROR = 0.01  # degrees
_OFF_GRID = 0.1  # of the edges of empty regions; blocks of an image in the axes of the detector have none
_MAJORITY = 1.1  # missing over valid pixels; the unobserved blocks make two halves of a frame differ by 5 %
_DARK_SHARE = 0.1  # of the pixels at the borders; with fewer dark pixels, the image was not interpolated


@dataclass(frozen=True)
class MissingBlocks:
    """
    Missing telemetry blocks of an image.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True in missing blocks, which are to be filled.
    unobserved : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True in other pixels without an observation: pixels that the instrument never sends, pixels
        without data outside of missing blocks, and pixels that the mask of the Map covers.
    """

    mask: np.ndarray
    unobserved: np.ndarray


def find_missing_blocks(smap):
    """
    Find the missing telemetry blocks of an image of LASCO.

    A block is missing if all of its pixels have no data: zero, NaN, ``BLANK``, at level 1 the value that all masked
    pixels share, or the smallest value of the image if its pixels form blocks. In a full frame of level 0.5 the blocks
    are those of the grid. In other images they are any squares of 32 pixels, or of 28 pixels at level 1, where the
    correction of the distortion moves their borders. The edge of a cutout may cut a block. Pixels behind the occulter
    and the pylon and outside of the field of view are unobserved and not missing.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Image of C2 or C3 of level 0.5 or 1, full or cut out, shape ``(ny, nx)``. It is not changed.

    Returns
    -------
    `MissingBlocks`
        Its ``mask`` is all False if no block is missing.

    Raises
    ------
    TypeError
        See `~sunpy_restore.inpainting.lasco.header.check_lasco`.
    ValueError
        See `~sunpy_restore.inpainting.lasco.header.check_lasco`; also 8-bit images, in which black is zero, images
        without any valid pixel, and images that were rotated or resampled on the ground.

    Notes
    -----
    Blocks are 32 pixels wide in the image that was sent, also if it was summed on board. They are not found in images
    that were resampled on the ground.

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
    >>> int(found.mask.sum()), int(found.unobserved.sum())
    (2048, 0)
    """
    lasco = check_lasco(smap)
    data = smap.data
    if data.dtype.kind in "iu" and data.dtype.itemsize == 1:
        raise ValueError(
            f"Found 8-bit data ({data.dtype}), an image for display in which black pixels are zero; expected the data "
            "of the instrument. Pass mask= with True in missing pixels, or use the FITS file."
        )
    empty = empty_pixels(data, lasco)
    unobserved = unobserved_pixels(data, lasco, empty)
    covered = np.zeros(data.shape, dtype=bool) if smap.mask is None else np.asarray(smap.mask, dtype=bool)
    _refuse_resampled(smap, lasco, empty, unobserved, covered)
    if lasco.level == 1:
        mask = _soft_blocks(data, empty, unobserved, lasco)
    elif lasco.is_full(data.shape):
        mask = _grid_blocks(empty, unobserved)
    else:
        mask = _any_phase(empty, BLOCK, open_sides=True) & ~unobserved
        mask = _parts(mask, lambda part: part.sum() >= _FEWEST_PIXELS)
    unobserved = (unobserved | empty | covered) & ~mask
    if mask.any() and (mask | unobserved).all():
        raise ValueError(
            f"All blocks of the field of view are missing ({np.count_nonzero(mask)} pixels); expected valid pixels to "
            "fill from. Use another image."
        )
    return MissingBlocks(mask, unobserved)


def _refuse_resampled(smap, lasco, empty, unobserved, covered):
    """Refuse images that were rotated or resampled on the ground, where blocks cannot be found."""
    ny, nx = smap.data.shape
    largest, angle = FULL // lasco.binning, angle_on_ground(smap)
    rotated = f"an image that is rotated by {angle:.4g} degrees according to its PCi_j or CDi_j"
    if max(ny, nx) > largest:
        found = f"an image of {ny} x {nx} pixels, which is larger than the detector ({largest} x {largest})"
    elif abs((angle + 90) % 180 - 90) > _LARGEST_ANGLE:
        found = rotated
    elif lasco.level == 1:
        return
    elif (off := _share_off_grid(empty, lasco)) > _OFF_GRID and abs((angle + 180) % 360 - 180) > _ROLL_ERROR:
        found = f"{rotated}, with empty pixels that do not follow the telemetry blocks"
    # The grid of an image that was rotated by 180 degrees on the ground fits better
    elif off > _OFF_GRID and _share_off_grid(empty, replace(lasco, turn=lasco.turn + 180)) < 0.5 * off:
        found = "an image whose empty pixels follow the telemetry blocks of an image that is rotated by 180 degrees"
    else:
        found = _trace_of_interpolation(smap.data, lasco, unobserved, covered)
    if found:
        raise ValueError(
            f"Found {found}: the image was probably rotated or resampled; expected the original pixels, because "
            "missing blocks cannot be found in others. Inpaint the image before it is rotated, or pass mask= with True "
            "in the pixels to fill."
        )


def _trace_of_interpolation(data, lasco, unobserved, covered):
    """What shows that an image of level 0.5 was interpolated, or `None`."""
    if data.dtype.kind != "f":
        return None
    without = ~np.isfinite(data) & ~covered
    tiny = _count_tiny(data[~without & (data != 0)])
    if tiny >= _FEWEST_TINY:
        return f"{tiny} pixels that are zero except for the rounding errors of an interpolation"
    gone = without & ~unobserved
    corners = without[[0, 0, -1, -1], [0, -1, 0, -1]].sum()
    if corners >= 2 and gone.sum() > BLOCK and lasco.is_full(data.shape) and not _in_blocks(gone):
        return "corners without a value whose edges do not follow the telemetry blocks"
    return None


def _share_off_grid(empty, lasco):
    """Share of the edges of empty regions that are no edges of telemetry blocks."""
    off = total = 0
    for axis, first in enumerate(block_grid(empty, lasco)):
        edges = np.diff(empty, axis=axis).sum(axis=1 - axis)
        total += edges.sum()
        off += edges[(np.arange(1, len(edges) + 1) - first) % BLOCK != 0].sum()
    return off / max(total, 1)


def _count_tiny(values):
    """Number of values that are zero except for rounding errors."""
    sizes = np.abs(values)
    return np.count_nonzero(sizes < _TINY * np.percentile(sizes, 99)) if sizes.size else 0


def _in_blocks(gone):
    """Whether most of the pixels lie in blocks of the grid that they fill."""
    rows, columns = (length // BLOCK for length in gone.shape)
    share = gone.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    return share[share >= _EMPTY_SHARE].sum() > 0.8 * share.sum()


def _grid_blocks(empty, unobserved):
    """Blocks of a full frame that are empty and observed."""
    rows, columns = (length // BLOCK for length in empty.shape)

    def share(pixels):
        return pixels.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))

    lost = (share(empty) >= _EMPTY_SHARE) & (share(unobserved) < 0.5)
    return np.kron(lost, np.ones((BLOCK, BLOCK), dtype=bool))


def _any_phase(empty, size, open_sides):
    """Empty squares of this size at any position, also those that the edge cuts if the sides are open."""
    pad = size if open_sides else 0
    padded = np.pad(empty, pad, constant_values=True).view(np.uint8)
    # A window of even size has no central pixel; the second filter is shifted to the other side
    for function, shift in ((ndimage.minimum_filter1d, 0), (ndimage.maximum_filter1d, size % 2 - 1)):
        for axis in (0, 1):
            padded = function(padded, size, axis=axis, mode="constant", cval=0, origin=shift)
    inside = tuple(slice(pad, pad + length) for length in empty.shape)
    return padded[inside].astype(bool) & empty


def _parts(pixels, enough):
    """The connected parts of a mask for which any value of ``enough(part)`` is True."""
    labels, number = ndimage.label(pixels)
    keep = np.zeros(number + 1, dtype=bool)
    for index, place in enumerate(ndimage.find_objects(labels), start=1):
        keep[index] = np.any(enough(labels[place] == index))
    return keep[labels]


def _soft_blocks(data, empty, unobserved, lasco):
    """Missing blocks at level 1, whose borders the correction of the distortion has moved and softened."""
    turn = np.radians(lasco.turn)
    size = int(BLOCK / (abs(np.cos(turn)) + abs(np.sin(turn))) - _SHRINKAGE + 1e-6)
    squares = _any_phase(empty, size, open_sides=not lasco.is_full(data.shape))
    mask = _grown(squares, MARGIN) & empty & ~unobserved
    # The rest of a mask of the calibration that is wider than its geometry is narrow
    mask = _parts(mask, lambda part: _any_phase(part, _LEAST_WIDTH, open_sides=False))
    if not mask.any():
        return mask
    between = obscured(data.shape, lasco, MARGIN) & ~obscured(data.shape, lasco)
    mask |= _grown(mask, MARGIN + 1) & between & empty
    return mask | (_mixed(data, mask, empty) & ~unobserved)


def _mixed(data, mask, empty):
    """Pixels next to a missing block that interpolation has mixed with it and made darker."""
    known = ~(_grown(mask, 3) | empty)
    dark = np.zeros_like(mask)
    if not known.any():
        return dark
    ring = _grown(mask, 2) & ~empty
    weight = ndimage.uniform_filter(known.astype(np.float32), 13)
    # Scaled to values near 1, for single precision
    scale = np.abs(data[known]).max()
    values = np.where(known, data / scale, 0).astype(np.float32)
    mean = ndimage.uniform_filter(values, 13)[ring] / np.maximum(weight[ring], 1e-6)
    dark[ring] = (weight[ring] > 0.01) & (data[ring] / scale < _DARKENING * mean)
    return dark if dark.sum() > _DARK_SHARE * ring.sum() else np.zeros_like(mask)


def _grown(pixels, width):
    return ndimage.maximum_filter(pixels, 2 * width + 1)


def mostly_lost(mask, unobserved):
    """
    Find missing pixels whose fill is little more than a guess: more than 160 pixels from the nearest valid pixel, or
    with more missing than valid pixels around.

    The surroundings of a pixel are a box that extends in each direction by the side of a square with the area of its
    cluster of missing blocks, and they have more missing than valid pixels if the missing ones exceed the valid ones by
    10 %. A single block of any size has three times its area of valid pixels around, a row of blocks more; half a frame
    has its own area, so that only the distance counts. Clusters are connected along the axes. Unobserved pixels and
    pixels outside of the image are neither missing nor valid.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        True in missing pixels, shape ``(ny, nx)``.
    unobserved : `numpy.ndarray` of `bool`
        True in other pixels without an observation.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``; False outside of ``mask``.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.lasco.missing_blocks import mostly_lost
    >>> unobserved = np.zeros((1024, 1024), dtype=bool)
    >>> block, half = unobserved.copy(), unobserved.copy()
    >>> block[32:64, 32:64] = half[:512] = True
    >>> bool(mostly_lost(block, unobserved).any()), int(mostly_lost(half, unobserved)[:, 0].sum())
    (False, 352)
    """
    labels, _ = ndimage.label(mask)
    radius = np.rint(np.sqrt(np.bincount(labels.ravel()))).astype(int)[labels[mask]]
    # Missing minus valid pixels of each box, from a table of cumulative sums
    valid = ~mask & ~unobserved
    excess = mask - _MAJORITY * valid
    sums = np.pad(excess.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (
        (np.maximum(place - radius, 0), np.minimum(place + radius + 1, length))
        for place, length in zip(np.nonzero(mask), mask.shape, strict=True)
    )
    result = np.zeros_like(mask)
    result[mask] = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0
    if valid.any() and mask.any():
        result |= mask & (ndimage.distance_transform_edt(~valid) > FARTHEST)
    return result
