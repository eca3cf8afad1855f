"""Everything of an NDCube except its arrays, as text from which the same cube is made."""

import copy
import re
from collections import OrderedDict

import ndcube
import numpy as np
from ndcube import ExtraCoords
from ndcube.extra_coords.table_coord import QuantityTableCoordinate, TimeTableCoordinate
from ndcube.meta import NDMeta
from ndcube.wcs.tools import unwrap_wcs_to_fitswcs
from ndcube.wcs.wrappers import ResampledLowLevelWCS

from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from sunpy.util import MetaDict

from sunpy_restore.core.fits.cards import from_text, to_text
from sunpy_restore.core.images.cubes import image_headers
from sunpy_restore.core.images.filled import FILLED_KEYWORD, without_long_record

__all__ = ["cube_from_rows", "cube_header", "cube_rows"]

# Attributes of astropy.wcs.Wcsprm, of which WCS.to_header keeps 14 digits
_NUMBERS = (
    "crpix crval cdelt cd pc crota lonpole latpole mjdref mjdobs mjdavg mjdbeg mjdend obsgeo equinox restfrq restwav "
    "velosys velangl zsource crder csyer cperi czphs xposure telapse tstart tstop timeoffs timepixr timedel timrder "
    "timsyer bepoch jepoch"
).split()
_OBSERVER = "rsun_ref dsun_obs crln_obs hgln_obs hglt_obs a_radius b_radius c_radius bdis_obs blon_obs blat_obs".split()
# Keywords of the time axis, which the header of a single image lacks
_THIRD_AXIS = re.compile(r"wcsaxes|(ctype|cunit|crpix|crval|cdelt)3|(pc|cd)(3_\d|\d_3)|mjdref[if]?|dateref|timesys")
_METAS = {cls.__name__: cls for cls in (dict, OrderedDict, MetaDict, NDMeta, fits.Header)}
_TABLES = {cls.__name__: cls for cls in (QuantityTableCoordinate, TimeTableCoordinate)}


def cube_header(cube):
    """
    Make a header for the data of a cube, for programs that do not know cubes.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        Cube of the axes (y, x) or (time, y, x).

    Returns
    -------
    `dict`
        Header of the first image, with the WCS of the time axis.

    Raises
    ------
    TypeError
        The WCS is not, at its base, a FITS WCS.
    ValueError
        The cube has other axes.
    """
    header = image_headers(cube)[0]
    header.pop("blank", None)
    # That of several images, which a Map of the first would take for its own. The meta has it, too.
    header.pop(FILLED_KEYWORD, None)
    if cube.data.ndim == 3:
        # ndcube 2.4.0 rescales the WCS that it is given
        cards = unwrap_wcs_to_fitswcs(copy.deepcopy(cube.wcs))[0].to_header()
        header |= {key.lower(): value for key, value in cards.items() if _THIRD_AXIS.fullmatch(key.lower())}
    return header


def cube_rows(cube):
    """
    Describe a cube.

    Parameters
    ----------
    cube : `~ndcube.NDCube`
        Cube with a FITS WCS, or a slice or a rebinning of one.

    Returns
    -------
    `list` of `tuple` of `str`
        Rows for the HDU ``RSTMETA``: class, WCS, unit, ``meta`` and coordinates.

    Raises
    ------
    ValueError
        A part of the cube cannot be written.
    """
    if cube.psf is not None:
        raise ValueError("The psf of an NDCube is not saved. Set it to None.")
    extra = cube.extra_coords
    if type(extra) is not ExtraCoords or extra._wcs is not None:
        raise ValueError("Found extra_coords made from a WCS; expected lookup tables. Save a list of Maps instead.")
    parts = {
        "class": _name(type(cube)),
        "wcs": _describe_wcs(cube.wcs),
        "unit": cube.unit,
        "meta": _describe_meta(cube.meta),
        "global_coords": [(name, *coordinate) for name, coordinate in cube.global_coords._internal_coords.items()],
        "extra_coords": [(axis, _describe_table(table)) for axis, table in extra._lookup_tables],
        "dropped_coords": [_describe_table(table) for table in extra._dropped_tables],
    }
    rows = [("cube", key, "", to_text(value, f"{key} of the NDCube")) for key, value in parts.items()]
    try:
        found, _ = cube_from_rows(rows, cube.data)
        same = found.unit == cube.unit and to_text(_describe_wcs(found.wcs)) == to_text(parts["wcs"])
    # A class, WCS or coordinate that cannot be made again raises errors of many kinds
    except Exception as error:
        raise ValueError(
            f"The NDCube cannot be made again from a file ({error}). Save a list of Maps instead."
        ) from error
    if not same:
        raise ValueError("The WCS or unit of the NDCube would change in a FITS file. Save a list of Maps instead.")
    return rows


def cube_from_rows(rows, data):
    """
    Make a cube.

    Parameters
    ----------
    rows : `list` of `tuple` of `str`
        Result of `cube_rows`.
    data : `~numpy.ndarray`
        The data.

    Returns
    -------
    cube : `~ndcube.NDCube`
        The cube, without mask and uncertainty.
    missing : `str` or `None`
        Name of its class if that is not imported. It is an `~ndcube.NDCube` then.
    """
    parts = {keyword: from_text(text) for kind, keyword, _, text in rows if kind == "cube"}
    classes = [ndcube.NDCube]
    for cls in classes:
        classes.extend(cls.__subclasses__())
    known = {_name(cls): cls for cls in classes}
    cls = known.get(parts["class"], ndcube.NDCube)
    cube = cls(data, wcs=_make_wcs(parts["wcs"]), meta=_make_meta(parts["meta"]), unit=parts["unit"])
    for coordinate in parts["global_coords"]:
        cube.global_coords.add(*coordinate)
    extra = ExtraCoords(cube)
    extra._lookup_tables = [(axis, _make_table(table)) for axis, table in parts["extra_coords"]]
    extra._dropped_tables = [_make_table(table) for table in parts["dropped_coords"]]
    cube._extra_coords = extra
    return cube, None if parts["class"] in known else parts["class"]


def _name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def _describe_wcs(wcs):
    wcs = getattr(wcs, "low_level_wcs", wcs)
    if isinstance(wcs, SlicedLowLevelWCS):
        # An index, or start and stop
        slices = [[item.start, item.stop] if isinstance(item, slice) else int(item) for item in wcs._slices_array]
        return {"slices": slices, "of": _describe_wcs(wcs._wcs)}
    if isinstance(wcs, ResampledLowLevelWCS):
        return {"factor": wcs._factor.tolist(), "offset": wcs._offset.tolist(), "of": _describe_wcs(wcs._wcs)}
    if not isinstance(wcs, WCS) or wcs.has_distortion:
        found = f"a {type(wcs).__name__}" + (" with distortions" if isinstance(wcs, WCS) else "")
        raise ValueError(f"Found {found}; expected a FITS WCS without distortions. Save a list of Maps instead.")
    header = dict(wcs.to_header(relax=True))
    if wcs.wcs.has_cd():
        # It has the CD matrix as PC; the numbers below are the CD matrix.
        header = {key: value for key, value in header.items() if not key.startswith(("PC", "CDELT"))}
        header |= {f"CD{axis}_{axis}": 1.0 for axis in range(1, wcs.naxis + 1)}
    numbers = {name: np.asarray(getattr(wcs.wcs, name)).tolist() for name in _NUMBERS if _has(wcs.wcs, name)}
    return {
        "header": header,
        "numbers": numbers,
        "pv": wcs.wcs.get_pv(),
        "observer": {name: getattr(wcs.wcs.aux, name, None) for name in _OBSERVER},
        "shape": wcs.pixel_shape,
        "bounds": wcs.pixel_bounds,
    }


def _has(parameters, name):
    # Of PC, CD and CROTA there is one
    try:
        getattr(parameters, name)
    except AttributeError:
        return False
    return name != "cdelt" or not parameters.has_cd()


def _make_wcs(description):
    if "slices" in description:
        slices = [slice(*item) if isinstance(item, list) else item for item in description["slices"]]
        return SlicedLowLevelWCS(_make_wcs(description["of"]), slices)
    if "factor" in description:
        return ResampledLowLevelWCS(_make_wcs(description["of"]), description["factor"], description["offset"])
    wcs = WCS(fits.Header(description["header"]), fix=False)
    for name, number in description["numbers"].items():
        setattr(wcs.wcs, name, number)
    if description["pv"]:
        wcs.wcs.set_pv(description["pv"])
    for name, number in description["observer"].items():
        if number is not None:
            setattr(wcs.wcs.aux, name, number)
    wcs.wcs.set()
    wcs.pixel_shape, wcs.pixel_bounds = description["shape"], description["bounds"]
    return wcs


def _describe_meta(meta):
    kind = type(meta).__name__
    if _METAS.get(kind) is not type(meta):
        raise ValueError(f"Found meta of the class {kind}; expected one of {', '.join(_METAS)}. Convert it to a dict.")
    meta = without_long_record(meta)
    if kind == "Header":
        return {"class": kind, "values": meta.tostring(sep="\n", endcard=False, padding=False)}
    for key, value in meta.items():
        to_text(value, f"entry {key!r} of the meta of the NDCube")
    description = {"class": kind, "values": dict(meta)}
    if kind == "NDMeta":
        description |= {"key_comments": meta.key_comments, "axes": {key: list(axes) for key, axes in meta.axes.items()}}
    return description


def _make_meta(description):
    description = dict(description)
    cls, values = _METAS[description.pop("class")], description.pop("values")
    return cls.fromstring(values, sep="\n") if cls is fits.Header else cls(values, **description)


def _describe_table(table):
    kind = type(table).__name__
    if _TABLES.get(kind) is not type(table) or table.dropped_world_dimensions["value"]:
        raise ValueError(
            f"Found extra_coords in a {kind}; expected Time or Quantity along whole axes. Save a list of Maps instead."
        )
    description = {
        "class": kind,
        "tables": [table.table] if kind == "TimeTableCoordinate" else list(table.table),
        "names": table.names,
        "types": table.physical_types,
    }
    return description | ({"reference": table.reference_time} if kind == "TimeTableCoordinate" else {})


def _make_table(description):
    options = {"names": description["names"], "physical_types": description["types"]}
    if "reference" in description:
        options["reference_time"] = description["reference"]
    return _TABLES[description["class"]](*description["tables"], **options)
