"""Prediction of an image from images of the same coronagraph taken before and after it."""

import numpy as np

from sunpy.map import GenericMap

from sunpy_restore.core.messages import warn_user
from sunpy_restore.inpainting.corona.transients import remove_point_sources, remove_transients
from sunpy_restore.inpainting.lasco.geometry import empty_pixels
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.temporal.matching import match_brightness
from sunpy_restore.inpainting.temporal.registration import aligned, distances

__all__ = ["SIMULTANEOUS", "check_neighbours", "expected_from_neighbours", "has_time", "kind_of"]

SIMULTANEOUS = 1 / 3600
"""Hours; images that are closer in time are the same image."""

_KIND = ("detector", "filter", "polar")
_FAR = 24.0  # hours, in which the corona rotates by 13 degrees
_OTHER_CALIBRATION = 0.25  # weight of a neighbour with other stray light and vignetting than the image
_SATURATION = 16383  # counts of the cameras


def check_neighbours(smap, neighbours):
    """
    Refuse neighbours that do not belong to an image.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of them
        Images of the same detector, filter and polariser.

    Returns
    -------
    `list` of `~sunpy.map.GenericMap`
        The neighbours.

    Raises
    ------
    TypeError
        A neighbour is not a Map of LASCO.
    ValueError
        There are no neighbours, or one is of another detector, filter or polariser, has no time, has the time or the
        file name of the image, or was inpainted itself.
    """
    neighbours = [neighbours] if isinstance(neighbours, GenericMap) else neighbours
    if not isinstance(neighbours, (list, tuple)):
        raise TypeError(f"Found neighbours of type {type(neighbours).__name__}; expected a Map, or a list of Maps.")
    if not neighbours:
        raise ValueError("Found no neighbours; expected at least one Map. Leave them out if there is none.")
    for index, neighbour in enumerate(neighbours):
        _check_kind(neighbour, smap, index)
        _check_time(neighbour, smap, index)
    return list(neighbours)


def expected_from_neighbours(smap, neighbours, *, valid, invalid=None, left_out=()):
    """
    Predict the image from the images taken before and after it.

    Stars and cosmic rays are removed from each neighbour. The neighbour is aligned with the image, and its brightness
    is matched to that of the valid pixels by an offset and a ratio that depends on the distance to the Sun. Between an
    image before and one after, the prediction is linear in time.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image, shape ``(ny, nx)``.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of them
        Images of the same detector, filter and polariser, with any exposure time, binning or field of view.
    valid : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True for the valid pixels of the image.
    invalid : `list` of `numpy.ndarray` of `bool`, optional
        For each neighbour an array that is True in invalid pixels, in its own shape, or `None`. Pixels without data,
        and pixels that are masked in its Map, are always invalid.
    left_out : collection of `int`
        Indices of neighbours that are not used.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(ny, nx)``, in the unit of the image; NaN without a valid neighbour.

    Raises
    ------
    TypeError
        A neighbour is not a Map of LASCO; ``valid`` or ``invalid`` is not boolean.
    ValueError
        See `check_neighbours`; also arrays of other shapes.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        A neighbour is more than a day away, which also lowers its weight; or it has too few pixels in common with the
        image to match its brightness, and is left out.

    Notes
    -----
    Pointing and roll angle are those of the headers. Where they agree, the pixels are compared without resampling,
    which keeps vignetting and stray light in place. A neighbour with another roll angle is rotated about the Sun, has
    less weight, and has no data in the shadows of the occulter and the pylon of either image. A neighbour of another
    level has less weight, too, because the ratio does not follow the differences in vignetting and stray light. The
    solar rotation is not corrected: the optically thin corona does not rotate like a surface, and the interpolation in
    time covers it.
    """
    neighbours = check_neighbours(smap, neighbours)
    invalid = [None] * len(neighbours) if invalid is None else invalid
    if len(invalid) != len(neighbours):
        raise ValueError(
            f"Found {len(invalid)} arrays of invalid pixels; expected {len(neighbours)}, one for each neighbour."
        )
    lasco = check_lasco(smap)
    valid = _flags(valid, smap.data.shape, "valid")
    image = np.where(valid & np.isfinite(smap.data), smap.data, np.nan) - lasco.bias
    radius = distances(smap)
    images = []
    for index, (neighbour, bad) in enumerate(zip(neighbours, invalid, strict=True)):
        if index in left_out:
            continue
        own, hour = check_lasco(neighbour), _hours_after(smap, neighbour, index)
        calm = remove_point_sources(_observed(neighbour, own, bad))
        on_image, turned = aligned(calm, (neighbour, own), (smap, lasco))
        matched = match_brightness(on_image, image, radius)
        if matched is None:
            warn_user(f"Neighbour {index + 1} has too few valid pixels in common with the image and is left out.")
            continue
        weight = _OTHER_CALIBRATION if turned or own.level != lasco.level else 1.0
        images.append((matched, hour, weight * min(1.0, _FAR / abs(hour)) ** 2))
    if not images:
        return np.full(image.shape, np.nan)
    images, hours, weights = (np.array(part) for part in zip(*images, strict=True))
    return lasco.bias + _at_time(remove_transients(images), hours, weights)


def kind_of(smap):
    """
    Detector, filter and polariser of an image, in lower case.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.

    Returns
    -------
    `tuple` of `str`
    """
    return tuple(str(smap.meta.get(key) or "").strip().lower() for key in _KIND)


def has_time(smap):
    """
    Whether the header of an image contains the time of its exposure.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.

    Returns
    -------
    `bool`
    """
    return any(smap.meta.get(key) for key in ("date-obs", "date_obs"))


def _check_kind(neighbour, smap, index):
    """Refuse a neighbour of another kind than the image, or one that was inpainted."""
    try:
        check_lasco(neighbour)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Neighbour {index + 1}: {error}") from error
    for key in _KIND:
        found, expected = (str(one.meta.get(key) or "").strip() for one in (neighbour, smap))
        if found.lower() != expected.lower():
            raise ValueError(
                f"Found neighbour {index + 1} with {key.upper()} = {found!r}; expected {expected!r} as in the image."
            )
    if neighbour.meta.get("rsttask"):
        raise ValueError(
            f"Found neighbour {index + 1} with RSTTASK = {neighbour.meta['rsttask']!r}: it was restored already; "
            "expected an observed image. Use the original file."
        )


def _check_time(neighbour, smap, index):
    """Refuse a neighbour without a time, or one that is the image itself."""
    for name, one in (("the image", smap), (f"neighbour {index + 1}", neighbour)):
        if not has_time(one):
            raise ValueError(f"Found {name} without DATE-OBS; expected the time of the exposure in the header.")
    hours, name = _hours(smap, neighbour), smap.meta.get("filename")
    if abs(hours) < SIMULTANEOUS or (name and name == neighbour.meta.get("filename")):
        raise ValueError(
            f"Found neighbour {index + 1} to be the image of {smap.date.isot} itself; expected an image before or "
            "after it."
        )


def _hours(smap, neighbour):
    return (neighbour.date - smap.date).to_value("hour")


def _hours_after(smap, neighbour, index):
    """Hours from the image to a neighbour, with a warning if it is far."""
    hours = _hours(smap, neighbour)
    if abs(hours) > _FAR:
        warn_user(
            f"Neighbour {index + 1} was taken {abs(hours):.0f} hours from the image. The corona changes within a day; "
            "use images closer in time if there are any."
        )
    return hours


def _flags(flags, shape, name):
    flags = np.asarray(flags)
    if flags.dtype != bool:
        raise TypeError(f"Found {name} of type {flags.dtype}; expected a boolean array.")
    if flags.shape != shape:
        raise ValueError(f"Found {name} of shape {flags.shape}; expected {shape}, the shape of its Map.")
    return flags


def _observed(neighbour, lasco, invalid):
    """The data of a neighbour without the bias, NaN in invalid pixels."""
    data = neighbour.data
    empty = empty_pixels(data, lasco)
    if invalid is not None:
        empty |= _flags(invalid, data.shape, "invalid")
    if neighbour.mask is not None:
        empty |= neighbour.mask
    if lasco.level < 1:
        empty |= data >= _SATURATION * lasco.binning**2
    return np.where(empty, np.nan, data) - lasco.bias


def _at_time(images, hours, weights):
    """Images interpolated to hour 0, between the means of those before and of those after, or one of the two."""
    sides = []
    for side in (hours < 0, hours > 0):
        away = np.abs(hours[side])[:, None, None]
        seen = np.isfinite(images[side])
        share = seen * weights[side][:, None, None] / away
        total = share.sum(axis=0)
        some = np.maximum(total, 1e-30)
        mean = (np.where(seen, images[side], 0) * share).sum(axis=0) / some
        # The weight over the distance in time makes the combination of two images linear in time
        distance = (share * away).sum(axis=0) / some
        quality = (share * weights[side][:, None, None]).sum(axis=0) / some
        sides.append((mean, quality / np.where(total > 0, distance, 1)))
    total = sides[0][1] + sides[1][1]
    with np.errstate(invalid="ignore"):
        return sum(mean * weight for mean, weight in sides) / np.where(total > 0, total, np.nan)
