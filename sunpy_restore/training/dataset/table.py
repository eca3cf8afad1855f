"""Tables of the images in a data set."""

from collections import Counter

from sunpy_restore.core.datasets.splits import SPLITS
from sunpy_restore.training.dataset.splits import duration, undivided

__all__ = ["check_both_splits", "format_manifest"]

_EXAMPLES = 2
_REASONS = 3


def format_manifest(manifest):
    """
    Format what a data set contains, and why other files were not taken, for a terminal.

    Parameters
    ----------
    manifest : `~sunpy_restore.core.datasets.manifest.Manifest`
        The data set.

    Returns
    -------
    `str`
    """
    head = ["images of", *SPLITS, "pixels [arcsec]", "first", "last"]
    rows = [head, *(_row(manifest, group) for group in sorted({item.group for item in manifest.items}))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.append(f"Training and validation are {manifest.separation(duration(manifest.gap))}.")
    if manifest.refused:
        lines += ["", "not taken"]
    lines += [f"{count:5d}  {text}" for count, text in _reasons(manifest)]
    return "\n".join(lines)


def check_both_splits(manifest, task, what, files):
    """
    Refuse a data set without images for training or without images for validation.

    Parameters
    ----------
    manifest : `~sunpy_restore.core.datasets.manifest.Manifest`
        The data set.
    task, what : `str`
        Name of the task; what the data set contains, such as ``"images"``.
    files : `int`
        Number of files that were considered.

    Raises
    ------
    ValueError
        One of the splits is empty.
    """
    missing = [split for split in SPLITS if not any(item.split == split for item in manifest.items)]
    if not missing:
        return
    reasons = [text for _, text in _reasons(manifest)][:_REASONS]
    if manifest.items:
        reasons.insert(0, undivided(manifest.items, manifest.gap))
    raise ValueError(
        f"Found {len(manifest.items)} {what} for {task} in {files} files, and none for {missing[0]}; expected {what} "
        f"for both splits. {' '.join(reasons)}".rstrip()
    )


def _reasons(manifest):
    """How many files were refused for each reason, and a text with some of their names."""
    for reason, count in Counter(reason for _, reason in manifest.refused).most_common():
        names = [name for name, other in manifest.refused if other == reason]
        more = f" and {count - _EXAMPLES} more" if count > _EXAMPLES else ""
        yield count, f"{', '.join(names[:_EXAMPLES])}{more}: {reason}"


def _row(manifest, group):
    items = [item for item in manifest.items if item.group == group]
    counts = []
    for split in SPLITS:
        own = [item for item in items if item.split == split]
        regions = sum(item.columns is not None for item in own)
        counts.append(f"{len(own)}" + (f" ({regions} regions)" if regions else ""))
    scales = sorted(item.pixel_scale for item in items)
    scale = f"{scales[0]:.3g}" if scales[-1] < 1.01 * scales[0] else f"{scales[0]:.3g} to {scales[-1]:.3g}"
    times = sorted(item.time[:16] for item in items if item.time)
    return [group, *counts, scale, *((times[0], times[-1]) if times else ("-", "-"))]
