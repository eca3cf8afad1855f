"""Maps, containers of Maps and cubes as the HDUs of a FITS file, from which the same images are read."""

import warnings

import ndcube
import numpy as np

from astropy.io import fits

from sunpy.map import MapSequence
from sunpy.util import MetaDict

from sunpy_restore.core.fits.arrays import read_array
from sunpy_restore.core.fits.cards import apply_differences, differences, fits_header, read_meta
from sunpy_restore.core.fits.cubefile import cube_from_rows, cube_header, cube_rows
from sunpy_restore.core.fits.hdus import group_hdus, image_hdus, read_rows, read_uncertainty, table_hdu
from sunpy_restore.core.images.containers import as_maps
from sunpy_restore.core.images.filled import (
    FILLED_KEYWORD,
    filled,
    record_filled,
    record_filled_cube,
    without_long_record,
)
from sunpy_restore.core.images.maps import new_map
from sunpy_restore.core.uncertainty.predicted import CORRELATION_KEYWORD

__all__ = ["losses", "read_hdus", "to_hdus"]

_CONTAINERS = {"list": list, "tuple": tuple, "MapSequence": lambda maps: MapSequence(*maps, sortby=None)}


def to_hdus(image):
    """
    Make the HDUs of a file.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        The images.

    Returns
    -------
    hdus : `list`
        The HDUs.
    opened_as : `list` of pairs of `str`
        Classes of Maps that open as another class, each with that one.

    Raises
    ------
    TypeError, ValueError
        See `sunpy_restore.save`.
    """
    if isinstance(image, ndcube.NDCube):
        hdus, opened_as, kind, number = _cube_hdus(image), [], "NDCube", 1
    else:
        maps = as_maps(image)[0]
        groups, classes = zip(*map(_map_hdus, maps, range(1, len(maps) + 1)), strict=True)
        hdus = [hdu for group in groups for hdu in group]
        pairs = zip(map(type, maps), classes, strict=True)
        opened_as = [(own.__name__, other.__name__) for own, other in pairs if own is not other]
        names = [cls.__name__ for cls in type(image).__mro__]
        kind = next((name for name in _CONTAINERS if name in names), "Map")
        number = len(maps)
    first = next(hdu for hdu in hdus if hdu.name == "RSTMETA")
    first.header["RSTKIND"] = (kind, "what sunpy_restore.load returns")
    first.header["RSTCOUNT"] = (number, "number of images")
    return hdus, opened_as


def _map_hdus(smap, number):
    """The HDUs of a Map, and the class of which sunpy opens it."""
    data = np.asarray(smap.data)
    if data.ndim != 2 or data.size == 0:
        raise ValueError(f"Found an image of shape {data.shape}; expected one with pixels along two axes.")
    if smap.psf is not None:
        raise ValueError("The psf of a Map is not saved. Set it to None.")
    # What an earlier file lost is replaced by what the Map has now.
    flags = filled(smap) if FILLED_KEYWORD in smap.meta else None
    replaced = {"rstnmask": smap.mask, "rstnfill": flags, "rstunc": smap.uncertainty}
    meta = {key: value for key, value in without_long_record(smap.meta).items() if replaced.get(key) is None}
    hdus = image_hdus(data, meta, smap.mask, smap.uncertainty, filled=flags, number=number)
    stored = read_meta(fits.Header.fromstring(hdus[0].header.tostring()))
    try:
        with warnings.catch_warnings():
            # The Map was made with the same warnings.
            warnings.simplefilter("ignore")
            cls = type(new_map(data, stored))
    # Each class of Maps has its own checks
    except Exception as error:
        raise ValueError(f"sunpy does not open an image with this header ({error}). Correct the Map's meta.") from error
    return [*hdus, table_hdu(differences(stored, meta), data.dtype, number=number)], cls


def _cube_hdus(cube):
    data = np.asarray(cube.data)
    with warnings.catch_warnings():
        # The WCS was made with the same warnings.
        warnings.simplefilter("ignore")
        header, rows = cube_header(cube), cube_rows(cube)
        flags = filled(cube)
    hdus = image_hdus(data, header, cube.mask, cube.uncertainty, filled=flags if flags.any() else None, number=1)
    return [*hdus, table_hdu(rows, data.dtype, number=1)]


def read_hdus(hdus):
    """
    Read the images of a file.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        HDUs that `to_hdus` made.

    Returns
    -------
    images : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        The images.
    notes : `list` of `str`
        Warnings for the user.

    Raises
    ------
    ValueError
        See `sunpy_restore.load`.
    """
    groups = group_hdus(hdus)
    header = groups[0].rstmeta.header
    if len(groups) != header.get("RSTCOUNT"):
        expected = header.get("RSTCOUNT", "another number")
        raise ValueError(f"Found {len(groups)} images; expected {expected}. sunpy.map.Map opens the images alone.")
    kind = header["RSTKIND"]
    notes = [note for group in groups for note in losses(group.lost())]
    if kind == "NDCube":
        cube, changes = _read_cube(groups[0])
        return cube, notes + changes
    maps = [_read_map(group) for group in groups]
    return (maps[0] if kind == "Map" else _CONTAINERS[kind](maps)), notes


def _read_map(group):
    stored = read_meta(group.image.header)
    meta = apply_differences(read_rows(group.rstmeta), stored)
    lost = {key.lower(): value for key, value in group.lost().items()}
    smap = new_map(read_array(group.image, group.rstmeta.header), stored)
    # Classes of Maps change the header that they are made with.
    smap.meta = MetaDict(meta | lost)
    _attach(smap, group)
    if group.filled is not None and FILLED_KEYWORD not in smap.meta:
        record_filled(smap, _read_filled(group, smap))
    return smap


def _read_cube(group):
    header = group.image.header.copy()
    data = read_array(group.image, group.rstmeta.header)
    cube, missing = cube_from_rows(read_rows(group.rstmeta), data)
    _attach(cube, group)
    if group.filled is not None and not any(str(key).lower() == FILLED_KEYWORD for key in cube.meta):
        record_filled_cube(cube, _read_filled(group, cube))
    notes = []
    if missing is not None:
        notes.append(f"the cube is an NDCube. Import its class {missing} before it is loaded to get one of that class.")
    expected, found = (read_meta(each) for each in (fits_header(cube_header(cube)), header))
    if any(found.get(key) != value for key, value in expected.items() if key != "keycomments"):
        notes.append("the header was changed after the cube was saved. The cube has the meta and WCS of before.")
    return cube, notes


def losses(header):
    """
    State what is lost from an image without its extensions.

    Parameters
    ----------
    header : mapping
        Header of the image, or the part of it that names the missing extensions.

    Returns
    -------
    `list` of `str`
        Warnings for the user.
    """
    notes = []
    if header.get("RSTNMASK"):
        notes.append(f"the mask is lost. It was True in {header['RSTNMASK']} pixels.")
    if header.get("RSTNFILL") and FILLED_KEYWORD not in header:
        notes.append(f"the record of the filled pixels is lost. There were {header['RSTNFILL']}.")
    if header.get("RSTUNC"):
        notes.append(f"the uncertainty is lost. It was a {header['RSTUNC']}.")
    elif CORRELATION_KEYWORD in header:
        notes.append("the uncertainty is lost. A Map's own save does not keep it.")
    return [f"{note} Save Maps with sunpy_restore.save to keep it." for note in notes]


def _attach(image, group):
    """Give a Map or a cube its mask and uncertainty."""
    if group.mask is not None:
        mask = read_array(group.mask, group.mask.header)
        _check_shape("MASK", mask, image.data.shape)
        image.mask = mask
    if group.uncert is not None:
        uncertainty, unit = read_uncertainty(group.uncert)
        _check_shape("UNCERT", uncertainty.array, image.data.shape)
        image.uncertainty = uncertainty
        # As it was saved: astropy takes that of the image where there is none.
        image.uncertainty._unit = unit


def _read_filled(group, image):
    """The filled pixels, whose record is too long for a header."""
    flags = read_array(group.filled, group.filled.header)
    _check_shape("FILLED", flags, image.data.shape)
    return flags


def _check_shape(name, array, shape):
    try:
        same = np.broadcast_shapes(np.shape(array), shape) == shape
    except ValueError:
        same = False
    if not same:
        raise ValueError(
            f"Found an image of shape {shape} and {name} of shape {np.shape(array)}. The image was cut or resampled "
            f"without it. Remove the extension {name}, or load the original file."
        )
