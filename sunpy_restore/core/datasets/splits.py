"""Splits of training images: their names, and a search for images that make them dependent."""

from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np

__all__ = ["SPLITS", "find_leak", "find_list_leak"]

SPLITS = ("train", "validation")
"""Names of the splits."""


def find_leak(items, gap):
    """
    Find an image of a data set for validation that is not independent of the training.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        All items.
    gap : `float`
        Least time in hours between images of different splits.

    Returns
    -------
    `str` or `None`
        What was found, or nothing.
    """
    train, kept = ([item for item in items if item.split == split] for split in SPLITS)
    by_hash = {}
    for item in train:
        by_hash.setdefault(item.sha256, []).append(item)
    timed = sorted((item for item in train if item.time is not None), key=lambda item: np.datetime64(item.time))
    times = np.array([item.time for item in timed], dtype="datetime64[ms]")
    width = np.timedelta64(round(gap * 3.6e6), "ms")
    for item in kept:
        for other in by_hash.get(item.sha256, ()):
            if not item.apart(other):
                return f"{item.origin} and {other.origin} have the same pixels in both splits"
        if item.time is None:
            continue
        time = np.datetime64(item.time, "ms")
        first, last = np.searchsorted(times, time - width, "right"), np.searchsorted(times, time + width, "left")
        for other in timed[first:last]:
            if not item.apart(other):
                return f"{item.origin} ({item.time}) and {other.origin} ({other.time}) are closer than {gap:g} h"
    return None


def find_list_leak(entries, hashes, gap):
    """
    Find an entry of a list for validation that is not independent of the training.

    Two entries are independent if they have no file in common and their images are not closer in time than the gap, as
    far as times are known. Parts of one file are independent if they have no row or no column in common, or no frame
    and, if the cadence is known, no frames that are closer in time than the gap.

    Parameters
    ----------
    entries : `list` of `~sunpy_restore.core.datasets.listentry.Entry`
        The entries.
    hashes : mapping
        Path of a file to its SHA-256; files with one hash are the same.
    gap : `float`
        Least time in hours between images of different splits.

    Returns
    -------
    `str` or `None`
        What was found, or nothing.
    """
    train, kept = ([entry for entry in entries if entry.split == split] for split in SPLITS)
    return next((leak for one in train for other in kept if (leak := _leak(one, other, hashes, gap))), None)


def _leak(one, other, hashes, gap):
    shared = next((name for name in one.files if any(_same(name, found, hashes) for found in other.files)), None)
    both = f"{one.name!r} for training and {other.name!r} for validation"
    if shared is not None and not _apart(one, other, gap):
        return f"{both} have a part of {shared} in common, or frames closer than {gap:g} h"
    # Parts of one image have one time
    if set(one.files) == set(other.files):
        return None
    for time in one.times:
        for later in other.times:
            if _between(time, later) < timedelta(hours=gap):
                return f"{both} have images of {time} and {later}, which are closer than {gap:g} h"
    return None


def _same(name, other, hashes):
    """Whether two paths or patterns may be the same file."""
    known = hashes.get(name)
    return fnmatchcase(name, other) or fnmatchcase(other, name) or (known is not None and known == hashes.get(other))


def _apart(one, other, gap):
    """Whether the parts of two entries of one file are independent."""
    for name in ("rows", "columns"):
        first, second = ([n + entry.trim for n in getattr(entry, name) or ()] for entry in (one, other))
        if first and second and (first[1] <= second[0] or second[1] <= first[0]):
            return True
    if not (one.frames and other.frames):
        return False
    distance = min(abs(a - b) for a in range(*one.frames) for b in range(*other.frames))
    cadence = one.cadence or other.cadence
    return distance > 0 and (cadence is None or distance * cadence >= 3600 * gap)


def _between(one, other):
    """Time between the ends of two intervals, at least zero."""
    (first, end), (second, last) = _interval(one), _interval(other)
    return max(second - end, first - last, timedelta(0))


def _interval(time):
    """A time, or a whole day."""
    if isinstance(time, datetime):
        return time, time
    start = datetime(time.year, time.month, time.day)
    return start, start + timedelta(days=1)
