"""What frames of the same coronagraph, taken before and after an image, tell of its missing blocks."""

import warnings

import numpy as np
from scipy import ndimage

from sunpy.map import GenericMap

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.filling import checked_hole, harmonic
from sunpy_restore.core.windows import damaged_windows
from sunpy_restore.inpainting.lasco.geometry import empty_pixels
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.temporal.registration import distances, placed
from sunpy_restore.inpainting.temporal.transients import blocks, remove_transients, remove_point_sources

__all__ = ["expected_from_neighbours", "temporal"]

_FAR = 24.0  # hours; the corona turns by 13 degrees in them
_UNLIKE = 0.25  # weight of a neighbour whose stray light and vignetting aren't those of the image
_BLOCK = 8  # pixels; the brightness is matched on means of such blocks
_FEWEST = 16  # blocks that do for a match
_ORDER = 3  # of the polynomial in the distance to the Sun that the ratio of two frames is
_PRIOR = 0.3  # how far a ratio bends, and an offset goes, if nothing tells; of the ratio and of the median
_HUBER = 1.345  # standard deviations
_FULL = 16383  # counts; the full scale of the cameras
_SMOOTH = 2.0  # pixels; standard deviation of what smooths the border of a hole
_MARGIN = 16  # pixels around a hole that its border is smoothed with


def expected_from_neighbours(smap, neighbours, *, valid, invalid=None):
    """
    What frames before and after an image let expect at its time.

    Stars and cosmic rays are taken out of each neighbour. It is brought to the image's pixels and its brightness
    matched to that of the valid pixels: by an offset and a ratio that may bend with the distance to the Sun. Between a
    frame before and one after, the result is linear in time.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image, shape ``(ny, nx)``.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of them
        Frames of the same detector, filter and polariser, of any exposure time, binning or field.
    valid : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True for the good pixels of the image.
    invalid : `list` of `numpy.ndarray` of `bool`, optional
        For each neighbour True where it shows nothing, in its own shape, or `None`. What holds no value, and what is
        masked in its Map, never counts.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(ny, nx)``, in the unit of the image; NaN where no neighbour shows anything.

    Raises
    ------
    TypeError
        Something is no Map of LASCO; ``valid`` or ``invalid`` is not boolean.
    ValueError
        A neighbour is of another detector, filter or polariser, has no time, or the time or the file name of the image;
        or was inpainted itself; no neighbours; arrays of other shapes.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        A neighbour is more than a day away, which also lowers its weight; or it has too little in common with the image
        to match its brightness, and is left out.

    Notes
    -----
    Pointing and roll are those of the headers. Where they agree, pixels are compared as they are, which keeps
    vignetting and stray light in their place. A neighbour of another roll is turned about the Sun, has less weight, and
    shows nothing in the shadows of either frame's occulter and pylon. One of another level has less weight, too: in
    vignetting and stray light the two differ by more than the ratio can follow. The corona is no surface, so that
    its rotation is no map from pixel to pixel: it is left to the interpolation in time.
    """
    neighbours = [neighbours] if isinstance(neighbours, GenericMap) else neighbours
    if not isinstance(neighbours, (list, tuple)):
        raise TypeError(f"Found neighbours of type {type(neighbours).__name__}, expected a Map, or a list of Maps.")
    if not neighbours:
        raise ValueError("Found no neighbours, expected at least one Map. Leave them out if there is none.")
    invalid = [None] * len(neighbours) if invalid is None else invalid
    if len(invalid) != len(neighbours):
        raise ValueError(f"Found {len(invalid)} arrays of invalid pixels, expected {len(neighbours)}, one a neighbour.")
    lasco = check_lasco(smap)
    of_neighbours = [_checked(neighbour, smap, index) for index, neighbour in enumerate(neighbours)]
    hours = [_hours_after(smap, neighbour, index) for index, neighbour in enumerate(neighbours)]
    valid = _flags(valid, smap.data.shape, "valid")
    image = np.where(valid & np.isfinite(smap.data), smap.data, np.nan) - lasco.bias
    radius = distances(smap)
    frames = []
    for index, (neighbour, own, bad, hour) in enumerate(zip(neighbours, of_neighbours, invalid, hours, strict=True)):
        seen = remove_point_sources(_seen(neighbour, own, bad))
        on_image, turned = placed(seen, (neighbour, own), (smap, lasco))
        matched = _matched(on_image, image, radius)
        if matched is None:
            _warn(
                f"Neighbour {index} shows too little of what is valid in the image to match its brightness: left out."
            )
            continue
        weight = _UNLIKE if turned or own.level != lasco.level else 1.0
        frames.append((matched, hour, weight * min(1.0, _FAR / abs(hour)) ** 2))
    if not frames:
        return np.full(image.shape, np.nan)
    images, hours, weights = (np.array(part) for part in zip(*frames, strict=True))
    return lasco.bias + _at_time(remove_transients(images), hours, weights)


def temporal(image, mask, expected):
    """
    Fill holes with what is expected in them, made continuous with their surroundings.

    The difference between image and expectation is continued into the holes as the surface of a soap film, see
    `~sunpy_restore.core.filling.harmonic`, from borders that are smoothed a little against noise.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; not finite where nothing is known and nothing wanted. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.
    expected : `numpy.ndarray`
        As `expected_from_neighbours` gives it. Pixels to fill where it is NaN get the harmonic fill.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Other pixels keep their values.

    Raises
    ------
    TypeError
        The mask is not boolean.
    ValueError
        Another shape, or no valid pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.temporal.neighbours import temporal
    >>> expected = np.tile([10.0, 20.0, 50.0, 20.0, 10.0], (5, 1))
    >>> hole = np.zeros((5, 5), dtype=bool)
    >>> hole[2, 1:4] = True
    >>> temporal(np.where(hole, 0, expected + 3), hole, expected)[2]
    array([13., 23., 53., 23., 13.])
    """
    mask = checked_hole(image, mask)
    if expected.shape != mask.shape:
        raise ValueError(f"Found an expectation of shape {expected.shape}, expected {mask.shape}, that of the image.")
    filled = np.array(image, dtype=float)
    difference = np.where(mask, np.nan, filled - expected)
    for window in damaged_windows(mask & np.isfinite(expected), _MARGIN):
        own = window.own
        filled[window.place][own] = (expected[window.place] + _film(difference[window.place], own))[own]
    rest = mask & ~np.isfinite(expected)
    known = np.where(rest, np.nan, filled)
    for window in damaged_windows(rest, 1):
        hole = ~np.isfinite(known[window.place])
        if hole.all():
            # Nothing within reach: across all that is not known, to the nearest of what is
            return np.where(mask, harmonic(known, ~np.isfinite(known)), filled)
        filled[window.place][window.own] = harmonic(known[window.place], hole)[window.own]
    return filled


def _film(difference, own):
    """The difference, smoothed where it is known and continued where it is not."""
    known = np.isfinite(difference)
    if not known.any():
        return np.zeros(difference.shape)
    # Stars at the border of a hole aren't to be drawn out into it
    calm = np.where(known, remove_point_sources(difference), 0)
    share = ndimage.gaussian_filter(known.astype(float), _SMOOTH)
    return harmonic(ndimage.gaussian_filter(calm, _SMOOTH) / np.maximum(share, 1e-9), ~known)


def _warn(text):
    warnings.warn(text, RestoreWarning, stacklevel=4)


def _checked(neighbour, smap, index):
    """What a neighbour is; refused if it is of another kind than the image."""
    try:
        lasco = check_lasco(neighbour)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Neighbour {index}: {error}") from error
    for key in ("detector", "filter", "polar"):
        found, expected = (str(one.meta.get(key) or "").strip() for one in (neighbour, smap))
        if found.lower() != expected.lower():
            raise ValueError(
                f"Found neighbour {index} with {key.upper()} = {found!r}, expected {expected!r}, that of the image."
            )
    return lasco


def _hours_after(smap, neighbour, index):
    """Hours from the image to a neighbour, which is refused if it is the image itself."""
    for name, one in (("the image", smap), (f"neighbour {index}", neighbour)):
        if not any(one.meta.get(key) for key in ("date-obs", "date_obs")):
            raise ValueError(f"Found {name} without DATE-OBS, expected the time of its exposure to be known.")
    hours = (neighbour.date - smap.date).to_value("hour")
    name = smap.meta.get("filename")
    if abs(hours) < 1 / 3600 or (name and name == neighbour.meta.get("filename")):
        raise ValueError(
            f"Found neighbour {index} to be the image of {smap.date.isot} itself, expected a frame before or after it."
        )
    if abs(hours) > _FAR:
        _warn(
            f"Neighbour {index} was taken {abs(hours):.0f} hours from the image. The corona changes within a day: give "
            "closer ones if there are any."
        )
    return hours


def _flags(flags, shape, name):
    flags = np.asarray(flags)
    if flags.dtype != bool:
        raise TypeError(f"Found {name} to be of type {flags.dtype}, expected a boolean array.")
    if flags.shape != shape:
        raise ValueError(f"Found {name} of shape {flags.shape}, expected {shape}, that of its Map.")
    return flags


def _seen(neighbour, lasco, invalid):
    """The data of a neighbour without its bias, NaN where they show nothing."""
    data = neighbour.data
    empty = empty_pixels(data, lasco)
    if invalid is not None:
        empty |= _flags(invalid, data.shape, "invalid")
    if neighbour.mask is not None:
        empty |= neighbour.mask
    if lasco.level < 1:
        empty |= data >= _FULL * lasco.binning**2
    return np.where(empty, np.nan, data) - lasco.bias


def _matched(theirs, image, radius):
    """A neighbour in the brightness of the image; `None` where too few pixels show both."""
    both = np.isfinite(theirs) & np.isfinite(image)
    means = [blocks(np.where(both, part, np.nan), _BLOCK).mean(axis=-1) for part in (theirs, image, radius)]
    x, y, far = (part[np.isfinite(means[0])] for part in means)
    if len(x) < _FEWEST:
        return None
    level, ratio = np.median(np.abs(y)), np.median(y) / np.median(x)
    centre, reach = (far.max() + far.min()) / 2, max((far.max() - far.min()) / 2, 1.0)
    # Two frames differ by a share of their brightness, rather than by counts; what is bright in one alone pulls less
    weight = 1 / np.maximum(np.maximum(np.abs(y), np.abs(ratio * x)), level / 10)
    bends = np.polynomial.chebyshev.chebvander((far - centre) / reach, _ORDER)
    columns = np.column_stack([bends * ratio * x[:, None], np.full(len(x), level)]) * weight[:, None]
    *bend, offset = _robust_fit(columns, (y - ratio * x) * weight)
    bend[0] += 1
    bent = np.polynomial.chebyshev.chebval(np.clip((radius - centre) / reach, -1, 1), bend)
    return ratio * bent * theirs + level * offset


def _robust_fit(columns, wanted):
    """Least squares after Huber, with small coefficients where nothing tells."""
    solution = np.zeros(columns.shape[1])
    for _ in range(20):
        residual = np.abs(wanted - columns @ solution)
        spread = max(1.4826 * np.median(residual), 1e-9)
        weight = 1 / np.maximum(residual / (_HUBER * spread), 1)
        prior = (spread / _PRIOR) ** 2 * np.eye(len(solution))
        solution = np.linalg.solve((columns.T * weight) @ columns + prior, columns.T @ (weight * wanted))
    return solution


def _at_time(images, hours, weights):
    """Frames interpolated to hour 0: between the mean of those before it and of those after it, or one of the two."""
    sides = []
    for side in (hours < 0, hours > 0):
        away = np.abs(hours[side])[:, None, None]
        seen = np.isfinite(images[side])
        share = seen * weights[side][:, None, None] / away
        total = share.sum(axis=0)
        some = np.maximum(total, 1e-30)
        mean = (np.where(seen, images[side], 0) * share).sum(axis=0) / some
        # Weight over distance in time is what makes two frames an interpolation that is linear in time
        distance = (share * away).sum(axis=0) / some
        quality = (share * weights[side][:, None, None]).sum(axis=0) / some
        sides.append((mean, quality / np.where(total > 0, distance, 1)))
    total = sides[0][1] + sides[1][1]
    with np.errstate(invalid="ignore"):
        return sum(mean * weight for mean, weight in sides) / np.where(total > 0, total, np.nan)
