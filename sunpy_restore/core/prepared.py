"""Maps as observations read them: real numbers in memory, and nothing of what a mask covers."""

import logging
import re
import warnings
from numbers import Real

import numpy as np

from sunpy.map import GenericMap

from sunpy_restore.core.maps import with_data

__all__ = ["check_header", "in_memory", "refuse_unknown_unit", "without_masked_values"]

_NUMBER = re.compile(
    r"naxis[12]|(crpix|crval|cdelt|crota)[12]|(pc|cd)[12]_[12]|exptime|rsun_(obs|ref)|dsun_obs|(hgl|cr)[nt]_obs"
)
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
        units is no text, or the unit or the coordinates cannot be read.
    """
    for key, value in smap.meta.items():
        if _NUMBER.fullmatch(key) and not _is_number(value):
            raise ValueError(f"Found {key.upper()} = {value!r} in the header; expected a number. Correct the header.")
        if key in _TEXT and not isinstance(value, str):
            raise ValueError(f"Found {key.upper()} = {value!r} in the header; expected text. Correct the header.")
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
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(value))


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


def in_memory(value):
    """
    Load the data of Maps and Dask arrays into memory.

    Parameters
    ----------
    value : `~sunpy.map.GenericMap`, `list` or `tuple`, or anything else
        A Map, whose data may be a Dask array; a Dask array; several of them; or the value of another keyword.

    Returns
    -------
    `~sunpy.map.GenericMap`, `list` of them, or the same object
        The Map itself if its data are in memory, else a copy with `numpy.ndarray`.

    Raises
    ------
    TypeError
        The data are not real numbers.
    ValueError
        The data do not have two axes, or have no pixel.
    """
    if isinstance(value, list | tuple) and any(isinstance(one, GenericMap) or _is_lazy(one) for one in value):
        return [in_memory(one) for one in value]
    if not isinstance(value, GenericMap):
        return np.asarray(value) if _is_lazy(value) else value
    data = value.data
    if data.dtype.kind not in "biuf":
        raise TypeError(
            f"Found data of the type {data.dtype}; expected real numbers. Take the real part or the absolute value, or "
            "convert the data with astype(float)."
        )
    if data.ndim != 2 or 0 in data.shape:
        raise ValueError(f"Found data of the shape {data.shape}; expected an image with at least one pixel.")
    loaded = np.asarray(data)
    mask = None if value.mask is None else np.asarray(value.mask)
    if loaded is data and mask is value.mask:
        return value
    smap = with_data(value, loaded)
    smap.mask = mask
    return smap


def _is_lazy(value):
    return hasattr(value, "__dask_graph__") and hasattr(value, "shape")


def without_masked_values(smap):
    """
    Replace the values that the mask of a Map covers, so that nothing can depend on them.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map, with its data in memory. It is not changed.

    Returns
    -------
    `~sunpy.map.GenericMap`
        The Map itself if nothing or all of it is masked, else a copy with NaN in masked pixels, or 0 if the data are
        integers.
    """
    if smap.mask is None or not np.any(smap.mask) or np.all(smap.mask):
        return smap
    unknown = smap.data.dtype.type(np.nan if smap.data.dtype.kind == "f" else 0)
    return with_data(smap, np.where(smap.mask, unknown, smap.data))


def _quietly(smap):
    """The WCS of a Map, without what sunpy logs of the defaults in it."""
    log = logging.getLogger("sunpy")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        return smap.wcs
    finally:
        log.setLevel(level)
