"""Where a texture goes as it is drawn: an array, or a file that may be larger than memory."""

import os
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from astropy.io import fits

__all__ = ["KM_PER_ARCSEC", "checked_target", "drawn", "synthetic_header"]

_BAND = 1024
_BLOCK = 2880  # bytes of FITS
_ASTRONOMICAL_UNIT = 149597870.7  # km
KM_PER_ARCSEC = float(_ASTRONOMICAL_UNIT * np.deg2rad(1 / 3600))
"""At the centre of the disk, from 1 au."""

_COMMENTS = {
    "SYNTHETIC": "no observation: made by sunpy_restore",
    "RSTSYNTH": "no observation: made by sunpy_restore",
    "RSTSEED": "seed of the texture",
    "DATE-OBS": "reference epoch, nothing was observed",
}


def synthetic_header(shape, pixel, cards):
    """
    Header of an image that no instrument took.

    Parameters
    ----------
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    pixel : `float`
        Side of a pixel on the Sun in km.
    cards : `dict`
        Keywords of the provenance.

    Returns
    -------
    `dict`
        Helioprojective coordinates about the middle of the disk, seen from 1 au at a reference epoch.
    """
    scale = pixel / KM_PER_ARCSEC
    header = {"naxis": 2, "naxis1": shape[1], "naxis2": shape[0]}
    for axis, name in ((1, "HPLN-TAN"), (2, "HPLT-TAN")):
        header |= {
            f"ctype{axis}": name,
            f"cunit{axis}": "arcsec",
            f"crval{axis}": 0.0,
            f"crpix{axis}": (shape[2 - axis] + 1) / 2,
            f"cdelt{axis}": scale,
        }
    observer = {"dsun_obs": 1e3 * _ASTRONOMICAL_UNIT, "hgln_obs": 0.0, "hglt_obs": 0.0, "rsun_ref": 695700000.0}
    epoch = {"date-obs": "2000-01-01T00:00:00.000"}
    return header | epoch | observer | {"content": "relative intensity"} | cards


def checked_target(out):
    """
    The file to write, if any.

    Parameters
    ----------
    out : path-like or `None`
        A name ending in ``.fits`` or ``.zarr``.

    Returns
    -------
    `pathlib.Path` or `None`

    Raises
    ------
    ValueError
        Another kind of file.
    FileExistsError
        It exists.
    ImportError
        Zarr is not installed.
    """
    if out is None:
        return None
    path = Path(out)
    if path.suffix not in (".fits", ".zarr"):
        raise ValueError(f"Found the output {str(out)!r}, expected a name ending in .fits or .zarr.")
    if path.exists():
        raise FileExistsError(f"{path} exists. Give another name, or remove it.")
    if path.suffix == ".zarr":
        _zarr()
    return path


def _zarr():
    try:
        import zarr
    except ImportError as error:
        raise ImportError('Output to Zarr needs the package zarr and dask. Run: pip install "zarr"') from error
    return zarr


def drawn(texture, header, path=None, *, progress=False, description=""):
    """
    Draw a texture band by band.

    Parameters
    ----------
    texture : object
        It has ``shape`` and ``window(rows, columns)``.
    header : `dict`
        Its header.
    path : `pathlib.Path`, optional
        File to write; memory then holds no more than a band.
    progress : `bool`
        Show a progress bar.
    description : `str`
        Text in front of it.

    Returns
    -------
    array-like of ``float32``
        The image, which is left on disk where there is a file.
    """
    bands = [slice(row, min(row + _BAND, texture.shape[0])) for row in range(0, texture.shape[0], _BAND)]
    columns = slice(0, texture.shape[1])
    bar = tqdm(bands, desc=description or None, unit="band", disable=not progress)
    images = ((rows, texture.window(rows, columns)) for rows in bar)
    if path is None:
        result = np.empty(texture.shape, np.float32)
        for rows, image in images:
            result[rows] = image
        return result
    path.parent.mkdir(parents=True, exist_ok=True)
    return (_to_zarr if path.suffix == ".zarr" else _to_fits)(images, texture.shape, header, path)


def _to_fits(images, shape, header, path):
    """A FITS file, whole or not at all, opened as it lies on disk."""
    cards = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", shape[1]), ("NAXIS2", shape[0])])
    for key, value in header.items():
        if key.startswith("naxis"):
            continue
        if key == "HISTORY":
            for line in value.splitlines():
                cards.add_history(line)
            continue
        name = key.upper()
        cards[f"HIERARCH {name}" if len(name) > 8 else name] = (value, _COMMENTS.get(name, ""))
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(cards.tostring().encode("ascii"))
            for _rows, image in images:
                file.write(np.ascontiguousarray(image, dtype=">f4").tobytes())
            file.write(bytes(-file.tell() % _BLOCK))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return np.memmap(path, ">f4", "c", offset=len(cards.tostring()), shape=tuple(shape))


def _to_zarr(images, shape, header, path):
    from dask import array

    stored = _zarr().open_array(str(path), mode="w-", shape=tuple(shape), chunks=(_BAND // 2, _BAND // 2), dtype="f4")
    for rows, image in images:
        stored[rows] = image
    stored.attrs.update(header)
    return array.from_zarr(str(path))
