"""Files that `sunpy_restore.core.fits.io.save` has written: recognize them, and verify their checksums."""

import functools
import gzip
import io
import mmap
import warnings
import zlib

import numpy as np

from astropy.io import fits

__all__ = ["verified_source"]

# Two cards, so that one wrong bit does not make the file look like one of another program
_MARKERS = (b"RSTFILE =", b"EXTNAME = 'RSTMETA")
_CARD = 80  # bytes
_RIGHT_SUM = 0xFFFFFFFF  # of an HDU whose CHECKSUM is right


def verified_source(path):
    """
    Verify a saved file.

    Parameters
    ----------
    path : `pathlib.Path`
        A file.

    Returns
    -------
    callable or `None`
        It opens the file, decompressed, as a file object. `None` if the file was written by another program.

    Raises
    ------
    ValueError
        The file is empty or damaged.
    """
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; expected a file with an image. Download or copy it again.")
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    try:
        if compressed:
            decompressed = gzip.decompress(path.read_bytes())
            source = functools.partial(io.BytesIO, decompressed)
            saved, problem = _examine(decompressed, source)
        else:
            source = functools.partial(path.open, "rb")
            with source() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                saved, problem = _examine(mapped, source)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        saved, problem = True, error
    if problem is not None:
        raise ValueError(
            f"{path} is damaged: {problem}. Use a copy. If you have changed the file, write it with checksum=True."
        )
    return source if saved else None


def _examine(content, source):
    """Whether `save` has written the bytes of a file, and what is wrong with them then."""
    if not any(_has_card(content, marker) for marker in _MARKERS):
        return False, None
    try:
        with warnings.catch_warnings(), source() as file:
            warnings.simplefilter("ignore")
            with fits.open(file, disable_image_compression=True) as hdus:
                places = [hdu.fileinfo() for hdu in hdus]
    # A damaged header raises errors of many kinds
    except Exception as error:  # noqa: BLE001
        return True, f"it does not open as FITS ({error})"
    ends = [place["datLoc"] + place["datSpan"] for place in places]
    if ends[-1] != len(content):
        return True, f"found {len(content)} bytes; expected {ends[-1]}"
    sums = [_sum(content, place["hdrLoc"], end) for place, end in zip(places, ends, strict=True)]
    wrong = [str(index) for index, total in enumerate(sums) if total != _RIGHT_SUM]
    return True, f"the checksum of HDU {', '.join(wrong)} does not match" if wrong else None


def _has_card(content, card):
    position = content.find(card)
    while position >= 0 and position % _CARD:
        position = content.find(card, position + 1)
    return position >= 0


def _sum(content, start, end):
    """The checksum of the FITS standard (Appendix J), of all bytes and not only of those that astropy reads."""
    total = int(np.frombuffer(content, ">u4", (end - start) // 4, start).sum(dtype="u8"))
    while total >> 32:
        total = (total & _RIGHT_SUM) + (total >> 32)
    return total
