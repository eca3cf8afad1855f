"""Gradients along the seams between tiles."""

import numpy as np

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["seam_ratio"]

_ROWS = 512
"""Rows that are processed at a time, which bounds the memory."""


def seam_ratio(image, rows=(), columns=(), *, band=2):
    """
    Ratio of the mean gradient at seams to that elsewhere.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    rows, columns : iterable of `int`
        Positions of the seams: the index of the first row above a seam along x, which lies between ``row - 1`` and
        ``row``, and of the first column to the right of a seam along y. The same positions in an image without seams
        are the control.
    band : `int`
        Number of pixel differences on each side of the seam that are included, in addition to that across the seam.

    Returns
    -------
    `dict`
        Ratios with their sampling errors (1 sigma): ``ratio`` and ``error`` for the magnitude of the gradient;
        ``across`` and ``across_error`` for the component across the seams, which is large at a jump; ``along`` and
        ``along_error`` for the component along the seams, which is small where tiles are blended. The errors are the
        scatter of the ratio for shifted positions without seams, and NaN if there is no room for these.

    Raises
    ------
    ValueError
        There is no seam, a seam is not inside the image, ``band`` is negative, or the seams with their bands cover the
        image; or the image is not 2-D, not finite, constant, or its mean is not positive.

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
        raise ValueError(f"Found a band of {band} pixels; expected 0 or more.")
    lines = [np.asarray(list(each), dtype=int) for each in (rows, columns)]
    for positions, length in zip(lines, image.shape, strict=True):
        if ((positions < 1) | (positions >= length)).any():
            raise ValueError(f"Found seams at {positions.tolist()}; expected positions from 1 to {length - 1}.")
    if not any(map(len, lines)):
        raise ValueError("Found no seams; expected one or more rows or columns.")
    measured = [
        _ratio_and_error(_gradient_profiles(part), positions, band)
        for part, positions in zip((image, image.T), lines, strict=True)
        if len(positions)
    ]
    # Shape (axes, components); seams along x and along y are weighted by their length
    weights = np.array([weight for _, _, weight in measured], dtype=float)[:, None]
    weights /= weights.sum()
    ratios = (weights * [ratio for ratio, _, _ in measured]).sum(axis=0)
    errors = np.sqrt((weights**2 * [error**2 for _, error, _ in measured]).sum(axis=0))
    names = ("ratio", "across", "along")
    return {name: float(ratio) for name, ratio in zip(names, ratios, strict=True)} | {
        name: float(error) for name, error in zip(("error", "across_error", "along_error"), errors, strict=True)
    }


def _gradient_profiles(image):
    """
    Mean magnitude of the gradient, and of its components across and along x, between neighbouring rows.

    Shape ``(3, ny - 1)``, and the length of the rows.
    """
    parts = []
    for first in range(0, image.shape[0] - 1, _ROWS):
        part = image[first : first + _ROWS + 1].astype(float)
        across = np.diff(part, axis=0)[:, :-1]
        along = np.diff(part, axis=1)
        # The mean of both rows, which a jump between them does not change
        along = (np.abs(along[1:]) + np.abs(along[:-1])) / 2
        parts.append([np.hypot(across, along).mean(axis=1), np.abs(across).mean(axis=1), along.mean(axis=1)])
    return np.concatenate(parts, axis=1), image.shape[1]


def _ratio_and_error(profiles, positions, band):
    """Ratio of the mean profiles at seams and elsewhere, its scatter for shifted seams, and the pixels at seams."""
    profiles, length = profiles
    at_seam = np.zeros(profiles.shape[1], dtype=bool)
    for offset in range(-band, band + 1):
        index = positions - 1 + offset
        at_seam[index[(index >= 0) & (index < len(at_seam))]] = True
    if at_seam.all():
        raise ValueError(
            f"Found no pixels outside {len(positions)} seams with bands of {band} pixels; expected some. Use a smaller "
            "band or a larger image."
        )
    ratio = profiles[:, at_seam].mean(axis=1) / profiles[:, ~at_seam].mean(axis=1)
    shifted = (np.roll(at_seam, shift) for shift in range(1, len(at_seam)))
    control = np.array([_control_ratio(profiles, at_seam, each) for each in shifted if not (each & at_seam).any()])
    error = control.std(axis=0) if len(control) > 1 else np.full(len(profiles), np.nan)
    return ratio, error, at_seam.sum() * length


def _control_ratio(profiles, at_seam, control):
    return profiles[:, control].mean(axis=1) / profiles[:, ~(at_seam | control)].mean(axis=1)
