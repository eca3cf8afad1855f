"""Maps as observations read them: real numbers in memory, and nothing of what a mask covers."""

import copy
import logging
import math
import re
import warnings
from numbers import Real

import numpy as np

from sunpy.map import GenericMap

from sunpy_restore.core.images.maps import with_data

__all__ = ["check_header", "in_memory", "is_lazy", "refuse_unknown_unit", "without_masked_values"]

_NUMBER = re.compile(
    r"naxis[12]|(crpix|crval|cdelt|crota)[12]|(pc|cd)[12]_[12]|exptime|rsun_(obs|ref)|dsun_obs|(hgl|cr)[nt]_obs"
)
_FARTHEST = 1e6
"""Largest distance of the reference pixel from the image, in pixels, at which positions are still exact."""
_LARGEST = 1e30
"""Largest absolute value of a pixel, in any unit."""
_TEXT = frozenset("telescop instrume detector content ctype1 ctype2 cunit1 cunit2 bunit pixlunit date-obs".split())


def check_header(smap):
    """
    Refuse a Map whose header sunpy cannot read.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Raises
    ------
    ValueError
        A keyword of the coordinates, the exposure or the observer is not a finite number, one of the instrument or the
        units is no text, the reference pixel is more than a million pixels away, or the unit or the coordinates cannot
        be read.
    """
    for key, value in smap.meta.items():
        if _NUMBER.fullmatch(key) and not _is_number(value):
            raise ValueError(f"Found {key.upper()} = {value!r} in the header; expected a number. Correct the header.")
        if key in _TEXT and not isinstance(value, str):
            raise ValueError(f"Found {key.upper()} = {value!r} in the header; expected text. Correct the header.")
        if key in ("crpix1", "crpix2") and abs(value) > _FARTHEST:
            raise ValueError(
                f"Found {key.upper()} = {value!r} in the header; expected a reference pixel within {_FARTHEST:.0e} "
                "pixels of the image. Correct the header."
            )
    for name, read in _READ.items():
        try:
            with warnings.catch_warnings():
                # Whoever needs the values is warned when they are read again
                warnings.simplefilter("ignore")
                read(smap)
        # sunpy and astropy do not say how they fail
        except Exception as error:
            raise ValueError(
                f"Found a header whose {name} cannot be read ({' '.join(str(error).split())}); expected that of the "
                "instrument's file. Correct the header."
            ) from error


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:
        # An integer that is beyond floating-point numbers
        return False


_READ = {
    "unit": lambda smap: smap.unit,
    "coordinates": lambda smap: (smap.scale, smap.reference_pixel, _quietly(smap), smap.coordinate_system),
    "date": lambda smap: smap.date,
}


def refuse_unknown_unit(smap, expected):
    """
    Refuse a Map whose unit sunpy ignores, because it cannot read it.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    expected : `str`
        What the unit should be, for the message.

    Raises
    ------
    ValueError
        The header has a unit, and the Map has none.
    """
    text = str(smap.meta.get("bunit", "")).strip()
    if smap.unit is None and text:
        raise ValueError(
            f"Found BUNIT = {text!r}, which is not a unit that sunpy can read; expected {expected}. Correct BUNIT in "
            "the header, and the data if they are scaled."
        )


def in_memory(value, kinds="biuf"):
    """
    Load the data of Maps and Dask arrays into memory.

    Parameters
    ----------
    value : `~sunpy.map.GenericMap`, `list` or `tuple`, or anything else
        A Map, whose data may be a Dask array; a Dask array; several of them; or the value of another keyword.
    kinds : `str`
        Accepted kinds of the data types of Maps, as in `numpy.dtype.kind`. Masks may be boolean, images may not.

    Returns
    -------
    `~sunpy.map.GenericMap`, `list` of them, or the same object
        The Map itself if its data are in memory, else a copy with `numpy.ndarray`, its mask and its uncertainty.

    Raises
    ------
    TypeError
        The data are not real numbers, or the mask of a Map is neither boolean nor numbers.
    ValueError
        The data do not have two axes, or have no pixel; or the mask of a Map has another shape.
    """
    if isinstance(value, list | tuple) and any(isinstance(one, GenericMap) or is_lazy(one) for one in value):
        return [in_memory(one, kinds) for one in value]
    if not isinstance(value, GenericMap):
        return np.asarray(value) if is_lazy(value) else value
    data = value.data
    if data.dtype.kind not in kinds:
        raise TypeError(
            f"Found data of the type {data.dtype}; expected real numbers. Take the real part or the absolute value, or "
            "convert the data with astype(float)."
        )
    if data.ndim != 2 or 0 in data.shape:
        raise ValueError(
            f"Found data of the shape {data.shape}; expected an image with at least one pixel. Select one image."
        )
    loaded = np.asarray(data)
    mask = None if value.mask is None else _flags(value.mask, data.shape)
    if loaded is data and mask is value.mask:
        return value
    smap = with_data(value, loaded)
    smap.mask, smap.uncertainty = mask, copy.deepcopy(value.uncertainty)
    return smap


def _flags(mask, shape):
    """The mask of a Map as a boolean array."""
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf":
        raise TypeError(
            f"Found a mask of the type {mask.dtype} in the Map; expected a boolean one. Set the mask of the Map anew."
        )
    if mask.shape not in (shape, ()):
        raise ValueError(
            f"Found a mask of shape {mask.shape} in the Map; expected {shape}, that of its data. Set the mask of the "
            "Map anew."
        )
    return mask if mask.dtype == bool else mask != 0


def is_lazy(value):
    """
    Whether a value is a Dask array.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    `bool`
    """
    return hasattr(value, "__dask_graph__") and hasattr(value, "shape")


def without_masked_values(smap):
    """
    Replace values that the mask of a Map covers, or that are too large for an image, so that nothing depends on them.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map, with its data in memory. It is not changed.

    Returns
    -------
    `~sunpy.map.GenericMap`
        The Map itself if there is nothing to replace or all of it is masked, else a copy with NaN in masked pixels and
        where the absolute value is larger than 1e30, or with 0 in masked pixels if the data are integers.
    """
    unused = np.zeros(smap.data.shape, dtype=bool)
    if smap.mask is not None and not np.all(smap.mask):
        unused |= smap.mask
    if smap.data.dtype.kind == "f" and smap.data.dtype.itemsize > np.dtype("f2").itemsize:
        # Methods compute in single precision; half precision has no such values
        unused |= np.abs(smap.data) > _LARGEST
    if not unused.any():
        return smap
    unknown = smap.data.dtype.type(np.nan if smap.data.dtype.kind == "f" else 0)
    return with_data(smap, np.where(unused, unknown, smap.data))


def _quietly(smap):
    """The WCS of a Map, without what sunpy logs of the defaults in it."""
    log = logging.getLogger("sunpy")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        return smap.wcs
    finally:
        log.setLevel(level)
