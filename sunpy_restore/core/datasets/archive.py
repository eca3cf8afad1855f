"""What archives have for the training of a task, from which the queries for downloads are built."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Archive"]


@dataclass(frozen=True, kw_only=True)
class Archive:
    """
    Images of an instrument in the Virtual Solar Observatory (VSO) and at JSOC.

    Parameters
    ----------
    instrument : `str`
        Name of the instrument in the VSO.
    vso : mapping
        Name of an attribute of `sunpy.net.attrs` to the value that selects the images in the VSO.
    series, segment : `str`
        Series of JSOC, by default, and its segment with the images; empty if JSOC has none.
    needed, keys : tuple of `str`
        Further keys of a query that are needed, and those that are possible: ``"detector"``, ``"level"``,
        ``"wavelength"``.
    """

    instrument: str
    vso: Mapping[str, str] = field(default_factory=dict)
    series: str = ""
    segment: str = ""
    needed: tuple = ()
    keys: tuple = ()
