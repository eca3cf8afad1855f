"""Split images by time with a gap, or single images by region."""

from dataclasses import replace

import numpy as np

from sunpy_restore.core.manifest import SPLITS

__all__ = ["assign"]

_MOST_LEFT_OUT = 0.5  # of the images of a group, in the gap between its splits
_ROTATION = 10.0  # arcsec per hour, by which the Sun turns at disk centre
_TRAIN, _KEPT = SPLITS


def assign(items, fixed, rule, gap):
    """
    Assign images to the splits.

    Images that are assigned already stay where they are. Others of their group that are closer in time than the gap
    join them. A group without such images is cut at the time that keeps back about the wanted share and leaves out the
    fewest images in the gap; the later images are for validation. If there is no such time, or if the images have no
    time, each image is split into the columns to the left and to the right, with a margin between them that the Sun
    does not cross in the time between the images.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.manifest.Item`
        Images without a split.
    fixed : `list` of `~sunpy_restore.core.manifest.Item`
        Images, or regions of them, that have one.
    rule : `~sunpy_restore.core.samples.Splitting`
        How they are split.
    gap : `float`
        Least time in hours between images of different splits.

    Returns
    -------
    items : `list` of `~sunpy_restore.core.manifest.Item`
        All items with their splits, those in ``fixed`` first.
    refused : `list` of pairs
        Items without a split, and the reasons.
    """
    taken, refused = list(fixed), []
    for group in sorted({item.group for item in items}):
        own = [item for item in items if item.group == group]
        timed = sorted((item for item in own if item.time is not None), key=_hours)
        regional = [item for item in own if item.time is None]
        if any(item.group == group and item.time is not None for item in taken):
            for item in timed:
                _join(item, taken, refused, rule, gap)
        elif timed:
            cut = _best_cut(timed, taken, rule.share, gap)
            if cut is not None:
                _cut(timed, cut, taken, refused, gap)
            elif rule.regions:
                regional = timed + regional
            else:
                # Too close to one another for a validation of their own
                for item in timed:
                    near = _near(item, taken, gap)
                    if _KEPT in near:
                        refused.append((item, _too_close(gap, "images that are kept back")))
                    else:
                        taken.append(replace(item, split=_TRAIN))
        _by_region(regional, taken, refused, rule, gap)
    return taken, refused


def _hours(item):
    return float(np.datetime64(item.time, "ms").astype(np.int64)) / 3.6e6


def _near(item, taken, gap):
    """Splits of the images that are closer than the gap."""
    hours = _hours(item)
    return {other.split for other in taken if other.time is not None and abs(_hours(other) - hours) < gap}


def _too_close(gap, what):
    return f"It is closer than {gap:g} hours to {what}."


def _best_cut(timed, taken, share, gap):
    """Number of the images for training, and of the first image for validation; `None` if no cut is good."""
    hours = np.array([_hours(item) for item in timed])
    near = [_near(item, taken, gap) for item in timed]
    blocked = np.array([[split in found for split in (_KEPT, _TRAIN)] for found in near])
    counts = np.arange(1, len(timed))
    first = np.searchsorted(hours, hours[:-1] + gap)
    train = np.concatenate([[0], np.cumsum(~blocked[:, 0])])[counts]
    kept = (~blocked[:, 1]).sum() - np.concatenate([[0], np.cumsum(~blocked[:, 1])])[first]
    out = len(timed) - train - kept
    score = np.where((train > 0) & (kept > 0), np.abs(kept / len(timed) - share) + out / len(timed), np.inf)
    if not len(score) or not np.isfinite(score.min()) or out[score.argmin()] > _MOST_LEFT_OUT * len(timed):
        return None
    return counts[score.argmin()], first[score.argmin()]


def _cut(timed, cut, taken, refused, gap):
    before = list(taken)
    for index, item in enumerate(timed):
        split = _TRAIN if index < cut[0] else _KEPT if index >= cut[1] else None
        if split is None:
            refused.append((item, f"It lies in the gap of {gap:g} hours between training and validation."))
        elif set(SPLITS) - {split} & _near(item, before, gap):
            refused.append((item, _too_close(gap, "images of another group in the other split")))
        else:
            taken.append(replace(item, split=split))


def _join(item, taken, refused, rule, gap):
    """Assign an image to a group that has a split."""
    near = _near(item, taken, gap)
    if near == set(SPLITS):
        hours = _hours(item)
        like = [other for other in taken if (other.group, other.shape) == (item.group, item.shape)]
        like = [other for other in like if other.columns and other.time and abs(_hours(other) - hours) < gap]
        columns = {(other.split, other.columns) for other in like}
        if rule.regions and len(columns) == 2 and like:
            taken += [replace(item, split=split, columns=part) for split, part in sorted(columns)]
        else:
            refused.append((item, _too_close(gap, "images of both splits")))
        return
    if near:
        (split,) = near
    else:
        of_group = [other.split for other in taken if other.group == item.group]
        split = _KEPT if of_group.count(_KEPT) < rule.share * len(of_group) else _TRAIN
    taken.append(replace(item, split=split))


def _by_region(items, taken, refused, rule, gap):
    """Split each image into columns; those of one time and shape at the same ones."""
    hours = [_hours(item) for item in items if item.time is not None]
    drift = _ROTATION * (max(hours) - min(hours)) if hours else 0.0
    before = list(taken)
    for item in sorted(items, key=lambda item: -item.shape[0] * item.shape[1]):
        others = before + [other for other in taken[len(before) :] if other.shape != item.shape]
        if item.time is not None and _near(item, others, gap):
            refused.append((item, _too_close(gap, "images of another group or shape")))
            continue
        moved = drift if item.time is not None else 0.0
        width, margin = item.shape[1], int(np.ceil((rule.margin + moved) / item.pixel_scale))
        kept = max(round(rule.share * width), item.least[1])
        train = width - kept - margin
        if train < item.least[0]:
            refused.append(
                (
                    item,
                    f"Found no image that is {gap:g} hours apart, and {width} columns; expected at least "
                    f"{item.least[0] + margin + item.least[1]} to split the image into regions.",
                )
            )
            continue
        taken.append(replace(item, split=_TRAIN, columns=(0, train)))
        taken.append(replace(item, split=_KEPT, columns=(width - kept, width)))
