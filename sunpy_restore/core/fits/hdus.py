"""An image with its mask, filled pixels and uncertainty as FITS HDUs, from which the same arrays are read."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty

from sunpy_restore.core.fits.arrays import FORMAT, describe, flat_hdu, read_array, to_fits_type
from sunpy_restore.core.fits.cards import IMAGE_KEYWORDS, fits_header
from sunpy_restore.core.images.filled import FILLED_KEYWORD

__all__ = ["ImageHDUs", "group_hdus", "image_hdus", "read_rows", "read_uncertainty", "table_hdu"]

_UNCERTAINTIES = {
    cls.__name__: cls for cls in (StdDevUncertainty, VarianceUncertainty, InverseVariance, UnknownUncertainty)
}
_COLUMNS = ("PART", "KEYWORD", "STORED", "VALUE")


@dataclass
class ImageHDUs:
    """
    The HDUs of one image.

    Parameters
    ----------
    image : `~astropy.io.fits.PrimaryHDU` or `~astropy.io.fits.ImageHDU`
        The image.
    mask, filled, uncert : `~astropy.io.fits.CompImageHDU` or `None`
        ``MASK``, ``FILLED`` and ``UNCERT``.
    rstmeta : `~astropy.io.fits.BinTableHDU` or `None`
        ``RSTMETA``.
    """

    image: object
    mask: object = None
    filled: object = None
    uncert: object = None
    rstmeta: object = None

    def lost(self):
        """
        What the header of the image names and the file lacks.

        Returns
        -------
        `dict`
            Keywords of `~sunpy_restore.core.fits.cards.IMAGE_KEYWORDS` and their values.
        """
        header = self.image.header
        filled = self.filled or header.get(FILLED_KEYWORD)
        extensions = {"RSTNMASK": self.mask, "RSTNFILL": filled, "RSTUNC": self.uncert}
        return {key: header[key] for key, hdu in extensions.items() if key in header and hdu is None}


def image_hdus(data, meta, mask, uncertainty, *, filled=None, number):
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
    filled : `~numpy.ndarray` of `bool`, optional
        True where pixels were filled, in the shape of ``data``.
    number : `int`
        Number of the image in the file, from 1. The first is the primary HDU.

    Returns
    -------
    `list`
        The image HDU, then ``MASK``, ``FILLED`` and ``UNCERT`` where there are such arrays.

    Raises
    ------
    TypeError
        An array does not hold real numbers.
    ValueError
        The shapes do not match, or the class of the uncertainty is not one of astropy's.
    """
    stored = to_fits_type(data, "data")
    header, added, extensions = fits_header(meta), {}, []
    if mask is not None:
        mask = np.asarray(mask)
        extensions.append(flat_hdu("MASK", mask, data.shape, number))
        added["RSTNMASK"] = int(np.count_nonzero(np.broadcast_to(mask, data.shape)))
    if filled is not None:
        extensions.append(flat_hdu("FILLED", filled, data.shape, number))
        added["RSTNFILL"] = int(np.count_nonzero(filled))
    if uncertainty is not None:
        added["RSTUNC"] = type(uncertainty).__name__
        if _UNCERTAINTIES.get(added["RSTUNC"]) is not type(uncertainty):
            raise ValueError(
                f"Found an uncertainty of the class {added['RSTUNC']}; expected one of {', '.join(_UNCERTAINTIES)}. "
                "Convert it, or set the uncertainty to None."
            )
        extensions.append(flat_hdu("UNCERT", uncertainty.array, data.shape, number))
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


def table_hdu(rows, dtype, *, number):
    """
    Make the HDU ``RSTMETA``, a table of text.

    Parameters
    ----------
    rows : `list` of `tuple` of `str`
        Rows of four texts.
    dtype : `numpy.dtype`
        Type of the image.
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
    describe(hdu, number, dtype)
    return hdu


def group_hdus(hdus):
    """
    Find the HDUs of each image.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file that `~sunpy_restore.core.fits.io.save` wrote.

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
            if hdu.header["RSTFILE"] > FORMAT:
                raise ValueError(
                    f"Found version {hdu.header['RSTFILE']} of the file layout; expected at most {FORMAT}. "
                    "Update sunpy_restore."
                )
            if getattr(groups[-1], hdu.name.lower()) is not None:
                raise ValueError(f"Found two extensions {hdu.name} after image {len(groups)}; expected one.")
            setattr(groups[-1], hdu.name.lower(), hdu)
    for number, group in enumerate(groups, 1):
        if group.rstmeta is None:
            raise ValueError(f"Found no extension RSTMETA after image {number}. sunpy.map.Map opens the images alone.")
    if not groups:
        raise ValueError("Found no image.")
    return groups


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
        raise ValueError(f"Found RSTUNC = {kind!r}; expected one of {', '.join(_UNCERTAINTIES)}.")
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
