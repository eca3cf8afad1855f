"""Which pixels of an image were filled: a record in its header, which stays true when the image is cut or resampled."""

import copy

import ndcube
import numpy as np
from ndcube.wcs.wrappers import ResampledLowLevelWCS

from astropy.wcs.utils import pixel_to_pixel
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from sunpy.map import GenericMap, MapSequence

from sunpy_restore.core.images.flags import AnyWithin, PixelGrid, from_text, moved, to_text

__all__ = ["FILLED_KEYWORD", "filled", "in_base", "record_filled", "record_filled_cube", "without_long_record"]

FILLED_KEYWORD = "rstfill"
"""Keyword of the record in the header, in lower case."""

_COUNT_KEYWORD = "rstnfill"  # written by sunpy_restore.save
# Characters; astropy needs a second to read 10 times as many in a header.
_LONGEST_RECORD = 2**16
_ORIGIN = ("telescop", "obsrvtry", "instrume", "detector", "restored", "rstsynth")


def filled(image, *, onto=None):
    """
    Find the pixels that were filled, whose values are not observed.

    `~sunpy_restore.desaturate` and `~sunpy_restore.inpaint` record in the header which pixels they have filled
    (``RSTFILL``). The record follows the image through ``submap``, ``superpixel``, ``resample``, ``rotate``, copies,
    arithmetic and files.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images, restored or not.
    onto : `~sunpy.map.GenericMap`, optional
        Another Map of the same region, for example the result of `~sunpy.map.GenericMap.reproject_to`, whose new header
        has no record. The filled pixels of ``image``, which is one Map, are found on its pixel grid.

    Returns
    -------
    `numpy.ndarray` of `bool`, or `list` of them
        True where a pixel was filled, in the shape of the data. After the pixels have been resampled or reprojected, a
        pixel is filled if any part of it was filled, or any pixel from which it was interpolated. A list for several
        Maps.

    Raises
    ------
    TypeError
        ``image`` or ``onto`` is of another type.
    ValueError
        The record is lost: the file was saved by `sunpy_restore.save`, with a record too long for a header, and not
        opened by `sunpy_restore.load`; or the header names no instrument, as after ``reproject_to``.

    See Also
    --------
    sunpy_restore.save

    Notes
    -----
    The pixel grid is followed by ``CRPIX``, ``CDELT`` and the rotation. A new pointing in the header of a restored
    image moves no pixel and is recognised as long as the image has its full size: correct the pointing, then cut.

    Examples
    --------
    >>> import astropy.units as u
    >>> import sunpy.map
    >>> from sunpy_restore import desaturate, filled
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("aia_193_flare"))
    >>> restored = desaturate(observed, method="biharmonic")
    >>> bool((restored.data == observed.data)[~filled(restored)].all())
    True
    >>> part = restored.submap([40, 60] * u.pix, top_right=[139, 159] * u.pix)
    >>> bool((filled(part) == filled(restored)[60:160, 40:140]).all())
    True
    """
    if onto is not None:
        return _onto(image, onto)
    if isinstance(image, GenericMap):
        flags = _recorded(image.meta, _map_grid(image))
        return np.zeros(image.data.shape, dtype=bool) if flags is None else flags[0]
    if isinstance(image, ndcube.NDCube):
        meta = {str(key).lower(): value for key, value in (image.meta or {}).items()}
        flags = _recorded(meta, _cube_grid(image)) if FILLED_KEYWORD in meta else None
        return np.zeros(image.data.shape, dtype=bool) if flags is None else flags.reshape(image.data.shape)
    if isinstance(image, list | tuple | MapSequence):
        return [filled(smap) for smap in image]
    raise TypeError(f"Found {type(image).__name__}; expected a sunpy Map, a list of Maps, a MapSequence or an NDCube.")


def record_filled(smap, flags):
    """
    Record in the header of a Map which pixels were filled.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map, whose ``meta`` is changed.
    flags : `numpy.ndarray` of `bool`
        True where a pixel was filled, in the shape of the Map.
    """
    smap.meta[FILLED_KEYWORD] = to_text(flags[np.newaxis], _map_grid(smap))


def record_filled_cube(cube, flags):
    """
    Record in the ``meta`` of a cube which pixels were filled.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        Cube with axes (y, x) or (time, y, x), whose ``meta`` is changed.
    flags : `numpy.ndarray` of `bool`
        True where a pixel was filled, in the shape of the cube.
    """
    grid = _cube_grid(cube)
    names = {str(key).lower(): key for key in cube.meta}
    in_capitals = any(str(key).isupper() for key in cube.meta)
    name = names.get(FILLED_KEYWORD, FILLED_KEYWORD.upper() if in_capitals else FILLED_KEYWORD)
    cube.meta[name] = to_text(flags.reshape(grid.shape), grid)


def without_long_record(meta):
    """
    Leave out a record of the filled pixels that is too long for a FITS header.

    Parameters
    ----------
    meta : `dict`, `~sunpy.util.MetaDict`, `~ndcube.meta.NDMeta` or `~astropy.io.fits.Header`
        The header. It is not changed.

    Returns
    -------
    Same kind as ``meta``
        The header itself, if it has no such record.
    """
    name = next((key for key in meta if str(key).lower() == FILLED_KEYWORD), None)
    if name is None or len(meta[name]) <= _LONGEST_RECORD:
        return meta
    meta = copy.copy(meta)
    del meta[name]
    return meta


def _recorded(meta, grid):
    """The flags on a pixel grid; `None` if nothing was filled."""
    if FILLED_KEYWORD in meta:
        flags, old = from_text(meta[FILLED_KEYWORD])
        return moved(flags, old, grid)
    if meta.get(_COUNT_KEYWORD):
        raise ValueError(
            f"Found {_COUNT_KEYWORD.upper()} = {meta[_COUNT_KEYWORD]}, but no {FILLED_KEYWORD.upper()}: the filled "
            "pixels are in an extension of the file. Open it with sunpy_restore.load."
        )
    if not any(meta.get(key) for key in _ORIGIN):
        raise ValueError(
            "Found a header that names no instrument, as after reproject_to; whether pixels were filled is not known. "
            "Use filled(restored, onto=this_map) with the Map that was reprojected."
        )
    return None


def _onto(image, target):
    for smap in (image, target):
        if not isinstance(smap, GenericMap):
            raise TypeError(f"Found {type(smap).__name__}; expected two Maps, filled(restored, onto=other).")
    flags = filled(image)
    y, x = np.indices(target.data.shape, dtype=float)
    x, y = pixel_to_pixel(target.wcs, image.wcs, x, y)
    # Pixels of the image per pixel of the target
    sizes = [np.add(*(np.abs(_gradient(place, axis)) for axis in (0, 1))) for place in (x, y)]
    return AnyWithin(flags)(x, y, *(np.maximum(1, np.nan_to_num(size) / 2 + 0.5) for size in sizes))


def _gradient(image, axis):
    return np.gradient(image, axis=axis) if image.shape[axis] > 1 else np.ones_like(image)


def _map_grid(smap):
    matrix = np.diag([part.value for part in smap.scale]) @ smap.rotation_matrix
    crpix = [float(part.value) + 1 for part in smap.reference_pixel]
    return PixelGrid((1, *smap.data.shape), (*crpix, 1.0), matrix)


def _cube_grid(cube):
    base, _, first, step = in_base(cube.wcs)
    matrix = np.diag(base.wcs.get_cdelt()) @ base.wcs.get_pc() @ np.diag(step)
    crpix = [float(place) for place in (base.wcs.crpix - 1 - first) / step + 1]
    number = len(cube.data) if cube.data.ndim == 3 else 1
    third, every = (crpix[2], float(step[2])) if len(crpix) > 2 else (1.0, 1.0)
    return PixelGrid((number, *cube.data.shape[-2:]), (*crpix[:2], third), matrix[:2, :2], every)


def in_base(wcs):
    """
    Find the FITS WCS that a WCS slices or rebins, and where its pixels are there.

    `ndcube.wcs.tools.unwrap_wcs_to_fitswcs` forgets that rebinning moves the centre of pixel 0.

    Parameters
    ----------
    wcs : `~astropy.wcs.wcsapi.BaseLowLevelWCS` or `~astropy.wcs.wcsapi.BaseHighLevelWCS`
        A FITS WCS, possibly within wrappers that slice and rebin it.

    Returns
    -------
    base : `~astropy.wcs.WCS`
        The FITS WCS.
    kept : `numpy.ndarray` of `int`
        Pixel axes of ``base`` that are left.
    first, step : `numpy.ndarray`
        For all pixel axes of ``base``: where pixel 0 is, and how much further pixel 1.
    """
    wcs = getattr(wcs, "low_level_wcs", wcs)
    if not isinstance(wcs, SlicedLowLevelWCS | ResampledLowLevelWCS):
        return wcs, np.arange(wcs.naxis), np.zeros(wcs.naxis), np.ones(wcs.naxis)
    base, kept, first, step = in_base(wcs._wcs)
    if isinstance(wcs, ResampledLowLevelWCS):
        first[kept] += step[kept] * ((wcs._factor - 1) / 2 + wcs._offset)
        step[kept] *= wcs._factor
        return base, kept, first, step
    starts = [item.start or 0 if isinstance(item, slice) else item for item in wcs._slices_pixel]
    first[kept] += step[kept] * starts
    left = [isinstance(item, slice) for item in wcs._slices_pixel]
    return base, kept[left], first, step
