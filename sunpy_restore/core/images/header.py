"""Changes of a FITS header by a restoration: pixel grid, outdated keywords and provenance."""

import re
import textwrap
from dataclasses import dataclass
from numbers import Real

import numpy as np

from astropy.io import fits

from sunpy.util import MetaDict

from sunpy_restore.version import __version__

__all__ = ["Provenance", "added_cards", "update_header"]

# Statistics of the pixel values and their storage in the file, which a restoration makes wrong. JSOC writes many of the
# statistics twice, for the disk and for the whole frame.
_VALUE_KEYWORDS = frozenset(
    "datamin datamax datamean datamedn datarms dataskew datakurt "
    "datamin2 datamax2 datamea2 datamed2 datarms2 dataske2 datakur2 datacent "
    "datazer datasat dataavg datasig "
    "datap01 datap10 datap25 datap50 datap75 datap90 datap95 datap98 datap99 "
    "datavals totvals missvals satvals nsatpix percentd "
    "bitpix blank bscale bzero checksum datasum zblank zscale zzero zhecksum zdatasum".split()
)
# Positions and lengths in pixels of the instrument's limb fit
_PIXEL_KEYWORDS = frozenset("r_sun x0_mp y0_mp imscl_mp x0_lf y0_lf".split())
# A letter at the end marks an alternate WCS of the same pixel grid
_REFERENCE_PIXEL = re.compile(r"crpix[12][a-z]?")
_PER_PIXEL = re.compile(r"(cdelt[12]|cd[12]_[12])[a-z]?")
_GRID_KEYWORD = re.compile(r"naxis[12]|(crpix|cdelt)[12][a-z]?|cd[12]_[12][a-z]?")
_CARDS = ("RESTORED", "RSTTASK", "RSTMETH", "RSTMODEL", "RSTSHA", "RSTVERS")
_WRITTEN = {*map(str.lower, _CARDS), "history", "keycomments"}
# RSTMODEL and RSTSHA have none, because their values may fill the 80 columns of a card
_COMMENTS = {
    "RESTORED": "restored by sunpy_restore",
    "RSTTASK": "restoration task",
    "RSTMETH": "restoration method",
    "RSTVERS": "sunpy_restore version",
}
_COMMENTARY_WIDTH = fits.Card.length - len("HISTORY ")


@dataclass(frozen=True)
class Provenance:
    """
    How an image was restored, for its header.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    method : `str`
        ``"network"`` or the name of a classical method.
    model : `str`, optional
        Name of the network's weights.
    sha256 : `str`, optional
        SHA-256 of the weights file.
    version : `str`
        Version of the package.

    Examples
    --------
    >>> from sunpy_restore.core.images.header import Provenance
    >>> Provenance("enhance-continuum", "bicubic", version="1.0").cards()
    {'RESTORED': True, 'RSTTASK': 'enhance-continuum', 'RSTMETH': 'bicubic', 'RSTVERS': '1.0'}
    """

    task: str
    method: str
    model: str | None = None
    sha256: str | None = None
    version: str = __version__

    def cards(self):
        """
        Header keywords and their values.

        Returns
        -------
        `dict`
            ``RESTORED``, ``RSTTASK``, ``RSTMETH`` and ``RSTVERS``; for a network also ``RSTMODEL`` and ``RSTSHA``.
        """
        values = (True, self.task, self.method, self.model, self.sha256, self.version)
        return {
            key: _printable(value) if isinstance(value, str) else value
            for key, value in zip(_CARDS, values, strict=True)
            if value is not None
        }

    def history(self):
        """
        Text for ``HISTORY``.

        Returns
        -------
        `list` of `str`
            Lines that fit on one card each, so that the text survives saving and loading.
        """
        text = f"sunpy_restore {self.version}: {self.task}, method {self.method}"
        if self.model is not None:
            text += f", model {self.model}"
        if self.sha256 is not None:
            text += f", SHA-256 {self.sha256[:12]}"
        return textwrap.wrap(_printable(text), _COMMENTARY_WIDTH, break_on_hyphens=False)


def update_header(meta, *, shape, scale=1, provenance=None):
    """
    Update a header after a restoration, in place.

    - ``CRPIXj`` becomes ``scale * (CRPIXj - 1/2) + 1/2``; ``CDELTi`` and ``CDi_j`` are divided by ``scale``; ``PCi_j``,
      ``CROTA2`` and ``CRVALi`` stay. The same holds for alternate WCS (``CRPIX1A``). ``NAXIS1`` and ``NAXIS2`` are set
      to the shape if the header has them.
    - Statistics of the pixel values (``DATAMIN``, ``DATAMEAN``, ``DATARMS``, ``DATAVALS``, ``TOTVALS``, ``MISSVALS``,
      ``SATVALS``, ``NSATPIX`` and similar) and keywords of their storage (``BITPIX``, ``BLANK``, ``BSCALE``, ``BZERO``,
      ``CHECKSUM``, ``DATASUM``) are removed, because they are no longer correct.
    - If the pixel size changes, lengths in pixels are removed as well: ``R_SUN``, ``X0_MP``, ``Y0_MP``, ``IMSCL_MP``,
      ``X0_LF``, ``Y0_LF``.
    - The provenance is written, and its lines are appended to ``HISTORY``.

    Parameters
    ----------
    meta : `dict`, `~sunpy.util.MetaDict` or `~astropy.io.fits.Header`
        The header, with keys in upper or lower case. Existing keys keep their case.
    shape : `tuple` of `int`
        Shape ``(ny, nx)`` of the restored image in pixels.
    scale : `int`
        Restored pixels per original pixel along each axis.
    provenance : `Provenance`, optional
        How the image was restored.
    """
    names = {str(key).lower(): key for key in meta}
    for name, key in names.items():
        value = meta[key]
        if name in _VALUE_KEYWORDS or (scale != 1 and name in _PIXEL_KEYWORDS):
            del meta[key]
        elif scale != 1 and isinstance(value, Real):
            if _REFERENCE_PIXEL.fullmatch(name):
                meta[key] = scale * (value - 0.5) + 0.5
            elif _PER_PIXEL.fullmatch(name):
                meta[key] = value / scale
    for name, length in (("naxis1", shape[1]), ("naxis2", shape[0])):
        if name in names:
            meta[names[name]] = length
    if provenance is not None:
        _write_provenance(meta, names, provenance)


def added_cards(before, after):
    """
    Find the keywords that a function adds or changes, apart from those that `update_header` changes.

    Parameters
    ----------
    before, after : `~sunpy.util.MetaDict`
        Headers before and after the restoration.

    Returns
    -------
    `dict`
        Keyword in lower case to its value after the restoration.
    """
    return {
        key: value
        for key, value in after.items()
        if key not in _WRITTEN and not _GRID_KEYWORD.fullmatch(key) and _differs(value, before.get(key))
    }


def _differs(value, other):
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return not np.array_equal(value, other)
    return value != other


def _write_provenance(meta, names, provenance):
    cards, lines = provenance.cards(), provenance.history()
    for key in _CARDS:
        name = names.get(key.lower(), key)
        if key in cards:
            meta[name] = cards[key]
        elif name in meta:
            # Left by an earlier restoration with a network
            del meta[name]
    if isinstance(meta, fits.Header):
        for line in lines:
            meta.add_history(line)
        for key, comment in _COMMENTS.items():
            meta.comments[key] = comment
        return
    history = names.get("history", "HISTORY")
    # A Map that was made with an astropy Header holds commentary cards and no str
    meta[history] = "\n".join([*str(meta.get(history, "")).strip().splitlines(), *lines])
    if isinstance(meta, MetaDict):
        meta["keycomments"] = {**meta.get("keycomments", {}), **_COMMENTS}


def _printable(text):
    """Replace characters that a FITS card cannot hold; sunpy drops such a keyword when it saves a Map."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
