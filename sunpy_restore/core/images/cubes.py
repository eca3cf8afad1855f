"""Headers of the images of an NDCube, and cubes of restored images."""

import copy
import re

import numpy as np
from ndcube.meta import NDMeta
from ndcube.wcs.tools import unwrap_wcs_to_fitswcs
from ndcube.wcs.wrappers import ResampledLowLevelWCS

from astropy.nddata import StdDevUncertainty
from astropy.wcs import WCS, WCSSUB_CELESTIAL
from astropy.wcs.wcsapi import HighLevelWCSWrapper

from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled, in_base, record_filled_cube
from sunpy_restore.core.images.header import Provenance, added_cards, update_header
from sunpy_restore.core.uncertainty.predicted import CORRELATION_KEYWORD

__all__ = ["image_headers", "rebuilt_cube"]

_WCS_KEYWORDS = {"wcsaxes", "naxis", "lonpole", "latpole"}
_WCS_KEYWORDS |= {
    f"{name}{i}" for name in ("naxis", "ctype", "cunit", "crval", "crpix", "cdelt", "crota") for i in (1, 2, 3)
}
_WCS_KEYWORDS |= {f"{name}{i}_{j}" for name in ("pc", "cd") for i in (1, 2, 3) for j in (1, 2, 3)}
# Times of the exposure: LASCO has MID_DATE and OBT_TIME, JSOC has T_OBS, T_REC and DATE__OBS. DATE, the time when the
# file was written, is none of them.
_TIME_KEYWORD = re.compile(
    r"(date|time|mjd|jd|utc?|obt|mid|t)[-_]*(obs|rec|avg|beg|begin|start|strt|mid|end|stop|cmd|ref[if]?)"
    r"|(obt|mid|start|stop|end)[-_]*(time|date)|startime|(start|end)obs|ctime|maptime"
)


def image_headers(cube):
    """
    Make the headers of the images of a cube.

    The header is the ``meta`` of the cube. The WCS takes precedence for the pixel grid, the observer and, if the first
    axis is time, the date of each image: ``DATE-OBS``, and ``T_OBS`` where it exists, in UTC. Other times of the
    exposure are left out, and ``FILENAME`` gets the index of the image in brackets.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        Cube with axes (y, x) or (time, y, x).

    Returns
    -------
    `list` of `dict`
        One header per image, with keys in lower case.

    Raises
    ------
    TypeError
        The WCS is not based on a FITS WCS.
    ValueError
        The cube is empty, or its last two axes are not latitude and longitude.
    """
    if cube.data.ndim not in (2, 3) or cube.data.size == 0:
        raise ValueError(f"Found an NDCube of shape {cube.data.shape}; expected axes (y, x) or (time, y, x).")
    try:
        # ndcube 2.4.0 rescales the WCS that it is given
        wcs, dropped = unwrap_wcs_to_fitswcs(copy.deepcopy(cube.wcs))
    except TypeError as error:
        raise TypeError(
            f"Found an NDCube with a {type(cube.wcs).__name__}; expected a FITS WCS. Pass its images as a list of Maps."
        ) from error
    base, _, first, step = in_base(cube.wcs)
    wcs.wcs.crpix = (base.wcs.crpix - 1 - first) / step + 1
    coupled = wcs.axis_correlation_matrix
    on_sky = (wcs.wcs.lng, wcs.wcs.lat) == (0, 1) and not dropped[-2:].any()
    if not on_sky or coupled[:2, 2:].any() or coupled[2:, :2].any():
        raise ValueError(
            f"Found an NDCube with axes {cube.array_axis_physical_types}; expected latitude and longitude as the last "
            "two, independent of the first. Pass its images as a list of Maps."
        )
    header = _sky_header(cube, wcs.sub([WCSSUB_CELESTIAL]))
    number = 1 if cube.data.ndim == 2 else len(cube.data)
    # Without a reference time the time axis would begin in 1858
    if not (wcs.has_temporal and any(wcs.wcs.mjdref)):
        return [dict(header) for _ in range(number)]
    times = np.atleast_1d(wcs.temporal.pixel_to_world(np.arange(number)))
    return [_header_at(header, time.utc.isot, index if number > 1 else None) for index, time in enumerate(times)]


def rebuilt_cube(cube, originals, restored):
    """
    Make a cube of restored images.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        The original cube. It is not changed.
    originals, restored : `list` of `~sunpy.map.GenericMap`
        Its images before and after the restoration. The restored images have one unit and one shape, which is an
        integer multiple of that of the cube.

    Returns
    -------
    `~ndcube.NDCube`
        Cube of the same class with the same coordinates. Its WCS, unit and mask are those of the restored images. Its
        ``meta`` has the pixel grid, the filled pixels of all images, the provenance and all other keywords that were
        added or changed, taken from the first image that was restored. Its uncertainty is that of the restored images
        if all have one; that of the original pixels is dropped.

    Raises
    ------
    ValueError
        The restored images differ in unit or shape, or their shape is no multiple of that of the cube.
    """
    shapes = {smap.data.shape for smap in restored}
    ny, nx = cube.data.shape[-2:]
    shape = next(iter(shapes))
    scale = shape[0] // ny
    if shapes != {(scale * ny, scale * nx)} or scale == 0:
        raise ValueError(
            f"Found restored images of shape {', '.join(map(str, sorted(shapes)))}; expected one shape, a multiple of "
            f"{(ny, nx)}. Pass the images as a list of Maps."
        )
    units = {str(smap.unit) for smap in restored}
    if len(units) > 1:
        raise ValueError(
            f"Found restored images in {' and '.join(sorted(units))}; expected one unit. Pass them as a list of Maps."
        )
    leading = cube.data.shape[:-2]
    mask = None
    if any(smap.mask is not None for smap in restored):
        masks = [np.broadcast_to(False if smap.mask is None else smap.mask, shape) for smap in restored]
        mask = np.stack(masks).reshape(*leading, *shape)
    coordinates = copy.copy(cube.global_coords)
    # copy.copy shares this dictionary, so that removing a coordinate from the result would change the input
    coordinates._internal_coords = coordinates._internal_coords.copy()
    before, after = _first_restored(originals, restored)
    result = type(cube)(
        np.stack([smap.data for smap in restored]).reshape(*leading, *shape),
        wcs=_scaled_wcs(cube.wcs, scale),
        mask=mask,
        uncertainty=_uncertainty(restored, (*leading, *shape)),
        meta=_restored_meta(cube, before.meta, after.meta, shape, scale),
        unit=cube.unit if after.unit == before.unit else after.unit,
        global_coords=coordinates,
    )
    if not cube.extra_coords.is_empty:
        factor = [1] * len(leading) + [1 / scale] * 2
        result._extra_coords = cube.extra_coords.resample(factor, ndcube=result)
    if any(FILLED_KEYWORD in smap.meta for smap in restored):
        record_filled_cube(result, np.stack([filled(smap) for smap in restored]))
    return result


def _uncertainty(restored, shape):
    """The uncertainties of all images as one; NaN in images in which nothing was restored."""
    stated = [isinstance(smap.uncertainty, StdDevUncertainty) for smap in restored]
    if not any(CORRELATION_KEYWORD in smap.meta for smap in restored):
        return None
    parts = [
        smap.uncertainty.array if known else np.full(smap.data.shape, np.nan, np.float32)
        for smap, known in zip(restored, stated, strict=True)
    ]
    return StdDevUncertainty(np.stack(parts).reshape(shape))


def _first_restored(originals, restored):
    """The first image with an addition to its history, before and after the restoration; otherwise the first image."""
    pairs = list(zip(originals, restored, strict=True))
    changed = (pair for pair in pairs if pair[0].meta.get("history") != pair[1].meta.get("history"))
    return next(changed, pairs[0])


def _sky_header(cube, wcs):
    header = {str(key).lower(): value for key, value in cube.meta.items() if key}
    header = {key: value for key, value in header.items() if key not in _WCS_KEYWORDS}
    # An astropy Header has commentary cards instead of text
    header.update({key: str(header[key]) for key in ("comment", "history") if key in header})
    header.update({key.lower(): value for key, value in wcs.to_header().items()})
    # to_header rounds them
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


def _header_at(header, time, index):
    """The header of the image of this time in UTC, at this place in a series."""
    result = {key: value for key, value in header.items() if not _TIME_KEYWORD.fullmatch(key)}
    result["date-obs"] = time
    # Where sunpy prefers the instrument's own keyword, it must not be missing
    if "t_obs" in header:
        result["t_obs"] = time
    if "timesys" in header:
        result["timesys"] = "UTC"
    # The images of a series are not one image of one file
    if index is not None and header.get("filename"):
        result["filename"] = f"{header['filename']}[{index}]"
    return result


def _scaled_wcs(wcs, scale):
    """Make the WCS of pixels that are ``scale`` times smaller, as `sunpy.map.GenericMap.resample` does."""
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
    """Copy the ``meta`` of a cube, with the changes that a restoration made in the header of an image."""
    meta = copy.deepcopy(cube.meta)
    if isinstance(meta, NDMeta):
        # Values along axes that were resampled no longer fit the shape of the cube
        kept = cube.data.ndim if scale == 1 else cube.data.ndim - 2
        axes = {key: axis for key, axis in meta.axes.items() if max(axis) < kept}
        meta = type(meta)(meta, key_comments=meta.key_comments, axes=axes)
    provenance = None
    if after.get("history") != before.get("history"):
        provenance = Provenance(*(after.get(key) for key in ("rsttask", "rstmeth", "rstmodel", "rstsha", "rstvers")))
    update_header(meta, shape=shape, scale=scale, provenance=provenance)
    names = {str(key).lower(): key for key in meta}
    in_capitals = any(str(key).isupper() for key in cube.meta)
    for key, value in added_cards(before, after).items():
        meta[names.get(key, key.upper() if in_capitals else key)] = value
    return meta
