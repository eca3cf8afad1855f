"""Leave out copies of images, and find how images that overlap are placed in one another."""

from collections import defaultdict
from typing import NamedTuple

from safetensors import safe_open

from sunpy_restore.core.datasets.fields import hours_between
from sunpy_restore.core.messages import warn_user
from sunpy_restore.training.dataset.copies import find_copies, points_of
from sunpy_restore.training.dataset.placement import Placement
from sunpy_restore.training.dataset.scenes import Scenes, thumbnail_of

__all__ = ["find_overlaps"]

_COPY = 0.9  # share of an image within another one above which it has nothing new
_MOST_PAIRS = 20_000  # of images whose scenes are compared, which takes five minutes


class _Link(NamedTuple):
    """What an image has in common with an earlier one."""

    placement: Placement
    exact: bool

    @property
    def common(self):
        return "pixels" if self.exact else "a scene"


def find_overlaps(items, fixed, folder, gap):
    """
    Leave out images that have pixels or a scene in common with others, and might be put into another split.

    Images without a time that overlap in part are kept, if the columns of one are columns of the other one: they can be
    split at the same place.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        Images without a split.
    fixed : `list` of `~sunpy_restore.core.datasets.item.Item`
        Images, or regions of them, that have one.
    folder : `pathlib.Path`
        Folder of the data set.
    gap : `float`
        Least time in hours between images of different splits.

    Returns
    -------
    kept : `list` of `~sunpy_restore.core.datasets.item.Item`
        The other images of ``items``.
    refused : `list` of pairs
        Images that were left out, and the reasons.
    placed : `dict`
        Hash of an image to that of the one by which it must be split, and its
        `~sunpy_restore.training.dataset.placement.Placement` in that one.

    Raises
    ------
    ValueError
        Images in ``fixed`` have pixels or a scene in common and are in different splits.
    """
    every = list({item.sha256: item for item in fixed}.values())
    earlier = len(every)
    every += sorted(items, key=lambda item: (-item.shape[0] * item.shape[1], -item.shape[1]))
    if len(every) < 2:
        return items, [], {}
    links, placed, refused = _Links(every, folder, gap), {}, []
    for index, item in enumerate(every):
        found = links.of(index)
        if index < earlier:
            for other, link in found.items():
                _check_fixed(fixed, item, every[other], link, folder)
        reason = None if index < earlier else _reason(index, found, every)
        frames = [_frame(every[other], link.placement, placed) for other, link in found.items()]
        if reason is None and len({root for root, _ in frames}) > 1 and index >= earlier:
            reason = f"It overlaps with {every[min(found)].origin} and others, which are split at different places."
        if reason is not None:
            refused.append((item, reason))
            continue
        if frames:
            placed[item.sha256] = frames[0]
        links.keep(index, frames[0][0] if frames else item.sha256)
    left = {item.sha256 for item, _ in refused}
    return [item for item in items if item.sha256 not in left], refused, placed


class _Links:
    """What each image has in common with those before it that were kept."""

    def __init__(self, every, folder, gap):
        self.every, self.folder, self.gap = every, folder, gap
        self._kept, self._untimed, self._pairs, self._scenes = {}, {}, 0, None
        self._exact = defaultdict(dict)
        for (one, other), placement in find_copies(
            [_tensor(item, folder, "points", points_of) for item in every]
        ).items():
            if not _together(every[one], every[other], placement.still, gap):
                self._exact[other][one] = _Link(placement.inverse(), exact=True)

    def keep(self, index, place):
        """Compare later images with an image, which is split at the place of another one or of its own."""
        self._kept[index] = place
        if self.every[index].time is None:
            self._untimed[index] = place

    def of(self, index):
        """What an image has in common with others; of those that are split at one place, with one of them."""
        found = {other: link for other, link in self._exact[index].items() if other in self._kept}
        places = {self._kept[other] for other in found}
        # The scenes of two images with times are not compared
        for other, place in (self._kept if self.every[index].time is None else self._untimed).items():
            if place not in places and (placement := self._place(other, index)) is not None:
                found[other] = _Link(placement, exact=False)
                places.add(place)
        return found

    def _place(self, one, other):
        """Find an image in another one by its scene, unless too many pairs were compared before."""
        self._pairs += 1
        if self._pairs > _MOST_PAIRS:
            if self._pairs == _MOST_PAIRS + 1:
                warn_user(
                    f"Found more than {_MOST_PAIRS} pairs with an image of unknown time; only the first {_MOST_PAIRS} "
                    "were searched for common scenes. Add times in TOML files, or check that no scene is in several "
                    "images."
                )
            return None
        if self._scenes is None:
            thumbnails = [_tensor(item, self.folder, "thumbnail", thumbnail_of) for item in self.every]
            self._scenes = Scenes(
                thumbnails, [item.shape for item in self.every], [item.pixel_scale for item in self.every]
            )
        return self._scenes.place(one, other)


def _reason(index, found, every):
    """Why an image cannot be used with those that have something in common with it, or `None`."""
    item = every[index]
    for other, link in found.items():
        name = every[other].origin
        if item.time is not None or every[other].time is not None:
            text = f"It has {link.common} in common with {name}, perhaps mirrored or shifted."
            return text if link.exact else f"{text} Add the time of both in the header or in a TOML file."
        if link.exact and link.placement.covered(item.shape, every[other].shape) > _COPY:
            return f"It has pixels in common with {name}, perhaps mirrored or shifted."
        if not link.placement.keeps_columns:
            return f"It has {link.common} in common with {name}, whose rows are its columns."
    return None


def _frame(other, placement, placed):
    """By which image an image is split that is placed in another one, and its placement there."""
    if other.sha256 not in placed:
        return other.sha256, placement
    root, outer = placed[other.sha256]
    return root, placement.within(outer)


def _together(one, other, still, gap):
    """Whether the times of two images keep them in one split, or in equal regions of both."""
    if one.time is None or other.time is None:
        return False
    placed = one.corners is not None and other.corners is not None
    return abs(hours_between(one, other)) < gap and (still or placed or one.shape != other.shape)


def _check_fixed(fixed, one, other, link, folder):
    """Refuse a data set in which two images that overlap have a common place in different splits."""
    for entry in (entry for entry in fixed if entry.sha256 == one.sha256):
        for known in (known for known in fixed if known.sha256 == other.sha256 and known.split != entry.split):
            (first, last), (low, high) = (each.columns or (0, each.shape[1]) for each in (entry, known))
            if link.placement.keeps_columns:
                low, high = link.placement.columns(low, high, one.shape[1])
            if not link.placement.keeps_columns or (low < last and first < high):
                names = " and ".join(sorted((one.origin, other.origin)))
                raise ValueError(
                    f"The splits in {folder} are not independent: {names} have {link.common} in common. Use a new "
                    "folder."
                )


def _tensor(item, folder, name, make):
    with safe_open(folder / item.shard, "np") as file:
        return file.get_tensor(name) if name in file.keys() else make(file.get_tensor("image"))
