"""Fields of view of images on the Sun: whether two images show the same field, or have nothing in common."""

import numpy as np

from astropy.wcs import WCS

__all__ = ["ROTATION", "coordinates_in", "corners_of", "hours_between", "same_field", "separate_fields"]

ROTATION = 10.0
"""Arcsec per hour by which the Sun turns at disk centre."""

_POINTING = 2.0  # arcsec by which images of one field may differ; no more than the margin of any task
_UNCERTAINTY = 60.0  # arcsec, of the pointing in headers of different telescopes
_ARCSEC = 3600.0


def coordinates_in(header):
    """
    Keywords of the coordinates of an image, for `astropy.wcs.WCS`.

    Parameters
    ----------
    header : mapping
        FITS keywords.

    Returns
    -------
    `dict`
        Those in the header, with the units in lower case.
    """
    keys = ("CTYPE", "CUNIT", "CDELT", "CRPIX", "CRVAL", "CROTA")
    names = [f"{key}{axis}" for key in keys for axis in (1, 2)]
    names += [f"{key}{row}_{column}" for key in ("CD", "PC") for row in (1, 2) for column in (1, 2)]
    found = {name: header[name] for name in names if name in header}
    return found | {name: str(found[name]).lower() for name in ("CUNIT1", "CUNIT2") if name in found}


def corners_of(header, shape):
    """
    Coordinates of three corners of an image.

    Parameters
    ----------
    header : mapping
        FITS keywords.
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.

    Returns
    -------
    `tuple` of three pairs of `float`, or `None`
        Helioprojective x and y in arcsec at the lower left, lower right and upper left; `None` if the header has none.
    """
    if not all(str(header.get(f"CTYPE{axis}") or "").upper().startswith("HP") for axis in (1, 2)):
        return None
    if not all(f"{key}{axis}" in header for key in ("CRPIX", "CRVAL") for axis in (1, 2)):
        return None
    ny, nx = shape
    try:
        world = WCS(coordinates_in(header), naxis=2).wcs_pix2world([(0, 0), (nx - 1, 0), (0, ny - 1)], 0)
    # astropy raises errors of many kinds for headers without coordinates
    except Exception:  # noqa: BLE001
        return None
    world[:, 0] = (world[:, 0] + 180) % 360 - 180
    return tuple((float(x), float(y)) for x, y in np.round(_ARCSEC * world, 2)) if np.isfinite(world).all() else None


def same_field(one, other):
    """
    Whether two images show the same field in the same orientation, as far as their coordinates are known.

    Parameters
    ----------
    one, other : `~sunpy_restore.core.datasets.item.Item`
        Images of one shape. The later one may follow the solar rotation.

    Returns
    -------
    `bool`
        Also true if the coordinates of one of them are unknown.
    """
    if one.corners is None or other.corners is None:
        return True
    hours = hours_between(one, other)
    if hours < 0:
        one, other, hours = other, one, -hours
    dx, dy = np.subtract(other.corners, one.corners).T
    return bool(
        (np.abs(dy) <= _POINTING).all() and (dx >= -_POINTING).all() and (dx <= _POINTING + ROTATION * hours).all()
    )


def separate_fields(one, other):
    """
    Whether two images have no place on the Sun in common.

    Parameters
    ----------
    one, other : `~sunpy_restore.core.datasets.item.Item`
        The images.

    Returns
    -------
    `bool`
        False if the coordinates of one of them are unknown.
    """
    if one.corners is None or other.corners is None:
        return False
    (low, high), (least, most) = _box(one), _box(other)
    distance = np.maximum(least - high, low - most).max()
    return bool(distance > _UNCERTAINTY + ROTATION * abs(hours_between(one, other)))


def _box(item):
    left, right, top = np.array(item.corners)
    points = np.array([left, right, top, right + top - left])
    return points.min(axis=0), points.max(axis=0)


def hours_between(one, other):
    """
    Time from one image to another.

    Parameters
    ----------
    one, other : `~sunpy_restore.core.datasets.item.Item`
        The images.

    Returns
    -------
    `float`
        Hours, negative if the other one is earlier; 0 if a time is unknown.
    """
    if one.time is None or other.time is None:
        return 0.0
    return float((np.datetime64(other.time, "ms") - np.datetime64(one.time, "ms")).astype(np.int64)) / 3.6e6
