"""Make Maps of restored arrays."""

import copy
import zlib
from numbers import Integral

import numpy as np

import astropy.units as u

import sunpy.map

from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled, record_filled
from sunpy_restore.core.images.header import update_header
from sunpy_restore.core.numerics import correlation as correlations
from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.core.uncertainty.evidence import recorded_sums
from sunpy_restore.core.uncertainty.predicted import CORRELATION_KEYWORD
from sunpy_restore.core.uncertainty.stated import StatedErrors
from sunpy_restore.core.uncertainty.waves import WaveErrors, recorded_waves

__all__ = [
    "check_pixel_scale",
    "check_size",
    "drawn_map",
    "new_map",
    "restored_map",
    "roll_angle",
    "valid_pixels",
    "with_data",
]

_SCALE_TOLERANCE = 0.05
_LEAST_SIDE = 4  # pixels, with neighbours on both sides that are not all at the edge


def check_pixel_scale(smap, expected, reason):
    """
    Check the size of the pixels of an image.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.
    expected : `float`
        Side of a pixel of the telescope in arcsec.
    reason : `str`
        Why other pixels are not accepted, and what to do: the end of the message.

    Raises
    ------
    ValueError
        The pixels differ from it by more than 5 %.
    """
    scale = np.array([axis.to_value(u.arcsec / u.pix) for axis in smap.scale])
    if np.any(np.abs(np.abs(scale) / expected - 1) > _SCALE_TOLERANCE):
        raise ValueError(
            f"Found pixels of {scale[0]:.4g} x {scale[1]:.4g} arcsec; expected {expected} arcsec within "
            f"{100 * _SCALE_TOLERANCE:.0f} %. {reason}"
        )


def check_size(smap):
    """
    Refuse images of a few pixels or lines, whose pixels have hardly any surroundings.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.

    Raises
    ------
    ValueError
        It has fewer than 4 pixels along an axis.
    """
    if min(smap.data.shape) < _LEAST_SIDE:
        shape = " x ".join(map(str, smap.data.shape))
        raise ValueError(
            f"Found an image of {shape} pixels; expected at least {_LEAST_SIDE} along each axis. Use a larger part of "
            "the image."
        )


def restored_map(smap, data, *, provenance, scale=1, mask=None, fill=None):
    """
    Make the restored Map of an observed one.

    The class, unit and plot settings are kept. The header is updated by
    `~sunpy_restore.core.images.header.update_header`: the WCS changes as in `sunpy.map.GenericMap.resample`, outdated
    keywords are removed, and ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and
    ``HISTORY`` record the restoration. The uncertainty is dropped, because it refers to the original pixels.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Observed Map of shape ``(ny, nx)``. It is not changed.
    data : `~numpy.ndarray`
        Restored image of shape ``(scale * ny, scale * nx)``, in the unit of ``smap``.
    provenance : `~sunpy_restore.core.images.header.Provenance`
        How the image was restored.
    scale : `int`
        Restored pixels per observed pixel along each axis.
    mask : `~numpy.ndarray` of `bool`, optional
        Mask in the shape of ``data``, True where values should not be trusted. By default that of ``smap``.
    fill : `~numpy.ndarray` of `bool`, optional
        True where pixels were filled, in the shape of ``data``. It is recorded in the header (``RSTFILL``), with the
        pixels that were filled before, and these pixels are not masked.

    Returns
    -------
    `~sunpy.map.GenericMap`
        Map of the same class.

    Raises
    ------
    ValueError
        ``scale`` is no positive integer, or ``data``, ``mask`` or ``fill`` has another shape.
    """
    if not isinstance(scale, Integral) or scale < 1:
        raise ValueError(f"Found scale={scale!r}; expected a positive integer.")
    data = np.asarray(data)
    shape = tuple(scale * length for length in smap.data.shape)
    if data.shape != shape:
        raise ValueError(f"Found data of shape {data.shape}; expected {shape}, {scale} times that of the Map.")
    if np.may_share_memory(data, smap.data):
        data = data.copy()
    for name, flags in {"mask": mask, "fill": fill}.items():
        if flags is not None and np.shape(flags) != shape:
            raise ValueError(f"Found a {name} of shape {np.shape(flags)}; expected {shape}, that of the data.")
    mask = _upscaled_mask(smap, scale) if mask is None else np.array(mask, dtype=bool)
    if fill is not None and mask is not None:
        mask = mask & ~fill if (mask & ~fill).any() else None
    # Header and plot settings have mutable values: the comments and the norm
    meta = copy.deepcopy(smap.meta)
    # Defaults of missing keywords belong to the original pixel grid
    meta["crpix1"], meta["crpix2"] = (float(pixel.value) + 1 for pixel in smap.reference_pixel)
    if "cd1_1" not in meta:
        meta["cdelt1"], meta["cdelt2"] = (meta.get(f"cdelt{i}", 1.0) for i in (1, 2))
    update_header(meta, shape=shape, scale=scale, provenance=provenance)
    result = smap._new_instance(data, meta, plot_settings=copy.deepcopy(smap.plot_settings), mask=mask)
    if fill is not None:
        record_filled(result, fill | filled(result))
    return result


def drawn_map(smap, seed):
    """
    Draw a plausible restoration from a restored Map with its uncertainty.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Restored Map. It is not changed.
    seed : `int`
        Seed of the random numbers.

    Returns
    -------
    `~sunpy.map.GenericMap`
        Map with other values and without an uncertainty, whose header has the keyword ``RSTDRAW``; ``smap`` itself if
        nothing was restored in it.
    """
    if CORRELATION_KEYWORD not in smap.meta:
        return smap
    correlation = correlations.from_text(smap.meta[CORRELATION_KEYWORD])
    sigma = np.asarray(smap.uncertainty.array, dtype=float)
    # The uncertainty of pixels that were observed says nothing about the restoration
    fill = filled(smap) if FILLED_KEYWORD in smap.meta else np.ones(sigma.shape, bool)
    # Errors of two images are independent, and those of one are the same in every run
    random = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(smap.data))])
    of_fill, waves = np.where(fill, sigma, 0.0), recorded_waves(smap)
    errors = (
        StatedErrors(smap.data, of_fill, correlation, recorded_sums(smap))
        if waves is None
        else WaveErrors(of_fill, waves)
    )
    data = np.where(np.isposinf(sigma), np.nan, smap.data.astype(float) + errors.draw(random))
    kind = np.result_type(smap.data.dtype, np.float32)
    result = with_data(smap, np.where(fill, data, smap.data).astype(kind))
    result.meta["rstdraw"] = seed + 1
    return result


def new_map(data, header):
    """
    Make a Map of an array.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape ``(ny, nx)``.
    header : mapping
        The header.

    Returns
    -------
    `~sunpy.map.GenericMap`
    """
    return sunpy.map.Map(data, dict(header))


def valid_pixels(smap):
    """
    Find the pixels of a Map that have a value.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `numpy.ndarray` of `bool`
        True where the data are finite and not masked, in the shape of the Map.
    """
    valid = np.isfinite(smap.data)
    return valid if smap.mask is None else valid & ~np.broadcast_to(smap.mask, valid.shape)


def roll_angle(smap):
    """
    Angle of the rotation matrix in the header of a Map.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `float`
        Degrees from -180 to 180.
    """
    (cosine, _), (sine, _) = np.asarray(smap.rotation_matrix, dtype=float)
    return float(np.degrees(np.arctan2(sine, cosine)))


def with_data(smap, data):
    """
    Copy a Map with other data.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map. It is not changed.
    data : `~numpy.ndarray`
        Array of the same shape.

    Returns
    -------
    `~sunpy.map.GenericMap`
    """
    meta, settings = copy.deepcopy(smap.meta), copy.deepcopy(smap.plot_settings)
    return smap._new_instance(data, meta, plot_settings=settings, mask=copy.deepcopy(smap.mask))


def _upscaled_mask(smap, scale):
    if smap.mask is None:
        return None
    mask = np.broadcast_to(np.asarray(smap.mask, dtype=bool), smap.data.shape)
    return repeated(mask, scale)
