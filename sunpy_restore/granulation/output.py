"""Headers of synthetic images, and images written in bands to arrays or files that may be larger than memory."""

import os
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import astropy.units as u
from astropy.io import fits

from sunpy_restore.core.images.header import Provenance
from sunpy_restore.core.messages import shown
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.granulation.pictures import write_png, write_tiff
from sunpy_restore.granulation.request import KM_PER_ARCSEC

__all__ = ["SUFFIXES", "checked_target", "synthetic_header", "texture_header", "write_texture"]

SUFFIXES = (".fits", ".zarr", ".tif", ".tiff", ".png")
"""Endings of the names of files that can be written."""

SUFFIXES_TEXT = ".fits, .zarr, .tif or .png"
"""The same for messages."""

_BAND = 1024  # rows that are in memory at a time
_FITS_BLOCK = 2880  # bytes
_AU = u.au.to(u.m)
_SOLAR_RADIUS = 695700000.0  # m

_COMMENTS = {
    "SYNTHETIC": "no observation: made by sunpy_restore",
    "RSTSYNTH": "no observation: made by sunpy_restore",
    "RSTSEED": "seed of the texture",
    "RSTREPL": "tiles replaced by the evolutionary search",
    "DATE-OBS": "reference epoch, nothing was observed",
}


def synthetic_header(shape, pixel, cards):
    """
    Header of an image that was not observed by an instrument.

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
        Helioprojective coordinates for an observer at 1 au and a reference epoch. The outer corner of the first pixel
        is at disk centre, so that textures with the same seed agree in these coordinates, whatever their shapes and
        pixel sizes.
    """
    scale = pixel / KM_PER_ARCSEC
    header = {"naxis": 2, "naxis1": shape[1], "naxis2": shape[0]}
    for axis, name in ((1, "HPLN-TAN"), (2, "HPLT-TAN")):
        header |= {
            f"ctype{axis}": name,
            f"cunit{axis}": "arcsec",
            f"crval{axis}": 0.0,
            f"crpix{axis}": 0.5,
            f"cdelt{axis}": scale,
        }
    observer = {"dsun_obs": _AU, "hgln_obs": 0.0, "hglt_obs": 0.0, "rsun_ref": _SOLAR_RADIUS}
    epoch = {"date-obs": "2000-01-01T00:00:00.000"}
    return header | epoch | observer | {"content": "relative intensity"} | cards


def texture_header(texture, method, made_by, loaded, seed):
    """
    Header of a texture, with its provenance.

    Parameters
    ----------
    texture : `~sunpy_restore.granulation.texture.Texture`
        The texture.
    method : `str`
        Method of `sunpy_restore.synthesize_granulation`.
    made_by : `str`
        The method in words, with the way of stitching.
    loaded : `~sunpy_restore.core.restoration.methods.Method`
        The method with its weights.
    seed : `int`
        The seed.

    Returns
    -------
    `dict`
        Without ``RESTORED``, because nothing was observed. ``RSTREPL`` is the number of tiles that the evolutionary
        search replaced, if there was one.
    """
    provenance = Provenance(task=f"synthesize-{method}", method=made_by, model=loaded.model, sha256=loaded.sha256)
    cards = {key: value for key, value in provenance.cards().items() if key != "RESTORED"}
    made, lines = {"SYNTHETIC": True, "RSTSYNTH": True, "RSTSEED": seed} | cards, provenance.history()
    counts = [(int(done.replaced.sum()), len(done.replaced)) for done in texture.refinements]
    if counts:
        made["RSTREPL"] = len({tuple(place) for done in texture.refinements for place in done.positions[done.replaced]})
        lines += [f"the evolutionary search replaced {replaced} of {tried} tiles" for replaced, tried in counts]
    return synthetic_header(texture.shape, texture.pixel, made | {"HISTORY": "\n".join(lines)})


def checked_target(out):
    """
    Check the file that will be written.

    Parameters
    ----------
    out : path-like or `None`
        A name that ends in ``.fits``, ``.zarr``, ``.tif``, ``.tiff`` or ``.png``.

    Returns
    -------
    `pathlib.Path` or `None`

    Raises
    ------
    TypeError
        It is no name of a file.
    ValueError
        The name ends otherwise.
    FileExistsError
        The file exists.
    ImportError
        Zarr is not installed.
    """
    if out is None:
        return None
    if not isinstance(out, str | os.PathLike):
        raise TypeError(f"Found the output {shown(out)}; expected the name of a file ending in {SUFFIXES_TEXT}.")
    path = Path(out)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"Found the output {str(out)!r}; expected a name ending in {SUFFIXES_TEXT}.")
    if path.exists():
        raise FileExistsError(f"The output {path} exists; expected a new file. Give another name or remove it.")
    if path.suffix == ".zarr":
        _zarr()
    return path


def _zarr():
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Zarr output needs the package zarr. Run: pip install "sunpy_restore[archive]"', name="zarr"
        ) from error
    return zarr


def write_texture(texture, header, path=None, *, progress=False, description=""):
    """
    Compute a texture in bands of rows.

    Parameters
    ----------
    texture : `~sunpy_restore.granulation.texture.Texture`
        The texture.
    header : `dict`
        Header for the file.
    path : `pathlib.Path`, optional
        File to write; only one band is then in memory at a time.
    progress : `bool`
        Show a progress bar.
    description : `str`
        Text in front of the progress bar.

    Returns
    -------
    array-like of ``float32``
        The image; if there is a file, its data stay on disk.
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
    if path.suffix == ".png" or path.suffix.startswith(".tif"):
        return (write_png if path.suffix == ".png" else write_tiff)(images, texture.shape, header, path)
    return (_write_zarr if path.suffix == ".zarr" else _write_fits)(images, texture.shape, header, path)


def _write_fits(images, shape, header, path):
    """Write a FITS file and open its data on disk."""
    cards = _fits_header(shape, header).tostring().encode("ascii")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(cards)
        for _rows, image in images:
            file.write(np.ascontiguousarray(image, dtype=">f4").tobytes())
        file.write(bytes(-file.tell() % _FITS_BLOCK))
    return np.memmap(path, ">f4", "c", offset=len(cards), shape=tuple(shape))


def _fits_header(shape, header):
    cards = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", shape[1]), ("NAXIS2", shape[0])])
    for key, value in header.items():
        name = key.upper()
        if name.startswith("NAXIS"):
            continue
        if name == "HISTORY":
            for line in value.splitlines():
                cards.add_history(line)
            continue
        cards[f"HIERARCH {name}" if len(name) > 8 else name] = (value, _COMMENTS.get(name, ""))
    return cards


def _write_zarr(images, shape, header, path):
    """Write a Zarr array and open it by dask."""
    from dask import array

    stored = _zarr().open_array(str(path), mode="w-", shape=tuple(shape), chunks=(_BAND // 2, _BAND // 2), dtype="f4")
    for rows, image in images:
        stored[rows] = image
    stored.attrs.update(header)
    # dask 2024.8 cannot open a path with zarr 3
    return array.from_zarr(_zarr().open_array(str(path), mode="r"))
