"""Take containers of images apart into Maps, and their masks into one for each Map."""

import ndcube
import numpy as np

from sunpy.map import GenericMap, MapSequence

from sunpy_restore.core.images.cubes import image_headers, rebuilt_cube
from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled, record_filled
from sunpy_restore.core.images.maps import new_map
from sunpy_restore.core.messages import named_image, shown
from sunpy_restore.core.numerics.masks import array_of, refuse_masked

__all__ = ["as_maps", "masks_for"]


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
        `~sunpy_restore.core.images.cubes.rebuilt_cube` for a cube.

    Raises
    ------
    TypeError
        ``image`` is something else, such as an array.
    ValueError
        The container is empty, or the axes of a cube are not (y, x) or (time, y, x).

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore.core.images.containers import as_maps
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
        The mask is a single value or a nested list, or some of its pixels are masked.
    ValueError
        The number of masks is not the number of images; or a Map has other values than 0 and 1, or other pixels.
    """
    if isinstance(mask, MapSequence):
        mask = list(mask.maps)
    if isinstance(mask, GenericMap):
        mask = [mask] * len(maps)
    for part in mask if isinstance(mask, (list, tuple)) else [mask]:
        refuse_masked(part)
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
        smap = new_map(image, header)
        smap.mask = mask
        smap.uncertainty = stated
        if FILLED_KEYWORD in header:
            record_filled(smap, fill)
        maps.append(smap)
    return maps, lambda restored: rebuilt_cube(cube, maps, _checked(restored, len(maps)))
