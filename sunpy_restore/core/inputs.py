"""Maps and masks that are read from files."""

from pathlib import Path

import numpy as np

__all__ = ["read_map", "read_maps", "read_mask"]


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
        The file cannot be opened as a Map, or contains several images.
    """
    from sunpy.map import GenericMap

    from sunpy_restore.core.io import load

    try:
        found = load(path)
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{path} ").removeprefix(f"{path}: ")) from error
    if isinstance(found, GenericMap):
        return found
    kind = f"{len(found)} images" if isinstance(found, list | tuple) else f"a {type(found).__name__}"
    raise ValueError(f"Found {kind}; expected one image. Save each image as a file of its own.")


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
            f"{path} cannot be opened as a mask ({error}); expected a .npy file, or a FITS file with an image."
        ) from error
    if len(images) != 1:
        raise ValueError(f"{path}: found {len(images)} images; expected one, the mask.")
    if images[0].dtype.kind not in "biuf" or not np.isfinite(images[0]).all():
        raise ValueError(f"{path}: found NaN or text ({images[0].dtype}); expected numbers as the mask.")
    return images[0] != 0
