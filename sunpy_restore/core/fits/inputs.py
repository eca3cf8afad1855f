"""Maps and masks that are read from files."""

import warnings
from pathlib import Path

import numpy as np

from sunpy_restore.core.messages import text_of_numpy

__all__ = ["is_truncated", "read_map", "read_maps", "read_mask", "read_quantity"]


def read_map(path):
    """
    Open a file with one Map, with its mask and uncertainty if `sunpy_restore.save` has written it.

    Parameters
    ----------
    path : path-like
        Any file that `sunpy_restore.load` opens.

    Returns
    -------
    `~sunpy.map.GenericMap`

    Raises
    ------
    ValueError
        The file cannot be opened as a Map, or contains several images or an image of several planes.
    """
    from sunpy.map import GenericMap

    from sunpy_restore.core.fits.io import load

    _refuse_planes(path)
    try:
        found = load(path)
    except (ImportError, ValueError) as error:
        reason = _reason(Path(path), str(error))
        raise ValueError(reason or str(error).removeprefix(f"{path} ").removeprefix(f"{path}: ")) from error
    if isinstance(found, GenericMap):
        return found
    kind = f"{len(found)} images" if isinstance(found, list | tuple) else f"a {type(found).__name__}"
    raise ValueError(f"Found {kind}; expected one image. Save each image as a file of its own.")


def _refuse_planes(path):
    """Refuse an image with several planes, of which `sunpy.map.Map` would take the first one without an error."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path) as hdus:
                shapes = [hdu.shape for hdu in hdus if hdu.is_image]
    # Reading it as a Map tells what is wrong
    except Exception:  # noqa: BLE001
        return
    images = [shape for shape in shapes if len(shape) >= 2]
    if len(images) == 1 and np.prod(images[0][:-2]) > 1:
        shape = " x ".join(map(str, images[0]))
        raise ValueError(
            f"Found an image of {np.prod(images[0][:-2])} planes ({shape}); expected one plane. Save each as a file of "
            "its own."
        )


def _reason(path, error):
    """Why a file does not open, if that is a missing reader or a missing part of the file."""
    if path.suffix.lower() in (".jp2", ".jpx", ".j2k") and ("glymur" in error or "openj" in error.lower()):
        return (
            "Found a JPEG 2000 file, but no reader for it; expected the package glymur and the library OpenJPEG. Run: "
            'pip install "sunpy[jpeg2000]", and install openjpeg with conda or libopenjp2-7 with the package manager '
            "of the system."
        )
    if "ended before" in error or is_truncated(path):
        return (
            f"Found {path.stat().st_size} bytes, fewer than the file announces: it is truncated; expected all of it. "
            "Download or copy it again."
        )
    return None


def is_truncated(path):
    """
    Whether a FITS file ends before its headers say.

    Parameters
    ----------
    path : path-like
        Name of the file.

    Returns
    -------
    `bool`
    """
    from astropy.io import fits

    failure = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path) as hdus:
                len(hdus)
        # Damaged files fail in many ways
        except Exception as error:  # noqa: BLE001
            failure = str(error)
    found = " ".join([failure, *(str(warning.message) for warning in caught)])
    # What astropy says of missing data, a header without its end, and a file that ends within a block
    return any(text in found for text in ("truncated", "END card", "multiple of 2880"))


def read_maps(paths):
    """
    Open files with one Map each.

    Parameters
    ----------
    paths : iterable of path-like
        See `read_map`.

    Returns
    -------
    `list` of `~sunpy.map.GenericMap`
    """
    return [read_map(path) for path in paths]


def read_mask(path):
    """
    Read the mask of an image from a file.

    Parameters
    ----------
    path : path-like
        A file ``.npy``, or a FITS file with one image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        True where the file is not zero.

    Raises
    ------
    ValueError
        It cannot be opened, holds no image or several, or has values that are not finite.
    """
    from astropy.io import fits

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        if path.suffix == ".npy":
            images = [np.load(path, allow_pickle=False)]
        else:
            with fits.open(path) as hdus:
                images = [hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None]
    # Damaged files fail in many ways
    except Exception as error:
        raise ValueError(
            f"{path} cannot be opened as a mask ({text_of_numpy(error)}); expected a .npy file, or a FITS file with "
            "an image."
        ) from error
    if len(images) != 1:
        raise ValueError(f"{path}: found {len(images)} images; expected one, the mask.")
    if images[0].dtype.kind not in "biuf" or not np.isfinite(images[0]).all():
        raise ValueError(f"{path}: found NaN or text ({images[0].dtype}); expected numbers as the mask.")
    return images[0] != 0


def read_quantity(text):
    """
    Read a number that may have a unit.

    Parameters
    ----------
    text : `str`
        Such as ``"2.9"`` or ``"2.9 s"``.

    Returns
    -------
    `float` or `~astropy.units.Quantity`
        A number without unit is a `float`.

    Raises
    ------
    ValueError
        The text is something else.

    Examples
    --------
    >>> from sunpy_restore.core.fits.inputs import read_quantity
    >>> read_quantity("2.9"), read_quantity("2.9 s")
    (2.9, <Quantity 2.9 s>)
    """
    import astropy.units as u

    try:
        return float(text)
    except ValueError:
        pass
    try:
        value = u.Quantity(text)
    except (TypeError, ValueError):
        raise ValueError(f"Found {text!r}; expected a number, or a number and its unit.") from None
    if not value.isscalar:
        raise ValueError(f"Found {text!r}; expected one number.")
    return value
