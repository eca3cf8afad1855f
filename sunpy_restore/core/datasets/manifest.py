"""
Folders of training images with a manifest, ``manifest.json``.

`sunpy_restore.training.build_dataset` writes them, and the recipes read them. Each image is one file in the format
safetensors, which is read when it is needed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open

from sunpy_restore.core.datasets.item import item_of
from sunpy_restore.core.datasets.splits import SPLITS, find_leak
from sunpy_restore.core.system.atomic import atomic_path

__all__ = ["MANIFEST", "Images", "Manifest", "described", "has_manifest", "holds", "read_manifest"]

MANIFEST = "manifest.json"
"""Name of the file."""

_FORMAT = 1
_KEPT = 8  # images that are kept in memory


@dataclass(frozen=True)
class Manifest:
    """
    A folder of training images.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder.
    data : `str`
        What the images are for, see ``data_name`` of `~sunpy_restore.core.recipes.recipe.Recipe`.
    gap : `float`
        Least time in hours between images of different splits.
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        The images.
    refused : `list` of pairs of `str`
        Names of files that were not taken, and the reasons.
    """

    folder: Path
    data: str
    gap: float
    items: list
    refused: list

    def split(self, name):
        """
        Items of a split.

        Parameters
        ----------
        name : ``"train"`` or ``"validation"``
            The split.

        Returns
        -------
        `list` of `~sunpy_restore.core.datasets.item.Item`

        Raises
        ------
        ValueError
            There are none.
        """
        found = [item for item in self.items if item.split == name]
        if not found:
            raise ValueError(
                f"Found no images for the split {name!r} in {self.folder / MANIFEST}; expected at least one. Add files "
                "of other times, and build the data set again."
            )
        return found

    def separation(self, gap):
        """
        State how the splits are kept apart.

        Parameters
        ----------
        gap : `str`
            The gap, with its unit.

        Returns
        -------
        `str`
            Such as ``"at least 2 h apart"``, or ``"different regions of images"`` where no image is split by time.
        """
        by_time = any(item.columns is None for item in self.items)
        by_region = any(item.columns is not None for item in self.items)
        found = [f"at least {gap} apart"] * by_time + ["different regions of images"] * by_region
        return ", or ".join(found)

    def read(self, item, name="image", scale=1):
        """
        Read the image of an item.

        Parameters
        ----------
        item : `~sunpy_restore.core.datasets.item.Item`
            The item.
        name : ``"image"`` or ``"truth"``
            The image, or what it is to be restored to, of a pair of real images.
        scale : `int`
            Pixels per pixel of the image along each axis.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(scale * ny, scale * nx)`` of the region.

        Raises
        ------
        ValueError
            The file is missing or damaged, or contains another image.
        """
        path = self.folder / item.shard
        try:
            with safe_open(path, "np") as file:
                known = (file.metadata() or {}).get("sha256")
                columns = slice(*(scale * column for column in item.columns or (0, item.shape[1])))
                image = file.get_slice(name)[:, columns]
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read ({error}). Build the data set again.") from error
        if known != item.sha256:
            raise ValueError(f"Found the image {known} in {path}; expected {item.sha256}. Build the data set again.")
        return image

    def write(self):
        """Write ``manifest.json``."""
        content = {"format": _FORMAT, "data": self.data, "gap_hours": self.gap}
        content |= {"items": [asdict(item) for item in self.items], "refused": self.refused}
        with atomic_path(self.folder / MANIFEST) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


class Images(Sequence):
    """
    Images of items, read when they are needed; the last ones are kept in memory.

    Parameters
    ----------
    manifest : `Manifest`
        The manifest.
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        The items.
    prepare : callable, optional
        ``prepare(image)`` changes an image after it was read.
    """

    def __init__(self, manifest, items, prepare=None):
        self.manifest, self.items, self.prepare = manifest, items, prepare
        self._read = lru_cache(_KEPT)(self._fresh)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self._read(range(len(self.items))[index])

    def _fresh(self, index):
        image = self.manifest.read(self.items[index])
        return image if self.prepare is None else self.prepare(image)


def has_manifest(directory):
    """Whether a folder has a manifest."""
    return (Path(directory) / MANIFEST).is_file()


def holds(directory, data):
    """
    Whether a folder has a manifest of images for something.

    Parameters
    ----------
    directory : path-like
        The folder.
    data : `str`
        What for, see `read_manifest`.

    Returns
    -------
    `bool`
    """
    return has_manifest(directory) and read_manifest(directory).data == data


def read_manifest(directory, data=None):
    """
    Read the manifest of a folder, and check its splits.

    Parameters
    ----------
    directory : path-like
        The folder.
    data : `str`, optional
        What the images must be for, see ``data_name`` of `~sunpy_restore.core.recipes.recipe.Recipe`.

    Returns
    -------
    `Manifest`

    Raises
    ------
    ValueError
        The file is damaged or of another version, the images are for other tasks, or the splits are not independent:
        they have the same image, overlapping regions, or images closer in time than the gap.
    """
    path = Path(directory) / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
        items = [_in_a_split(item_of(values)) for values in content["items"]] if version == _FORMAT else []
        refused = [tuple(pair) for pair in content["refused"]] if version == _FORMAT else []
        manifest = Manifest(Path(directory), content["data"], float(content["gap_hours"]), items, refused)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error!r}). Build the data set again.") from error
    if version != _FORMAT:
        raise ValueError(f"Found version {version} of {path}; expected {_FORMAT}. Build the data set again.")
    if data is not None and manifest.data != data:
        raise ValueError(f"Found images for {manifest.data} in {path}; expected some for {data}.")
    leak = find_leak(manifest.items, manifest.gap)
    if leak:
        raise ValueError(f"The splits in {path} are not independent: {leak}. Build the data set again.")
    return manifest


def _in_a_split(item):
    if item.split not in SPLITS:
        raise ValueError(f"split {item.split!r}")
    return item


def described(directory):
    """
    Describe the images of a folder for the metadata of weights.

    Parameters
    ----------
    directory : path-like
        The folder.

    Returns
    -------
    `dict`
        ``training_data``, empty for a folder without a manifest.
    """
    if not has_manifest(directory):
        return {}
    manifest = read_manifest(directory)
    parts = []
    for group in dict.fromkeys(item.group for item in manifest.items):
        of_group = [item for item in manifest.items if item.group == group]
        counts = ", ".join(f"{sum(item.split == split for item in of_group)} for {split}" for split in SPLITS)
        days = sorted(item.time[:10] for item in of_group if item.time)
        span = f", {days[0]} to {days[-1]}" if days else ""
        parts.append(f"{group}: {counts}{span}")
    terms = sorted({text for item in manifest.items for text in (item.licence, item.credit) if text})
    text = f"Own images. {'; '.join(parts)}. Training and validation: {manifest.separation(f'{manifest.gap:g} h')}."
    return {"training_data": " ".join([text, *(["Terms and credits: " + "; ".join(terms) + "."] if terms else [])])}
