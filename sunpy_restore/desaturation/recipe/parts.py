"""Images that are kept back from training, divided into the parts of the calibration."""

import functools
from itertools import pairwise

import numpy as np

from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.desaturation.recipe.own import LEVEL_1, displayed_image
from sunpy_restore.desaturation.recipe.scenes import Disk, places_of_any_image, read_disks
from sunpy_restore.desaturation.recipe.scores import level_1_exposures
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["PARTS", "OwnImages", "PackageImages"]

PARTS = ("first", "second", "first", "third")
"""Parts of successive cases of a kind."""

_OWN = 12  # images of a folder with a manifest
_LEAST = 256  # columns of a band of them
_BAND = 512  # columns of a full-disk image that belong to one part
_WIDE = 224  # pixels; least width of the part of a level-1 image


class PackageImages:
    """The images of each part."""

    def __init__(self, directory):
        self.directory = directory

    @functools.cached_property
    def disks(self):
        bands = {part: [] for part in dict.fromkeys(PARTS)}
        names, days = list(bands), {}
        for full in read_disks(self.directory, "validation"):
            shift = days.setdefault(full.date[:10], len(days))
            for number, columns in enumerate(_columns(full.image)):
                band = _band(full, columns)
                if band.places:
                    bands[names[(number + shift) % len(names)]].append(band)
        return bands

    @functools.cached_property
    def exposures(self):
        found = {part: [] for part in dict.fromkeys(PARTS)}
        names = list(found)
        distinct = {id(image): image for _, image in level_1_exposures(self.directory)}
        for number, image in enumerate(distinct.values()):
            width = image.shape[1] // len(names)
            for turn, part in enumerate(names):
                if width >= _WIDE:
                    found[part].append(image[:, turn * width : (turn + 1) * width])
                elif part == names[number % len(names)]:
                    found[part].append(image)
        return found


class OwnImages:
    """The images of each part in a folder with a manifest."""

    def __init__(self, directory):
        self.disks = {part: [] for part in dict.fromkeys(PARTS)}
        self.exposures = {part: [] for part in self.disks}
        names, days, manifest = list(self.disks), {}, read_manifest(directory, DESATURATE.name)
        kept = manifest.split("validation")
        for index in sorted({round(index) for index in np.linspace(0, len(kept) - 1, _OWN)}):
            item, image = kept[index], manifest.read(kept[index])
            shown, date = displayed_image(image), item.time or item.origin
            shift = days.setdefault(date[:10], len(days))
            width = max(_LEAST, min(_BAND, image.shape[1] // len(names)))
            for number, columns in enumerate(_columns(image, width)):
                part, band = names[(number + shift) % len(names)], shown[:, columns]
                self.disks[part].append(Disk(item.origin, date, band, places_of_any_image(band)))
                if item.group == LEVEL_1:
                    self.exposures[part].append(image[:, columns])
        if not all(self.disks.values()):
            raise ValueError(
                f"Found validation images for {sum(map(bool, self.disks.values()))} of {len(names)} parts in "
                f"{directory}; expected some for each, because each is tested with the errors of the others. Add "
                f"images of at least {len(names) * _LEAST} columns, which have all parts, or of other days."
            )


def _columns(image, width=_BAND):
    """Columns of the bands of an image; a narrow rest belongs to the last one."""
    edges = [*range(0, max(image.shape[1] - width, 0) + 1, width), image.shape[1]]
    return [slice(*pair) for pair in pairwise(edges)]


def _band(full, columns):
    places = {}
    for level, centres in full.places.items():
        inside = (centres[:, 1] >= columns.start) & (centres[:, 1] < columns.stop)
        if inside.any():
            places[level] = centres[inside] - [0, columns.start]
    return Disk(full.name, full.date, full.image[:, columns], places)
