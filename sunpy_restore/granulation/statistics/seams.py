"""Gradients on the lines where tiles were stitched."""

import numpy as np

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["seam_ratio"]


def seam_ratio(image, rows=(), columns=(), *, band=2):
    """
    Mean gradient on stitching lines over that elsewhere.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx).
    rows, columns : iterable of `int`
        The lines: index of the first row above a seam along x (it is between ``row - 1`` and ``row``), of the first
        column right of a seam along y. Of an image without seams, the same places are the control.
    band : `int`
        Differences of neighbours on each side of the seam that count as on the line, besides that across the seam.

    Returns
    -------
    `dict`
        Ratios with their sampling errors (1 sigma): ``ratio`` and ``error`` of the magnitude of the gradient,
        ``across`` and ``across_error`` of its component across the lines, which a jump raises, ``along`` and
        ``along_error`` of that along the lines, which blending lowers. The errors are the scatter of the ratio for the
        same lines shifted to where there are none; NaN if the lines leave no room for that.

    Raises
    ------
    ValueError
        If there is no line, one is not inside of the image, ``band`` is negative, or the lines with their bands cover
        the image; or the image is not 2-D, finite, of positive mean and with structure.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.granulation.statistics import seam_ratio
    >>> image = 1 + 0.1 * np.random.default_rng(0).standard_normal((400, 400))
    >>> image[200:] += 1
    >>> found = seam_ratio(image, rows=[200])
    >>> bool(found["across"] > 2), bool(abs(found["along"] - 1) < 4 * found["along_error"])
    (True, True)
    """
    image = relative(image)
    if band < 0:
        raise ValueError(f"expected a band of 0 or more pixels, found {band}")
    lines = [np.asarray(list(each), dtype=int) for each in (rows, columns)]
    for places, length in zip(lines, image.shape, strict=True):
        if ((places < 1) | (places >= length)).any():
            raise ValueError(f"expected lines from 1 to {length - 1}, found {places.tolist()}")
    if not any(map(len, lines)):
        raise ValueError("expected one or more rows or columns of stitching lines, found none")
    measured = [
        _measured(_profiles(part), places, band)
        for part, places in zip((image, image.T), lines, strict=True)
        if len(places)
    ]
    # Shape (axes, components): what lies on lines along x and along y counts by its length
    weights = np.array([weight for _, _, weight in measured], dtype=float)[:, None]
    weights /= weights.sum()
    ratios = (weights * [ratio for ratio, _, _ in measured]).sum(axis=0)
    errors = np.sqrt((weights**2 * [error**2 for _, error, _ in measured]).sum(axis=0))
    names = ("ratio", "across", "along")
    return {name: float(ratio) for name, ratio in zip(names, ratios, strict=True)} | {
        name: float(error) for name, error in zip(("error", "across_error", "along_error"), errors, strict=True)
    }


def _profiles(image, rows=512):
    """
    Mean magnitude of the gradient, and of its components across and along x, between each two neighbouring rows.

    In parts of some rows, for the memory. Shape (3, ny - 1), and the length of the rows.
    """
    parts = []
    for first in range(0, image.shape[0] - 1, rows):
        part = image[first : first + rows + 1].astype(float)
        across = np.diff(part, axis=0)[:, :-1]
        along = np.diff(part, axis=1)
        # Of the two rows: a jump between them alters neither
        along = (np.abs(along[1:]) + np.abs(along[:-1])) / 2
        parts.append([np.hypot(across, along).mean(axis=1), np.abs(across).mean(axis=1), along.mean(axis=1)])
    return np.concatenate(parts, axis=1), image.shape[1]


def _measured(profiles, places, band):
    """Ratio of the mean of profiles on lines and elsewhere, its scatter when the lines are shifted, pixels on lines."""
    profiles, length = profiles
    on = np.zeros(profiles.shape[1], dtype=bool)
    for offset in range(-band, band + 1):
        place = places - 1 + offset
        on[place[(place >= 0) & (place < len(on))]] = True
    if on.all():
        raise ValueError(
            f"expected room between the lines, found none besides {len(places)} lines with bands of {band}"
        )
    ratio = profiles[:, on].mean(axis=1) / profiles[:, ~on].mean(axis=1)
    shifted = (np.roll(on, shift) for shift in range(1, len(on)))
    control = np.array([_ratio_elsewhere(profiles, on, each) for each in shifted if not (each & on).any()])
    error = control.std(axis=0) if len(control) > 1 else np.full(len(profiles), np.nan)
    return ratio, error, on.sum() * length


def _ratio_elsewhere(profiles, lines, control):
    return profiles[:, control].mean(axis=1) / profiles[:, ~(lines | control)].mean(axis=1)
