"""An image with its mask and uncertainty as FITS HDUs, from which the same arrays are read."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty

from sunpy_restore.core.cards import IMAGE_KEYWORDS, fits_header

__all__ = ["ImageHDUs", "group_hdus", "image_hdus", "read_array", "read_rows", "read_uncertainty", "table_hdu"]

_FORMAT = 1
_UNCERTAINTIES = {
    cls.__name__: cls for cls in (StdDevUncertainty, VarianceUncertainty, InverseVariance, UnknownUncertainty)
}
# FITS has no booleans in images, and neither 2-byte nor 16-byte floats.
_STORED_AS = {"bool": "uint8", "float16": "float32", "longdouble": "float64"}
_COLUMNS = ("PART", "KEYWORD", "STORED", "VALUE")


@dataclass
class ImageHDUs:
    """
    The HDUs of one image.

    Parameters
    ----------
    image : `~astropy.io.fits.PrimaryHDU` or `~astropy.io.fits.ImageHDU`
        The image.
    mask, uncert : `~astropy.io.fits.CompImageHDU` or `None`
        ``MASK`` and ``UNCERT``.
    rstmeta : `~astropy.io.fits.BinTableHDU` or `None`
        ``RSTMETA``.
    """

    image: object
    mask: object = None
    uncert: object = None
    rstmeta: object = None

    def lost(self):
        """
        What the header of the image names and the file lacks.

        Returns
        -------
        `dict`
            Keywords of `~sunpy_restore.core.cards.IMAGE_KEYWORDS` and their values.
        """
        header = self.image.header
        extensions = {"RSTNMASK": self.mask, "RSTUNC": self.uncert}
        return {key: header[key] for key, hdu in extensions.items() if key in header and hdu is None}


def image_hdus(data, meta, mask, uncertainty, *, number):
    """
    Make the HDUs of the arrays of one image.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx), or images of shape (time, ny, nx), of any real type.
    meta : mapping
        Its header as a Map has it.
    mask : array-like or `None`
        Its mask, which numpy can broadcast to the shape of ``data``.
    uncertainty : `~astropy.nddata.NDUncertainty` or `None`
        Its uncertainty.
    number : `int`
        Number of the image in the file, from 1. The first is the primary HDU.

    Returns
    -------
    `list`
        The image HDU, then ``MASK`` and ``UNCERT`` where there are such arrays.

    Raises
    ------
    TypeError
        An array does not hold real numbers.
    ValueError
        The shapes do not match, or the class of the uncertainty is not one of astropy's.
    """
    stored, _ = _stored(data, "data")
    header, added, extensions = fits_header(meta), {}, []
    if mask is not None:
        extensions.append(_flat_hdu("MASK", mask, data.shape, number))
        added["RSTNMASK"] = int(np.count_nonzero(np.broadcast_to(mask, data.shape)))
    if uncertainty is not None:
        added["RSTUNC"] = type(uncertainty).__name__
        if _UNCERTAINTIES.get(added["RSTUNC"]) is not type(uncertainty):
            raise ValueError(
                f"Found an uncertainty of the class {added['RSTUNC']}, expected one of {', '.join(_UNCERTAINTIES)}. "
                "Convert it, or set the uncertainty to None."
            )
        extensions.append(_flat_hdu("UNCERT", uncertainty.array, data.shape, number))
        extensions[-1].header["RSTUNC"] = (added["RSTUNC"], "type of the uncertainty")
        if uncertainty.unit is not None:
            extensions[-1].header["BUNIT"] = _unit_text(uncertainty.unit)
    if stored.dtype.kind != "i":
        # FITS allows it only for integers.
        header.remove("BLANK", ignore_missing=True)
    for key, value in added.items():
        header.remove(key, ignore_missing=True)
        header.append((key, value, IMAGE_KEYWORDS[key]), end=True)
    if number > 1:
        return [fits.ImageHDU(stored, header=header), *extensions]
    image = fits.PrimaryHDU(stored, header=header)
    # Otherwise astropy adds it while it writes, after the header was compared with that of the Map.
    image.header.set("EXTEND", True, after=f"NAXIS{stored.ndim}")
    return [image, *extensions]


def table_hdu(rows, data, *, number):
    """
    Make the HDU ``RSTMETA``, a table of text.

    Parameters
    ----------
    rows : `list` of `tuple` of `str`
        Rows of four texts.
    data : `~numpy.ndarray`
        The image, whose type the HDU names if FITS does not have it.
    number : `int`
        Number of the image in the file.

    Returns
    -------
    `~astropy.io.fits.BinTableHDU`
    """
    columns = [
        fits.Column(name, "PA()", array=np.array([_escaped(row[index]) for row in rows], dtype=object))
        for index, name in enumerate(_COLUMNS)
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="RSTMETA")
    _describe(hdu, number, _stored(data, "data")[1])
    return hdu


def group_hdus(hdus):
    """
    Find the HDUs of each image.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file that `~sunpy_restore.core.io.save` wrote.

    Returns
    -------
    `list` of `ImageHDUs`

    Raises
    ------
    ValueError
        An HDU is missing, there twice, or of a later version of the package.
    """
    groups = []
    for hdu in hdus:
        if hdu.is_image and hdu.header["NAXIS"] > 1:
            groups.append(ImageHDUs(hdu))
        elif "RSTFILE" in hdu.header and groups:
            if hdu.header["RSTFILE"] > _FORMAT:
                raise ValueError(
                    f"Found version {hdu.header['RSTFILE']} of the file layout, expected at most {_FORMAT}. "
                    "Update sunpy_restore."
                )
            if getattr(groups[-1], hdu.name.lower()) is not None:
                raise ValueError(f"Found two extensions {hdu.name} after image {len(groups)}, expected one.")
            setattr(groups[-1], hdu.name.lower(), hdu)
    for number, group in enumerate(groups, 1):
        if group.rstmeta is None:
            raise ValueError(f"Found no extension RSTMETA after image {number}. sunpy.map.Map opens the images alone.")
    if not groups:
        raise ValueError("Found no image.")
    return groups


def read_array(hdu, description):
    """
    Read an array as it was before it was saved.

    Parameters
    ----------
    hdu : HDU
        The array.
    description : `~astropy.io.fits.Header`
        Header with ``RSTDTYPE`` if FITS does not have the type, and with ``RSTAXISn`` if the array was made flat.

    Returns
    -------
    `~numpy.ndarray`
        Array in the byte order of the machine.

    Raises
    ------
    ValueError
        The number of values does not match the shape.
    """
    data = hdu.data
    dtype = description.get("RSTDTYPE", data.dtype.name)
    if _STORED_AS.get(dtype) != data.dtype.name:
        # Another program may have changed the type.
        dtype = data.dtype.name
    data = np.array(data, dtype=dtype)
    if hdu.header["NAXIS"] > 1:
        return data
    shape = tuple(description[f"RSTAXIS{axis}"] for axis in range(description["RSTNAXIS"], 0, -1))
    if data.size != np.prod(shape, dtype=int):
        raise ValueError(f"Found {data.size} values in the extension {hdu.name}, expected the shape {shape}.")
    return data.reshape(shape)[()]


def read_uncertainty(hdu):
    """
    Read an uncertainty.

    Parameters
    ----------
    hdu : `~astropy.io.fits.CompImageHDU`
        The extension ``UNCERT``.

    Returns
    -------
    uncertainty : `~astropy.nddata.NDUncertainty`
        The uncertainty, which has no unit yet.
    unit : `~astropy.units.Unit` or `None`
        Its unit.

    Raises
    ------
    ValueError
        Its class is unknown.
    """
    kind = hdu.header.get("RSTUNC")
    if kind not in _UNCERTAINTIES:
        raise ValueError(f"Found RSTUNC = {kind!r}, expected one of {', '.join(_UNCERTAINTIES)}.")
    unit = hdu.header.get("BUNIT")
    return _UNCERTAINTIES[kind](read_array(hdu, hdu.header), copy=False), None if unit is None else _unit(unit)


def read_rows(hdu):
    """
    Read the rows of the HDU ``RSTMETA``.

    Parameters
    ----------
    hdu : `~astropy.io.fits.BinTableHDU`
        The table.

    Returns
    -------
    `list` of `tuple` of `str`
    """
    # The views keep spaces, which an array of characters removes.
    columns = [["".join(text.view(np.ndarray)) for text in hdu.data[name]] for name in _COLUMNS]
    return [tuple(text.encode("ascii").decode("unicode_escape") for text in row) for row in zip(*columns, strict=True)]


def _escaped(text):
    return text.encode("unicode_escape").decode("ascii")


def _unit(text):
    return u.Unit(text, parse_strict="silent")


def _unit_text(unit):
    text = unit.to_string()
    if _unit(text) != unit:
        raise ValueError(
            f"The unit {text!r} of the uncertainty cannot be read from a file. Use a unit that astropy has."
        )
    return text


def _stored(array, name):
    """The array in a type that FITS has, and the name of its own type if that is another."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Found {name} of the type {array.dtype}, expected real numbers.")
    dtype = "longdouble" if array.dtype == np.longdouble and array.dtype.itemsize > 8 else array.dtype.name
    if dtype not in _STORED_AS:
        # In FITS's byte order, for astropy would otherwise swap the bytes of the caller's array while it writes.
        return array.astype(array.dtype.newbyteorder(">") if array.dtype.kind != "u" else dtype, copy=False), None
    stored = array.astype(_STORED_AS[dtype])
    if not np.array_equal(stored.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"):
        raise ValueError(f"Found {name} of the type {array.dtype} that float64 cannot hold. Convert it to float64.")
    return stored, dtype


def _flat_hdu(name, array, shape, number):
    """A compressed extension of one axis: sunpy takes those of more axes for images."""
    array = np.asarray(array)
    stored, dtype = _stored(array, name)
    try:
        fits_shape = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits_shape = False
    if not fits_shape:
        raise ValueError(f"Found {name} of shape {array.shape}, expected {shape}, that of the data.")
    # Without quantization, so that no digit is lost
    hdu = fits.CompImageHDU(stored.ravel(), name=name, compression_type="GZIP_1", quantize_level=0)
    hdu.header["RSTNAXIS"] = (array.ndim, "number of axes")
    for axis, length in enumerate(reversed(array.shape), 1):
        hdu.header[f"RSTAXIS{axis}"] = (length, f"length of axis {axis}")
    _describe(hdu, number, dtype)
    return hdu


def _describe(hdu, number, dtype):
    hdu.header["EXTVER"] = (number, "number of the image in the file")
    hdu.header["RSTFILE"] = (_FORMAT, "written by sunpy_restore, version of the layout")
    if dtype is not None:
        hdu.header["RSTDTYPE"] = (dtype, "type of the array in memory")
