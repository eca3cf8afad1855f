"""Arrays of any real type in FITS extensions, from which the same arrays are read."""

import gzip

import numpy as np

from astropy.io import fits

__all__ = ["FORMAT", "describe", "flat_hdu", "read_array", "to_fits_type"]

FORMAT = 1
"""Version of the layout of files, the value of ``RSTFILE``."""

# FITS has no booleans in images, and neither 2-byte nor 16-byte floats.
_STORED_AS = {"bool": "uint8", "float16": "float32", "longdouble": "float64"}
_TILE = 2**20  # values


def own_type(dtype):
    """
    Name of a type that FITS does not have.

    Parameters
    ----------
    dtype : `numpy.dtype`
        Type of an array.

    Returns
    -------
    `str` or `None`
        Its name, for ``RSTDTYPE``. `None` if FITS has the type.
    """
    name = "longdouble" if dtype == np.longdouble and dtype.itemsize > 8 else dtype.name
    return name if name in _STORED_AS else None


def to_fits_type(array, name):
    """
    Convert an array to a type that FITS has.

    Parameters
    ----------
    array : `~numpy.ndarray`
        Array of any real type.
    name : `str`
        What it is, for the error message.

    Returns
    -------
    `~numpy.ndarray`
        Array of the same values.

    Raises
    ------
    TypeError
        The array does not hold real numbers.
    ValueError
        A 16-byte float has more digits than FITS can hold.
    """
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Found {name} of the type {array.dtype}; expected real numbers.")
    dtype = own_type(array.dtype)
    if dtype is None and array.dtype.kind == "u":
        return array
    if dtype is None:
        # In the byte order of FITS: astropy would otherwise swap the bytes of the caller's array while it writes.
        return array.astype(array.dtype.newbyteorder(">"), copy=False)
    stored = array.astype(_STORED_AS[dtype])
    if not np.array_equal(stored.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"):
        raise ValueError(f"Found {name} of the type {array.dtype} that float64 cannot hold. Convert it to float64.")
    return stored


def flat_hdu(name, array, shape, number):
    """
    Make a compressed extension with one axis. `sunpy.map.Map` takes extensions with more axes for images.

    Parameters
    ----------
    name : `str`
        Its name.
    array : array-like
        Array of any real type, which numpy can broadcast to ``shape``.
    shape : `tuple` of `int`
        Shape of the image.
    number : `int`
        Number of the image in the file.

    Returns
    -------
    `~astropy.io.fits.CompImageHDU`, `~astropy.io.fits.BinTableHDU` or `~astropy.io.fits.ImageHDU`
        The extension, with its shape in ``RSTNAXIS`` and ``RSTAXISn``.

    Raises
    ------
    TypeError
        The array does not hold real numbers.
    ValueError
        The shapes do not match.
    """
    array = np.asarray(array)
    stored = to_fits_type(array, name)
    try:
        fits_shape = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits_shape = False
    if not fits_shape:
        raise ValueError(f"Found {name} of shape {array.shape}; expected {shape}, that of the data.")
    flat = stored.ravel()
    if array.dtype == bool:
        tile = min(_TILE, flat.size)
        hdu = fits.CompImageHDU(flat, name=name, compression_type="PLIO_1", tile_shape=(tile,))
    elif flat.dtype.kind in "if" and flat.dtype.itemsize > 1:
        hdu = _gzip_hdu(flat, name)
    else:
        # Small or unsigned integers
        hdu = fits.ImageHDU(flat, name=name)
    hdu.header["RSTNAXIS"] = (array.ndim, "number of axes")
    for axis, length in enumerate(reversed(array.shape), 1):
        hdu.header[f"RSTAXIS{axis}"] = (length, f"length of axis {axis}")
    describe(hdu, number, array.dtype)
    return hdu


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
        raise ValueError(f"Found {data.size} values in the extension {hdu.name}; expected the shape {shape}.")
    return data.reshape(shape)[()]


def describe(hdu, number, dtype):
    """
    Mark an extension as one of `~sunpy_restore.core.fits.io.save`, in its header.

    Parameters
    ----------
    hdu : HDU
        The extension.
    number : `int`
        Number of the image in the file.
    dtype : `numpy.dtype`
        Type of the array in memory, which the header names if FITS does not have it.
    """
    hdu.header["EXTVER"] = (number, "number of the image in the file")
    hdu.header["RSTFILE"] = (FORMAT, "written by sunpy_restore, version of the layout")
    if own_type(dtype) is not None:
        hdu.header["RSTDTYPE"] = (own_type(dtype), "type of the array in memory")


def _gzip_hdu(flat, name):
    """
    A compressed image without quantization, for big-endian numbers.

    Astropy writes the same, with zlib's highest level: a minute for 4096 x 4096 values of which few differ.
    """
    starts = range(0, flat.size, _TILE)
    tiles = np.empty(len(starts), object)
    for index, start in enumerate(starts):
        tile = gzip.compress(flat[start : start + _TILE].tobytes(), compresslevel=1)
        tiles[index] = np.frombuffer(tile, np.uint8)
    kind = "QB()" if flat.nbytes >= 2**31 else "PB()"
    hdu = fits.BinTableHDU.from_columns([fits.Column("COMPRESSED_DATA", kind, array=tiles)], name=name)
    bits = 8 * flat.dtype.itemsize
    hdu.header.update(
        ZIMAGE=True,
        ZTENSION="IMAGE",
        ZBITPIX=-bits if flat.dtype.kind == "f" else bits,
        ZNAXIS=1,
        ZNAXIS1=flat.size,
        ZPCOUNT=0,
        ZGCOUNT=1,
        ZTILE1=_TILE,
        ZCMPTYPE="GZIP_1",
    )
    return hdu
