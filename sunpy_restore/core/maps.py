"""Take containers of images apart into Maps, and make Maps of restored arrays."""

import copy
import zlib
from numbers import Integral

import ndcube
import numpy as np

import astropy.units as u

import sunpy.map
from sunpy.map import GenericMap, MapSequence

from sunpy_restore.core import correlation as correlations
from sunpy_restore.core.cubes import image_headers, rebuilt_cube
from sunpy_restore.core.filled import FILLED_KEYWORD, filled, record_filled
from sunpy_restore.core.header import update_header
from sunpy_restore.core.masks import array_of
from sunpy_restore.core.messages import named_image, shown
from sunpy_restore.core.pixels import repeated
from sunpy_restore.core.uncertainty import CORRELATION_KEYWORD, draw

__all__ = [
    "as_maps",
    "check_pixel_scale",
    "drawn_map",
    "masks_for",
    "new_map",
    "restored_map",
    "valid_pixels",
    "with_data",
]

_SCALE_TOLERANCE = 0.05


def as_maps(image):
    """
    Take a container of images apart into Maps.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images. A cube has axes (y, x), or (time, y, x) with one Map per time, and a FITS WCS, which may be sliced or
        rebinned. The headers of its Maps are its ``meta``, in which the WCS takes precedence.

    Returns
    -------
    maps : `list` of `~sunpy.map.GenericMap`
        The Maps, in order.
    rebuild : callable
        ``rebuild(maps)`` makes the same kind of container of the restored Maps, see
        `~sunpy_restore.core.cubes.rebuilt_cube` for a cube.

    Raises
    ------
    TypeError
        ``image`` is something else, such as an array.
    ValueError
        The container is empty, or the axes of a cube are not (y, x) or (time, y, x).

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore.core.maps import as_maps
    >>> from sunpy_restore.data import sample_path
    >>> maps, rebuild = as_maps((sunpy.map.Map(sample_path("hmi_magnetogram")),))
    >>> maps[0].measurement, type(rebuild(maps)).__name__
    ('magnetogram', 'tuple')
    """
    if isinstance(image, GenericMap):
        return [image], lambda maps: _checked(maps, 1)[0]
    if isinstance(image, ndcube.NDCube):
        return _cube_as_maps(image)
    if isinstance(image, MapSequence):
        maps = list(image.maps)
        container = lambda restored: type(image)(*restored, sortby=None)  # noqa: E731
    elif isinstance(image, (list, tuple)):
        maps, container = list(image), list if isinstance(image, list) else tuple
    else:
        raise TypeError(_refusal(image))
    for index, member in enumerate(maps):
        if not isinstance(member, GenericMap):
            with named_image(index, len(maps)):
                raise TypeError(_refusal(member))
    if not maps:
        raise ValueError(f"Found an empty {type(image).__name__}; expected at least one Map.")
    return maps, lambda restored: container(_checked(restored, len(maps)))


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


def masks_for(maps, mask):
    """
    Distribute the mask or masks that a user gave over the images.

    Parameters
    ----------
    maps : `list` of `~sunpy.map.GenericMap`
        The images.
    mask : `numpy.ndarray` of `bool`, `~sunpy.map.GenericMap`, `list` of them, `~sunpy.map.MapSequence`, or `None`
        One mask for all images, or one per image. A Map has the pixels of the image and the values 0 (or False) and 1.

    Returns
    -------
    `list`
        One mask or `None` per image. The types and shapes of arrays are not checked.

    Raises
    ------
    TypeError
        The mask is a single value or a nested list.
    ValueError
        The number of masks is not the number of images; or a Map has other values than 0 and 1, or other pixels.
    """
    if isinstance(mask, MapSequence):
        mask = list(mask.maps)
    if isinstance(mask, GenericMap):
        mask = [mask] * len(maps)
    # np.ndim fails for a list of masks of different shapes
    dimensions = None if isinstance(mask, (list, tuple)) else np.ndim(mask)
    if mask is None or dimensions == 2:
        return [mask] * len(maps)
    if dimensions == 0:
        raise TypeError(
            f"Found the mask {shown(mask)}; expected a boolean array in the shape of the image, or one per image."
        )
    parts = list(mask)
    if any(np.ndim(part) == 1 for part in parts if not isinstance(part, GenericMap)):
        raise TypeError("Found a nested list as the mask; expected a boolean array. Make one with numpy.array(mask).")
    if len(parts) != len(maps):
        raise ValueError(f"Found {len(parts)} masks for {len(maps)} images; expected one for all or one per image.")
    return [
        array_of(part, smap) if isinstance(part, GenericMap) else part for part, smap in zip(parts, maps, strict=True)
    ]


def restored_map(smap, data, *, provenance, scale=1, mask=None, fill=None):
    """
    Make the restored Map of an observed one.

    The class, unit and plot settings are kept. The header is updated by `~sunpy_restore.core.header.update_header`: the
    WCS changes as in `sunpy.map.GenericMap.resample`, outdated keywords are removed, and ``RESTORED``, ``RSTTASK``,
    ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and ``HISTORY`` record the restoration. The uncertainty is
    dropped, because it refers to the original pixels.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Observed Map of shape ``(ny, nx)``. It is not changed.
    data : `~numpy.ndarray`
        Restored image of shape ``(scale * ny, scale * nx)``, in the unit of ``smap``.
    provenance : `~sunpy_restore.core.header.Provenance`
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
    data = draw(smap.data.astype(float), np.where(fill, sigma, 0.0), correlation, random)
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


def _refusal(image):
    if isinstance(image, np.ndarray):
        return (
            f"Found an array of shape {image.shape}; expected a sunpy Map, which has a pixel scale and an instrument. "
            "Make one with sunpy.map.Map(array, header) and the header of the FITS file."
        )
    return (
        f"Found {type(image).__module__}.{type(image).__name__}; expected a sunpy Map, a list or tuple of Maps, a "
        "MapSequence or an NDCube. Open a FITS file with sunpy.map.Map(file)."
    )


def _checked(maps, number):
    maps = list(maps)
    if len(maps) != number:
        raise ValueError(f"Found {len(maps)} restored Maps; expected {number}, one per image.")
    return maps


def _upscaled_mask(smap, scale):
    if smap.mask is None:
        return None
    mask = np.broadcast_to(np.asarray(smap.mask, dtype=bool), smap.data.shape)
    return repeated(mask, scale)


def _cube_as_maps(cube):
    headers = image_headers(cube)
    images = cube.data.reshape(-1, *cube.data.shape[-2:])
    masks = [None] * len(images)
    if cube.mask is not None:
        masks = np.broadcast_to(np.asarray(cube.mask, dtype=bool), cube.data.shape).reshape(images.shape)
    fills = filled(cube).reshape(images.shape)
    uncertainties = [None] * len(images)
    if cube.uncertainty is not None:
        arrays = np.broadcast_to(cube.uncertainty.array, cube.data.shape).reshape(images.shape)
        uncertainties = [type(cube.uncertainty)(array, unit=cube.uncertainty.unit) for array in arrays]
    maps = []
    for image, mask, header, fill, stated in zip(images, masks, headers, fills, uncertainties, strict=True):
        smap = sunpy.map.Map(image, header)
        smap.mask = mask
        smap.uncertainty = stated
        if FILLED_KEYWORD in header:
            record_filled(smap, fill)
        maps.append(smap)
    return maps, lambda restored: rebuilt_cube(cube, maps, _checked(restored, len(maps)))
