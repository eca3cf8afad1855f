"""Images in and out: whatever holds Maps becomes a list of Maps, and restored arrays become Maps again."""

import copy
from numbers import Integral

import ndcube
import numpy as np

import sunpy.map
from sunpy.map import GenericMap, MapSequence

from sunpy_restore.core.cubes import image_headers, rebuilt_cube
from sunpy_restore.core.header import Provenance, update_header
from sunpy_restore.core.pixels import repeated

__all__ = ["Provenance", "as_maps", "masks_for", "new_map", "restored_map", "with_data"]


def as_maps(image):
    """
    Take any container of images apart into Maps.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        A cube is (y, x), or (time, y, x) and then one Map per slice. Its WCS is a FITS one, or a slice or a rebinning
        of one; its ``meta`` is the header, of which the WCS overrides what it knows itself.

    Returns
    -------
    maps : `list` of `~sunpy.map.GenericMap`
        The Maps, in order.
    rebuild : callable
        ``rebuild(maps)`` makes the same kind of container of as many restored Maps. A cube keeps its class, unit and
        coordinates; its WCS and ``meta`` follow the Maps' pixel grid and provenance, its mask is theirs. Its
        uncertainty is dropped: it was that of the pixels before the restoration.

    Raises
    ------
    TypeError
        If ``image`` is something else, such as an array, which has neither a pixel scale nor an instrument.
    ValueError
        If there are no images in it, or the axes of a cube are not (y, x) or (time, y, x).

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
            raise TypeError(f"item {index} of the {type(image).__name__}: {_refusal(member)}")
    if not maps:
        raise ValueError(f"expected at least one Map, found an empty {type(image).__name__}")
    return maps, lambda restored: container(_checked(restored, len(maps)))


def masks_for(maps, mask):
    """
    The masks that a user gave for images.

    Parameters
    ----------
    maps : `list` of `~sunpy.map.GenericMap`
        The images.
    mask : `numpy.ndarray` of `bool`, `list` of them, or `None`
        One mask for all images, or one each.

    Returns
    -------
    `list`
        One mask, or `None`, for each image. Their types and shapes are not checked.

    Raises
    ------
    TypeError
        The mask is a single value, or a nested list.
    ValueError
        There is another number of masks than of images.
    """
    # Of a list the parts may differ in shape, so that as a whole it has no number of dimensions
    dimensions = None if isinstance(mask, (list, tuple)) else np.ndim(mask)
    if mask is None or dimensions == 2:
        return [mask] * len(maps)
    if dimensions == 0:
        raise TypeError(f"Found the mask {mask!r}, expected a boolean array of the shape of the image, or one each.")
    if any(np.ndim(part) == 1 for part in mask):
        raise TypeError("Found a nested list as the mask, expected a boolean array. Make one with numpy.array(mask).")
    if len(mask) != len(maps):
        raise ValueError(f"Found {len(mask)} masks for {len(maps)} images, expected one for all or one each.")
    return list(mask)


def restored_map(smap, data, *, provenance, scale=1, mask=None):
    """
    Put a restored array in the place of a Map's data.

    The class, unit, plot settings and header stay. The header keeps the instrument's keywords, with the changes of
    `~sunpy_restore.core.header.update_header`: the WCS follows the rule of `sunpy.map.GenericMap.resample`, keywords
    that the restoration makes false are removed, and ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``,
    ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line say what was done. An uncertainty of ``smap`` is dropped: it was
    that of the pixels before the restoration.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The observed Map, of shape (ny, nx). It is not changed.
    data : `~numpy.ndarray`
        Restored image of shape (scale ny, scale nx), in the unit of ``smap``.
    provenance : `Provenance`
        What was done.
    scale : `int`
        Restored pixels per observed pixel along each axis.
    mask : `~numpy.ndarray` of `bool`, optional
        Mask in the shape of ``data``, True where a value deserves no trust. By default that of ``smap``.

    Returns
    -------
    `~sunpy.map.GenericMap`
        Map of the class of ``smap``.

    Raises
    ------
    ValueError
        If ``scale`` is no positive integer, or ``data`` or ``mask`` has another shape.
    """
    if not isinstance(scale, Integral) or scale < 1:
        raise ValueError(f"expected scale to be a positive integer, found {scale!r}")
    data = np.asarray(data)
    shape = tuple(scale * length for length in smap.data.shape)
    if data.shape != shape:
        raise ValueError(f"expected data of shape {shape}, {scale} times that of the Map, found {data.shape}")
    if np.may_share_memory(data, smap.data):
        data = data.copy()
    if mask is None:
        mask = _upscaled_mask(smap, scale)
    elif np.shape(mask) != shape:
        raise ValueError(f"expected a mask of shape {shape}, that of the data, found {np.shape(mask)}")
    else:
        mask = np.array(mask, dtype=bool)
    # A deep copy, for the header holds the dictionary of comments and the plot settings hold the norm.
    meta = copy.deepcopy(smap.meta)
    # Written out, for where they are missing the defaults belong to the old pixel grid.
    meta["crpix1"], meta["crpix2"] = (float(pixel.value) + 1 for pixel in smap.reference_pixel)
    if "cd1_1" not in meta:
        meta["cdelt1"], meta["cdelt2"] = (meta.get(f"cdelt{i}", 1.0) for i in (1, 2))
    update_header(meta, shape=shape, scale=scale, provenance=provenance)
    return smap._new_instance(data, meta, plot_settings=copy.deepcopy(smap.plot_settings), mask=mask)


def new_map(data, header):
    """
    A Map of an array that was no Map before.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx).
    header : mapping
        Its header.

    Returns
    -------
    `~sunpy.map.GenericMap`
    """
    return sunpy.map.Map(data, dict(header))


def with_data(smap, data):
    """
    A Map with other values, and all else as it is.

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
    return smap._new_instance(data, meta, plot_settings=settings, mask=smap.mask)


def _refusal(image):
    if isinstance(image, np.ndarray):
        return (
            f"expected a sunpy Map, found an array of shape {image.shape}. An array has neither a pixel scale nor an "
            "instrument: make a Map of it with sunpy.map.Map(array, header), where header is that of its FITS file"
        )
    return (
        "expected a sunpy Map, a list or tuple of Maps, a MapSequence or an NDCube, found "
        f"{type(image).__module__}.{type(image).__name__}. sunpy.map.Map(file) opens a FITS file as a Map"
    )


def _checked(maps, number):
    maps = list(maps)
    if len(maps) != number:
        raise ValueError(f"expected {number} restored Maps, as many as there were images, found {len(maps)}")
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
    maps = []
    for image, mask, header in zip(images, masks, headers, strict=True):
        smap = sunpy.map.Map(image, header)
        smap.mask = mask
        maps.append(smap)
    return maps, lambda restored: rebuilt_cube(cube, maps, _checked(restored, len(maps)))
