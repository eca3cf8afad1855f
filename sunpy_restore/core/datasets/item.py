"""Entries of a manifest: training images, or regions of them, with what is known about them."""

from dataclasses import dataclass, field
from typing import Any

from sunpy_restore.core.datasets.fields import same_field, separate_fields

__all__ = ["Item", "item_of"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """
    An image, or a region of one, in one of the splits.

    Parameters
    ----------
    origin : `str`
        Name of the file that it was taken from, relative to its folder, with the number of the image if there are
        several.
    sha256 : `str`
        Hash of the pixels of the original image.
    shard : `str`
        Name of the file in the folder of the manifest.
    shape : pair of `int`
        Shape ``(ny, nx)`` of the whole image.
    group, unit, pixel_scale, least, values
        See `~sunpy_restore.core.datasets.samples.Sample`.
    time, instrument, licence, credit : `str`, optional
        From the header or the TOML file of the image.
    split : ``"train"`` or ``"validation"``
        The split; empty before it is known.
    columns : pair of `int`, optional
        First column of the region and the one after its last; by default the whole image.
    corners : three pairs of `float`, optional
        Coordinates of the original image, see `~sunpy_restore.core.datasets.fields.corners_of`.
    """

    origin: str
    sha256: str
    shard: str
    shape: tuple[int, int]
    group: str
    unit: str
    pixel_scale: float
    least: tuple = (32, 32)
    values: dict[str, Any] = field(default_factory=dict)
    time: str | None = None
    instrument: str = ""
    licence: str = ""
    credit: str = ""
    split: str = ""
    columns: tuple[int, int] | None = None
    corners: tuple | None = None

    def like(self, other):
        """Whether this and another item show the same field with the same columns, as far as this is known."""
        return (self.group, self.shape) == (other.group, other.shape) and same_field(self, other)

    def apart(self, other):
        """Whether this and another item are regions of equal images without a common column, or of separate fields."""
        if self.columns is None or other.columns is None:
            return False
        if self.sha256 != other.sha256 and separate_fields(self, other):
            return True
        if not self.like(other):
            return False
        return self.columns[1] <= other.columns[0] or other.columns[1] <= self.columns[0]


def item_of(values):
    """
    Item from its entry in a manifest.

    Parameters
    ----------
    values : `dict`
        Its parameters, with lists in place of tuples as in JSON.

    Returns
    -------
    `Item`

    Raises
    ------
    TypeError
        Parameters are missing or unknown.
    """
    item = Item(**values)
    pairs = {name: tuple(getattr(item, name)) for name in ("shape", "least")}
    pairs["columns"] = None if item.columns is None else tuple(item.columns)
    pairs["corners"] = None if item.corners is None else tuple(map(tuple, item.corners))
    return Item(**(vars(item) | pairs))
