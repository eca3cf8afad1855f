"""Split images by time with a gap, or single images by region."""

import bisect
from dataclasses import replace

import numpy as np

from sunpy_restore.core.datasets.fields import ROTATION, separate_fields
from sunpy_restore.core.datasets.splits import SPLITS

__all__ = ["assign", "duration", "undivided"]

_MOST_LEFT_OUT = 0.5  # of the images of a group, in the gap between its splits
_FEWEST_MINUTES = 5.0  # shorter times are given in seconds
_TRAIN, _KEPT = SPLITS


def assign(items, fixed, rule, gap, placed=None):
    """
    Assign images to the splits.

    Images that are assigned already stay where they are. Others of their group that are closer in time than the gap
    join them. A group without such images is cut at the time that keeps back about the wanted share and leaves out the
    fewest images in the gap; the later images are for validation, or the earlier ones if this fits the share better.
    If there is no such time, or if the images have no time, each image is split into the columns to the left and to the
    right, with a margin between them that the Sun does not cross in the time between the images. Images of unknown time
    that overlap are split at the same place.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        Images without a split.
    fixed : `list` of `~sunpy_restore.core.datasets.item.Item`
        Images, or regions of them, that have one.
    rule : `~sunpy_restore.core.datasets.samples.Splitting`
        How they are split.
    gap : `float`
        Least time in hours between images of different splits.
    placed : `dict`, optional
        Images that overlap others, see `~sunpy_restore.training.dataset.overlaps.find_overlaps`.

    Returns
    -------
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        All items with their splits, those in ``fixed`` first.
    refused : `list` of pairs
        Items without a split, and the reasons.
    """
    taken, refused, placed = _Taken(fixed, gap), [], placed or {}
    alone = [item for item in items if item.sha256 not in placed]
    for group in sorted({item.group for item in alone}):
        own = [item for item in alone if item.group == group]
        timed = sorted((item for item in own if item.time is not None), key=_hours)
        regional = [item for item in own if item.time is None]
        if any(item.group == group and item.time is not None for item in taken.items):
            for item in timed:
                _join(item, taken, refused, rule)
        elif timed:
            splits = _best_cut(timed, taken, rule.share)
            for item, split in zip(timed, splits or (), strict=False):
                if split:
                    taken.add(item, split)
                else:
                    refused.append((item, f"It lies in the gap of {duration(gap)} between training and validation."))
            if splits is None:
                regional += _join_others(timed, taken, refused, rule)
        _by_region(regional, taken, refused, rule)
    for item in items:
        if item.sha256 in placed:
            _like_another(item, *placed[item.sha256], taken, refused)
    return taken.items, refused


class _Taken:
    """Items with their splits, and the times of each split in order."""

    def __init__(self, items, gap):
        self.items, self.gap = [], gap
        self.hours = {split: [] for split in SPLITS}
        for item in items:
            self.add(item, item.split)

    def add(self, item, split, columns=None):
        self.items.append(replace(item, split=split, columns=columns if columns is not None else item.columns))
        if item.time is not None:
            bisect.insort(self.hours[split], _hours(item))

    def near(self, item):
        """Splits of the images that are closer than the gap."""
        hours, result = _hours(item), set()
        for split, known in self.hours.items():
            place = bisect.bisect_left(known, hours)
            if any(abs(other - hours) < self.gap for other in known[max(place - 1, 0) : place + 1]):
                result.add(split)
        return result


def _hours(item):
    return float(np.datetime64(item.time, "ms").astype(np.int64)) / 3.6e6


def _too_close(gap, what):
    return f"It is closer than {duration(gap)} to {what}."


def duration(hours):
    """
    Format a time for messages.

    Parameters
    ----------
    hours : `float`
        The time in hours.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.training.dataset.splits import duration
    >>> duration(24.0), duration(0.5), duration(84 / 3600)
    ('24 h', '30 min', '84 s')
    """
    if hours >= 1:
        return f"{hours:.3g} h" if hours < 1000 else f"{hours:.0f} h"
    return f"{60 * hours:.3g} min" if 60 * hours >= _FEWEST_MINUTES else f"{3600 * hours:.3g} s"


def undivided(items, gap):
    """
    State why images are not split by time.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        Images of which none, or too few, are a gap apart.
    gap : `float`
        The gap in hours.

    Returns
    -------
    `str`
        A sentence that names the remedy.
    """
    times = {_hours(item) for item in items if item.time is not None}
    if not times:
        return "Found no time of the observation; add it to the header or in a TOML file."
    if len(items) == 1:
        return f"Found one image, and none at a time {duration(gap)} before or after it; add images of other times."
    span = max(times) - min(times)
    if span < gap:
        found = f"The images span {duration(span)}, less than the gap of {duration(gap)}"
    else:
        found = f"A gap of {duration(gap)} leaves too few of the images, which span {duration(span)}"
    return f"{found}; set gap= or add images of other times."


def _best_cut(timed, taken, share):
    """Split of each image for the best time to cut, empty for those that are left out; `None` if no cut is good."""
    later, later_score = _cut(timed, taken, share)
    earlier, earlier_score = _cut(timed[::-1], taken, share)
    if min(later_score, earlier_score) == np.inf:
        return None
    return later if later_score <= earlier_score else earlier[::-1]


def _cut(timed, taken, share):
    """Split of each image if the last ones are kept back, which may be the earliest, and how bad the best cut is."""
    hours = np.abs([_hours(item) - _hours(timed[0]) for item in timed])
    near = [taken.near(item) for item in timed]
    blocked = np.array([[split in found for split in (_KEPT, _TRAIN)] for found in near])
    counts = np.arange(1, len(timed))
    first = np.searchsorted(hours, hours[:-1] + taken.gap)
    train = np.concatenate([[0], np.cumsum(~blocked[:, 0])])[counts]
    kept = (~blocked[:, 1]).sum() - np.concatenate([[0], np.cumsum(~blocked[:, 1])])[first]
    out = len(timed) - train - kept
    good = (train > 0) & (kept > 0) & (out <= _MOST_LEFT_OUT * len(timed))
    if not good.any():
        return [], np.inf
    score = np.where(good, np.abs(kept / len(timed) - share) + out / len(timed), np.inf)
    best = score.argmin()
    splits = [_TRAIN] * counts[best] + [""] * (first[best] - counts[best]) + [_KEPT] * (len(timed) - first[best])
    return ["" if near[index] - {split} else split for index, split in enumerate(splits)], score[best]


def _join(item, taken, refused, rule):
    """Assign an image to a group that has a split."""
    near, gap = taken.near(item), taken.gap
    if near == set(SPLITS):
        hours = _hours(item)
        close = [other for other in taken.items if other.time and abs(_hours(other) - hours) < gap]
        like = all(other.columns and other.like(item) for other in close)
        columns = {(other.split, other.columns) for other in close}
        if rule.regions and like and len(columns) == len(SPLITS):
            for split, part in sorted(columns):
                taken.add(item, split, part)
        else:
            refused.append((item, _too_close(gap, "images of both splits")))
        return
    if near:
        (split,) = near
    else:
        of_group = [other.split for other in taken.items if other.group == item.group]
        split = _KEPT if of_group.count(_KEPT) < rule.share * len(of_group) else _TRAIN
    taken.add(item, split)


def _join_others(timed, taken, refused, rule):
    """Assign images of a group that cannot be cut to the splits of other groups; returns those far from them."""
    far = []
    for item in timed:
        near = taken.near(item)
        if len(near) == 1:
            taken.add(item, near.pop())
        elif near:
            refused.append((item, _too_close(taken.gap, "images of both splits")))
        else:
            far.append(item)
    if rule.regions:
        return far
    # They are too close to one another for a validation of their own
    for item in far:
        if _KEPT in taken.near(item):
            refused.append((item, _too_close(taken.gap, "images that are kept back")))
        else:
            taken.add(item, _TRAIN)
    return []


def _by_region(items, taken, refused, rule):
    """Split each image into columns; those of one time and shape at the same ones."""
    hours, gap = [_hours(item) for item in items if item.time is not None], taken.gap
    drift = ROTATION * (max(hours) - min(hours)) if hours else 0.0
    before, regions = _Taken(taken.items, gap), []
    for item in sorted(items, key=lambda item: -item.shape[0] * item.shape[1]):
        if item.time is not None:
            close = [other for other in regions if abs(_hours(other) - _hours(item)) < gap]
            if before.near(item) or not all(_divisible(item, other) for other in close):
                refused.append((item, _too_close(gap, "images of another group, shape or field")))
                continue
        moved = drift if item.time is not None else 0.0
        width, margin = item.shape[1], int(np.ceil((rule.margin + moved) / item.pixel_scale))
        kept = max(round(rule.share * width), item.least[1])
        if width - kept - margin < item.least[0]:
            same = [other for other in items if (other.time is None) == (item.time is None)]
            least = max(sum(item.least) + margin, _smallest(item.least[0] + margin, rule.share))
            small = f"Images of {width} columns are too small to split by region (at least {least})."
            refused.append((item, f"{undivided(same, gap)} {small}"))
            continue
        taken.add(item, _TRAIN, (0, width - kept - margin))
        taken.add(item, _KEPT, (width - kept, width))
        regions += [item] * (item.time is not None)


def _like_another(item, root, placement, taken, refused):
    """Split an image into columns at the place where another one is split in which it lies, as far as they are wide."""
    regions = {other.split: other for other in taken.items if other.sha256 == root and other.columns is not None}
    if regions.keys() != set(SPLITS):
        refused.append((item, "It overlaps with an image that is not split by region."))
        return
    train, kept = (regions[split].columns for split in SPLITS)
    # Beyond the edges of the other image there may be more of this one
    parts = {
        _TRAIN: placement.columns(-np.inf, train[1], item.shape[1]),
        _KEPT: placement.columns(kept[0], np.inf, item.shape[1]),
    }
    wide = [
        (split, part)
        for (split, part), least in zip(parts.items(), item.least, strict=True)
        if part[1] - part[0] >= least
    ]
    for split, part in wide:
        taken.add(item, split, part)
    if not wide:
        name = regions[_TRAIN].origin
        refused.append((item, f"Images of {item.shape[1]} columns are too small to split at the place of {name}."))


def _divisible(item, other):
    """Whether two images can both be split by region."""
    return item.like(other) or separate_fields(item, other)


def _smallest(rest, share):
    """Smallest number of columns of which so many are left without the share that is kept back."""
    width = int(rest / (1 - share))
    while width - round(share * width) < rest:
        width += 1
    return width
