"""Find the images in folders of files, by what the files contain and not by their names."""

import gzip
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

import astropy.units as u
from astropy.io import fits

from sunpy.time import parse_time

from sunpy_restore.core.datasets.samples import KM_PER_ARCSEC, Candidate
from sunpy_restore.core.messages import text_of_numpy
from sunpy_restore.training.dataset.notes import read_notes

__all__ = ["candidates", "find_files", "kind_of"]

_MAGIC = {b"SIMPLE  =": "fits", b"\x93NUMPY": "npy", b"\x00\x00\x00\x0cjP  ": "jp2"}
_GZIP = b"\x1f\x8b"
_SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".jp2", ".npy", ".gz")  # of files that ought to be images
_XML = re.compile(rb"<meta>.*?</meta>", re.DOTALL)
_XML_BYTES = 1 << 17  # in which the header of a JPEG 2000 file stands

_LARGEST_SERIES = 100_000  # images


def find_files(sources, *, without=None):
    """
    Find the files below folders that may contain images.

    Parameters
    ----------
    sources : iterable of path-like
        Folders.
    without : path-like, optional
        Folder that is left out, with all below it, except for folders in ``sources``.

    Yields
    ------
    name : `str`
        Name of the file with that of its folder, unique.
    path : `pathlib.Path`
        The file.

    Raises
    ------
    FileNotFoundError
        A folder does not exist.
    """
    without, count = None if without is None else Path(without).resolve(), Counter()
    for source in map(Path, sources):
        if not source.is_dir():
            raise FileNotFoundError(f"Found no folder {source}; expected one with images.")
        inside = without is not None and source.resolve() != without and source.resolve().is_relative_to(without)
        for path in sorted(source.rglob("*")):
            if not path.is_file() or (without is not None and not inside and path.resolve().is_relative_to(without)):
                continue
            if path.name.lower().endswith(_SUFFIXES) or kind_of(path):
                name = f"{source.resolve().name}/{path.relative_to(source).as_posix()}"
                count[name] += 1
                # Folders of the same name may have files of the same name
                yield (name if count[name] == 1 else f"{name} ({count[name]})"), path


def kind_of(path):
    """
    Format of a file by its first bytes.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.

    Returns
    -------
    ``"fits"``, ``"jp2"``, ``"npy"`` or `None`
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
        if start.startswith(_GZIP):
            with gzip.open(path) as file:
                start = file.read(12)
            return "fits" if start.startswith(b"SIMPLE  =") else None
    except (OSError, EOFError):
        return None
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def candidates(path):
    """
    Read the images in a file, one after the other.

    Parameters
    ----------
    path : `pathlib.Path`
        A FITS file, compressed or not, with images or series of images; a JPEG 2000 file of Helioviewer; or a NumPy
        array. A TOML file of the same name adds to the header or replaces it, see
        `~sunpy_restore.training.dataset.notes.read_notes`; an array needs one.

    Yields
    ------
    part : `str`
        Number of the image in the file, empty if there is one only.
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.
    notes : `dict`
        What the TOML file says.

    Raises
    ------
    ValueError
        The file cannot be read.
    """
    kind, notes = kind_of(path), read_notes(path)
    if kind is None:
        raise ValueError("Found a file that is neither FITS nor JPEG 2000 nor a NumPy array; expected one of them.")
    if kind == "npy" and not notes:
        raise ValueError(f"Found an array without a header; expected {path.stem}.toml with its pixel scale and unit.")
    try:
        arrays = list({"fits": _read_fits, "jp2": _read_jp2, "npy": _read_npy}[kind](path))
    # Damaged files raise errors of many kinds
    except Exception as error:
        raise ValueError(f"Found a file that cannot be read ({text_of_numpy(error)}); expected an image.") from error
    if not arrays:
        raise ValueError("Found no image in the file; expected one of two axes, or a series of them.")
    several = len(arrays) > 1
    for number, (data, header) in enumerate(arrays):
        for frame, image in enumerate(data[None] if data.ndim == 2 else data):
            names = [str(number)] * several + [str(frame)] * (data.ndim == 3)
            yield ".".join(names), _with_notes(image, header, notes, frame), notes


def _with_notes(image, header, notes, frame):
    """The image as a candidate, with what the TOML file says."""
    image = np.asarray(image)
    if trim := int(notes.get("trim", 0)):
        image = image[trim:-trim, trim:-trim]
    if "factor" in notes:
        image = image * np.float32(notes["factor"])
    header = dict(header) | {key.upper(): value for key, value in notes.get("header", {}).items()}
    names = {"unit": "BUNIT", "instrument": "INSTRUME", "telescope": "TELESCOP", "content": "CONTENT"}
    header |= {key: notes[name] for name, key in names.items() if name in notes}
    scale = notes.get("pixel_scale", notes.get("pixel_km", 0) / KM_PER_ARCSEC)
    if scale:
        header = {key: value for key, value in header.items() if not key.startswith(("CD1_", "CD2_", "PC"))}
        header |= {f"CDELT{axis}": float(scale) for axis in (1, 2)} | {f"CUNIT{axis}": "arcsec" for axis in (1, 2)}
    if "wavelength" in notes:
        header |= {"WAVELNTH": notes["wavelength"], "WAVEUNIT": "nm"}
    if "time" in notes:
        time = parse_time(str(notes["time"])) + frame * notes.get("cadence", 0) * u.s
        header = {key: value for key, value in header.items() if not key.startswith(("TIME", "DATE"))}
        header["DATE-OBS"] = time.isot
    return Candidate(image, header)


def _read_fits(path):
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            # Masks and uncertainties that save() wrote are no images
            if not hdu.is_image or hdu.header.get("NAXIS", 0) < 2 or "RSTFILE" in hdu.header:
                continue
            data = hdu.data
            if data is None:
                continue
            data = data.reshape([length for length in data.shape[:-2] if length > 1] + list(data.shape[-2:]))
            if data.ndim > 3 or len(data) > _LARGEST_SERIES:
                raise ValueError(f"an array of shape {data.shape}")
            data = data.astype(data.dtype.newbyteorder("="), copy=False)
            yield data, _keywords(hdu.header)


def _keywords(header):
    """The keywords that have a readable value."""
    result = {}
    for card in header.cards:
        try:
            if card.keyword not in ("COMMENT", "HISTORY", "") and not isinstance(card.value, fits.card.Undefined):
                result[card.keyword] = card.value
        except fits.VerifyError:
            continue
    return result


def _read_jp2(path):
    with path.open("rb") as file:
        found = _XML.search(file.read(_XML_BYTES))
    elements = ElementTree.fromstring(found[0]).iterfind("fits/*") if found else ()
    header = {element.tag: _value(element.text) for element in elements}
    # The first row of a JPEG 2000 image is the uppermost one
    with Image.open(path) as image:
        yield np.asarray(image)[::-1], header


def _value(text):
    """A number where there is one, or text."""
    text = (text or "").strip()
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_npy(path):
    data = np.load(path, allow_pickle=False)
    if data.ndim not in (2, 3):
        raise ValueError(f"an array of shape {data.shape}")
    yield data, {}
