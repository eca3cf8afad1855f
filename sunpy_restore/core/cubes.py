"""NDCubes as stacks of images: the header of each image, and the cube that the restored ones make."""

import copy

import numpy as np
from ndcube.meta import NDMeta
from ndcube.wcs.tools import unwrap_wcs_to_fitswcs
from ndcube.wcs.wrappers import ResampledLowLevelWCS

from astropy.wcs import WCS, WCSSUB_CELESTIAL
from astropy.wcs.wcsapi import HighLevelWCSWrapper

from sunpy_restore.core.header import Provenance, added_cards, update_header

__all__ = ["image_headers", "rebuilt_cube"]

_WCS_KEYWORDS = {"wcsaxes", "naxis", "lonpole", "latpole"}
_WCS_KEYWORDS |= {
    f"{name}{i}" for name in ("naxis", "ctype", "cunit", "crval", "crpix", "cdelt", "crota") for i in (1, 2, 3)
}
_WCS_KEYWORDS |= {f"{name}{i}_{j}" for name in ("pc", "cd") for i in (1, 2, 3) for j in (1, 2, 3)}
# They place a whole series of images in time, and sunpy would take an instrument's own (T_OBS) for that of each.
_TIME_KEYWORDS = set("date-obs date_obs time-obs date-avg date-beg date-end t_obs t_rec".split())
_TIME_KEYWORDS |= {"mjd-obs", "mjd-avg", "mjd-beg", "mjd-end"}


def image_headers(cube):
    """
    Headers that make Maps of the images of a cube.

    The cube's ``meta`` is the header, and its WCS overrides what it knows itself: pixel grid, observer and, where the
    first axis is time, the date of each image.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        Cube of axes (y, x) or (time, y, x).

    Returns
    -------
    `list` of `dict`
        One header per image, with keys in lower case.

    Raises
    ------
    TypeError
        If the WCS is not, at its base, a FITS WCS.
    ValueError
        If the cube is empty, or its last two axes are not latitude and longitude.
    """
    if cube.data.ndim not in (2, 3) or cube.data.size == 0:
        raise ValueError(f"expected an NDCube of axes (y, x) or (time, y, x), found one of shape {cube.data.shape}")
    try:
        wcs, dropped = unwrap_wcs_to_fitswcs(cube.wcs)
    except TypeError as error:
        raise TypeError(
            f"expected an NDCube with a FITS WCS, found {type(cube.wcs).__name__}: make a list of Maps of its images"
        ) from error
    coupled = wcs.axis_correlation_matrix
    on_sky = (wcs.wcs.lng, wcs.wcs.lat) == (0, 1) and not dropped[-2:].any()
    if not on_sky or coupled[:2, 2:].any() or coupled[2:, :2].any():
        raise ValueError(
            "expected an NDCube whose last two array axes are latitude and longitude, independent of the first, "
            f"found axes {cube.array_axis_physical_types}: make a list of Maps of its images"
        )
    header = _sky_header(cube, wcs.sub([WCSSUB_CELESTIAL]))
    number = 1 if cube.data.ndim == 2 else len(cube.data)
    # A time axis without a reference time would begin in 1858.
    if not (wcs.has_temporal and any(wcs.wcs.mjdref)):
        return [dict(header) for _ in range(number)]
    header = {key: value for key, value in header.items() if key not in _TIME_KEYWORDS}
    times = np.atleast_1d(wcs.temporal.pixel_to_world(np.arange(number)))
    return [{**header, "date-obs": time.utc.isot} for time in times]


def rebuilt_cube(cube, originals, restored):
    """
    Make a cube of restored images.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        The cube that was taken apart. It is not changed.
    originals, restored : `list` of `~sunpy.map.GenericMap`
        Its images before and after the restoration, all of one shape: that of the cube, or an integer multiple.

    Returns
    -------
    `~ndcube.NDCube`
        Cube of the class of ``cube``, with its coordinates. WCS, unit and ``meta`` follow the images' pixel grid, unit
        and provenance, the mask is theirs, an uncertainty is dropped: it was that of the pixels before the restoration.

    Raises
    ------
    ValueError
        If the images have different shapes, or one that is no multiple of the cube's.
    """
    shapes = {smap.data.shape for smap in restored}
    ny, nx = cube.data.shape[-2:]
    shape = next(iter(shapes))
    scale = shape[0] // ny
    if shapes != {(scale * ny, scale * nx)} or scale == 0:
        raise ValueError(f"expected images of one shape, a multiple of {(ny, nx)}, found {sorted(shapes)}")
    leading = cube.data.shape[:-2]
    mask = None
    if any(smap.mask is not None for smap in restored):
        masks = [np.broadcast_to(False if smap.mask is None else smap.mask, shape) for smap in restored]
        mask = np.stack(masks).reshape(*leading, *shape)
    coordinates = copy.copy(cube.global_coords)
    # A copy of its own, for removing one from the result must not remove it from the input.
    coordinates._internal_coords = coordinates._internal_coords.copy()
    result = type(cube)(
        np.stack([smap.data for smap in restored]).reshape(*leading, *shape),
        wcs=_scaled_wcs(cube.wcs, scale),
        mask=mask,
        meta=_restored_meta(cube, originals[0].meta, restored[0].meta, shape, scale),
        unit=cube.unit if restored[0].unit == originals[0].unit else restored[0].unit,
        global_coords=coordinates,
    )
    if not cube.extra_coords.is_empty:
        factor = [1] * len(leading) + [1 / scale] * 2
        result._extra_coords = cube.extra_coords.resample(factor, ndcube=result)
    return result


def _sky_header(cube, wcs):
    header = {str(key).lower(): value for key, value in cube.meta.items() if key}
    header = {key: value for key, value in header.items() if key not in _WCS_KEYWORDS}
    # The commentary cards of an astropy Header are no text.
    header.update({key: str(header[key]) for key in ("comment", "history") if key in header})
    header.update({key.lower(): value for key, value in wcs.to_header().items()})
    # To all digits, unlike to_header.
    for key in ("hgln_obs", "hglt_obs", "dsun_obs"):
        if key in header and getattr(wcs.wcs.aux, key) is not None:
            header[key] = getattr(wcs.wcs.aux, key)
    cdelt, pc = wcs.wcs.get_cdelt(), wcs.wcs.get_pc()
    for i in (0, 1):
        header[f"crpix{i + 1}"] = float(wcs.wcs.crpix[i])
        header[f"crval{i + 1}"] = float(wcs.wcs.crval[i])
        header[f"cdelt{i + 1}"] = float(cdelt[i])
        header.update({f"pc{i + 1}_{j + 1}": float(pc[i, j]) for j in (0, 1)})
    if cube.unit is not None:
        header["bunit"] = cube.unit.to_string()
    return header


def _scaled_wcs(wcs, scale):
    """The WCS of pixels ``scale`` times smaller, by the rule of `sunpy.map.GenericMap.resample`."""
    if scale == 1:
        return wcs
    inner = getattr(wcs, "low_level_wcs", wcs)
    if not isinstance(inner, WCS) or inner.has_distortion:
        factor = [1 / scale] * 2 + [1] * (inner.pixel_n_dim - 2)
        return HighLevelWCSWrapper(ResampledLowLevelWCS(inner, factor))
    scaled = inner.deepcopy()
    scaled.wcs.crpix[:2] = scale * (scaled.wcs.crpix[:2] - 0.5) + 0.5
    if scaled.wcs.has_cd():
        scaled.wcs.cd[:2, :2] /= scale
    else:
        scaled.wcs.cdelt[:2] /= scale
    if inner.pixel_shape is not None:
        scaled.pixel_shape = [scale * length for length in inner.pixel_shape[:2]] + list(inner.pixel_shape[2:])
    scaled.wcs.set()
    return scaled


def _restored_meta(cube, before, after, shape, scale):
    """The cube's ``meta`` with what a restoration wrote into the header of its first image."""
    meta = copy.deepcopy(cube.meta)
    if isinstance(meta, NDMeta):
        # Its axes are bound to the shape of the cube: those that were resampled cannot stay.
        kept = cube.data.ndim if scale == 1 else cube.data.ndim - 2
        axes = {key: axis for key, axis in meta.axes.items() if max(axis) < kept}
        meta = type(meta)(meta, key_comments=meta.key_comments, axes=axes)
    provenance = None
    if after.get("history") != before.get("history"):
        provenance = Provenance(*(after.get(key) for key in ("rsttask", "rstmeth", "rstmodel", "rstsha", "rstvers")))
    update_header(meta, shape=shape, scale=scale, provenance=provenance)
    names = {str(key).lower(): key for key in meta}
    for key, value in added_cards(before, after).items():
        meta[names.get(key, key)] = value
    return meta
