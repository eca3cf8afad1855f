"""Save images with their masks and uncertainties in one FITS file, and load them."""

import gzip
import os
import warnings
from pathlib import Path

import ndcube
import numpy as np

from astropy.io import fits

import sunpy.map
from sunpy.map import MapSequence
from sunpy.util import MetaDict

from sunpy_restore.core.arrays import read_array
from sunpy_restore.core.atomic import atomic_path
from sunpy_restore.core.cards import apply_differences, differences, fits_header, read_meta
from sunpy_restore.core.checksums import verified_source
from sunpy_restore.core.containers import as_maps
from sunpy_restore.core.cubefile import cube_from_rows, cube_header, cube_rows
from sunpy_restore.core.filenames import is_fits
from sunpy_restore.core.filled import FILLED_KEYWORD, filled, record_filled, record_filled_cube, without_long_record
from sunpy_restore.core.hdus import group_hdus, image_hdus, read_rows, read_uncertainty, table_hdu
from sunpy_restore.core.maps import new_map
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.uncertainty import CORRELATION_KEYWORD

__all__ = ["load", "save"]

_CONTAINERS = {"list": list, "tuple": tuple, "MapSequence": lambda maps: MapSequence(*maps, sortby=None)}


def save(image, path, *, overwrite=False):
    """
    Save images with masks, filled pixels, uncertainties and headers in one FITS file.

    The file holds each image as `sunpy.map.Map` opens it, and extensions with what a Map's own ``save`` leaves out:
    ``MASK``, ``FILLED`` and ``UNCERT`` (compressed without loss, with one axis) and ``RSTMETA``, a table of the header
    values that FITS cannot hold. The filled pixels are in the header, too, unless their record is too long for it. The
    header of the image names the extensions: ``RSTNMASK`` is the number of masked pixels, ``RSTNFILL`` that of filled
    pixels, and ``RSTUNC`` the type of the uncertainty. All HDUs have checksums.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        The images, of any real data type. An NDCube has the axes (y, x) or (time, y, x) and a FITS WCS. Plot settings
        are not saved.
    path : path-like
        Name of the file. It ends in ``.fits``, ``.fit`` or ``.fts``, or one of these and ``.gz``.
    overwrite : `bool`
        Whether to replace the file if it exists. The old file is kept until the new one is complete.

    Raises
    ------
    FileExistsError
        The file exists and ``overwrite`` is `False`.
    OSError
        The file cannot be written, for example because the disk is full.
    TypeError
        ``image`` is of another type, or its data are not real numbers.
    ValueError
        The name has another ending, or a part of the image cannot be saved, such as a WCS that is no FITS WCS.

    Warns
    -----
    `~sunpy_restore.core.exceptions.RestoreWarning`
        The header of a Map belongs to another class of Maps, which `load` will return.

    See Also
    --------
    load

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore.core.io import load, save
    >>> from sunpy_restore.data import sample_path
    >>> smap = sunpy.map.Map(sample_path("aia_193_flare"))
    >>> smap.mask = smap.data > 16000
    >>> path = getfixture("tmp_path") / "flare.fits"
    >>> save(smap, path)
    >>> bool((load(path).mask == smap.mask).all())
    True
    """
    path = _checked_path(path)
    if not is_fits(path.name):
        raise ValueError(f"Found the file name {path.name!r}; expected one that ends in .fits or .fits.gz.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Choose another name, or set overwrite=True.")
    hdus, opened_as = _file_hdus(image)
    with atomic_path(path) as temporary, _open(temporary) as file:
        fits.HDUList(hdus).writeto(_Stream(file), checksum=True)
    for found, expected in dict.fromkeys(opened_as):
        warn_user(f"The header of the {found} is that of a {expected}, which is what opens from {path}.")


def load(path):
    """
    Load what `save` has written, or open another file as a Map.

    Parameters
    ----------
    path : path-like
        A file that `save` has written, or any other file that `sunpy.map.Map` opens.

    Returns
    -------
    `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        What was saved: the same type, data, mask, filled pixels, uncertainty and header. Of another file, the result of
        `sunpy.map.Map`.

    Raises
    ------
    TypeError
        The path is no path.
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, its mask or uncertainty does not have the shape of the image, or it does not open as a
        Map.

    Warns
    -----
    `~sunpy_restore.core.exceptions.RestoreWarning`
        A mask or an uncertainty is lost, because the file was saved again by a program that does not keep it.

    See Also
    --------
    save
    """
    path = _checked_path(path)
    if not path.is_file():
        kind = "a folder; expected a FITS file" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: {kind}.")
    source = verified_source(path)
    if source is None:
        result, notes = _open_other(path)
    else:
        try:
            with source() as file, fits.open(file, ignore_blank=True) as hdus:
                result, notes = _read(hdus)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    for note in dict.fromkeys(notes):
        warn_user(f"{path}: {note}")
    return result


def _open(path):
    # The highest level takes a minute for 4096 x 4096 integers of which few differ.
    return gzip.open(path, "wb", compresslevel=4) if path.suffix == ".gz" else path.open("wb")


def _checked_path(path):
    """The path, refused if it is something else; swapped arguments are common."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"Found {type(path).__name__} as the path; expected the name of one file. Call save(image, path), and load "
            "several files one by one."
        )
    return Path(path).expanduser()


class _Stream:
    """A file as a stream: into a file astropy writes with `numpy.ndarray.tofile`, whose errors do not say why."""

    def __init__(self, file):
        for name in ("name", "write", "tell", "seek", "flush", "close"):
            setattr(self, name, getattr(file, name))


def _file_hdus(image):
    """All HDUs, and the names of the classes of Maps that open as another class, each with that one."""
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


def _open_other(path):
    try:
        found = sunpy.map.Map(path)
    # sunpy has many readers, and each has its own errors
    except Exception as error:
        # The advice of sunpy is about an argument that load does not have
        reason = str(error).removeprefix(f"Failed to read {path}").partition("If you want to bypass")[0].strip()
        reason = reason or type(error).__name__
        raise ValueError(f"{path} does not open as a Map ({reason}); expected a file with an image.") from error
    maps = found if isinstance(found, list) else [found]
    return found, [note for smap in maps for note in _losses(smap.meta)]


def _losses(header):
    """What is lost, of the header of an image without extensions."""
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


def _read(hdus):
    """The images of a file, and notes for the user."""
    groups = group_hdus(hdus)
    header = groups[0].rstmeta.header
    if len(groups) != header.get("RSTCOUNT"):
        expected = header.get("RSTCOUNT", "another number")
        raise ValueError(f"Found {len(groups)} images; expected {expected}. sunpy.map.Map opens the images alone.")
    kind = header["RSTKIND"]
    notes = [note for group in groups for note in _losses(group.lost())]
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
