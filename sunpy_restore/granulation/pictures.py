"""Textures as TIFF and PNG files, for programs that do not read FITS."""

import json

import numpy as np

from sunpy_restore.core.system.atomic import atomic_path

__all__ = ["BRIGHTEST", "write_png", "write_tiff"]

BRIGHTEST = 2.0
"""Relative intensity of the largest value of a PNG file; the smallest one is 0."""

_LARGEST = 2**16 - 1


def write_tiff(images, shape, header, path):
    """
    Write a TIFF file of 32-bit floating point values in bands, and open its data on disk.

    Parameters
    ----------
    images : iterable
        Pairs of a `slice` of rows and the image in it. The first row of the file, at the top, is the last one.
    shape : `tuple` of `int`
        Shape of the texture.
    header : `dict`
        Header, which is written as JSON into the description.
    path : `pathlib.Path`
        The file.

    Returns
    -------
    `numpy.memmap`
        The texture.
    """
    import tifffile

    with atomic_path(path) as temporary:
        stored = tifffile.memmap(
            temporary, shape=tuple(shape), dtype=np.float32, photometric="minisblack", metadata=None,
            description=json.dumps(header), bigtiff=4 * shape[0] * shape[1] > 2**31,
        )  # fmt: skip
        for rows, image in images:
            stored[shape[0] - rows.stop : shape[0] - rows.start] = image[::-1]
        stored.flush()
        del stored
    return tifffile.memmap(path, mode="c")[::-1]


def write_png(images, shape, header, path):
    """
    Write a PNG file of 16 bits; the whole image is in memory.

    Parameters
    ----------
    images, shape, header, path
        See `write_tiff`. The header becomes text of the file, by keyword.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        The texture, as it was before it was rounded to 16 bits.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    result = np.empty(shape, np.float32)
    for rows, image in images:
        result[rows] = image
    text = PngInfo()
    for key, value in header.items():
        text.add_text(key.upper(), str(value))
    levels = np.clip(np.rint(result[::-1] * (_LARGEST / BRIGHTEST)), 0, _LARGEST).astype(np.uint16)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        Image.fromarray(levels).save(file, format="PNG", pnginfo=text)
    return result
