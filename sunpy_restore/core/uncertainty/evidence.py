"""What is known about the error of a restored image before the truth is known."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sunpy_restore.core.numerics import correlation as correlations

__all__ = ["SUMS_KEYWORD", "Case", "Evidence", "KnownSums", "recorded_sums"]

SUMS_KEYWORD = "rstsums"
"""Keyword of the column runs whose sums were observed, in lower case."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    What tells how large the error of each restored pixel can be.

    The module of a task's function for it can have another one, ``evidence_in_strips``, which yields rows of the
    restored image and the evidence of these rows, so that the features of large images are not in memory at once.

    Parameters
    ----------
    where : `numpy.ndarray` of `bool`
        True for the ``n`` pixels whose uncertainty is asked for, in the shape of the restored image.
    features : mapping of `str` to `numpy.ndarray`
        Finite numbers of shape ``(n,)`` in the order of ``image[where]``, which do not depend on the truth.
    scale : `numpy.ndarray`
        What an error is measured in, shape ``(n,)``, in the unit of the restored image; positive.
    stratum : `numpy.ndarray` of `int`
        Index of the kind of pixel in the names of the strata of the task, shape ``(n,)``.
    unknown : `numpy.ndarray` of `bool`
        True where nothing can be known, shape ``(n,)``: the uncertainty is infinite.
    added : `numpy.ndarray`, optional
        Standard deviation of random noise that was added to the restored image for display, shape ``(n,)``, in its
        unit; the scale and the features are those of the image without it.
    magnification : `float`
        Ratio of the pixel size for which the correlation of the errors is calibrated to that of the image, for a task
        whose errors have a size in arcsec and whose images have pixels of any size; or how much longer than in the
        calibration the distances are over which the errors of this image are correlated.
    """

    where: np.ndarray
    features: Mapping[str, np.ndarray]
    scale: np.ndarray
    stratum: np.ndarray
    unknown: np.ndarray
    added: np.ndarray | None = None
    magnification: float = 1.0

    def matrix(self):
        """
        Arrange the features as an array.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(n, len(features))``.
        """
        return np.stack([np.asarray(values, np.float32) for values in self.features.values()], axis=1)


@dataclass(frozen=True, kw_only=True)
class KnownSums:
    """
    Runs of restored pixels along columns whose sums were observed: within a run, errors cancel.

    The module of a task's function for `Evidence` can have another one, ``known_sums``, with the same parameters, which
    returns them, or `None` if there are none.

    Parameters
    ----------
    runs : sequence of `tuple` of `int`
        Column, first row, and row after the last of each run. Runs do not overlap.
    error : `float`
        1-sigma error of the sums relative to their values, common to all of them.
    correlation : mapping of `float` to `float`
        Correlation of the errors within runs before they are made to cancel, see
        `~sunpy_restore.core.numerics.correlation.fit_correlation`.
    """

    runs: Sequence[tuple[int, int, int]]
    error: float
    correlation: Mapping[float, float]

    keyword = SUMS_KEYWORD

    def to_text(self):
        """
        Write the sums as a value for a FITS header.

        Returns
        -------
        `str`

        Examples
        --------
        >>> from sunpy_restore.core.uncertainty.evidence import KnownSums
        >>> KnownSums(runs=[(7, 20, 31), (8, 18, 32)], error=0.01, correlation={4.0: 1.0}).to_text()
        '0.01; 4:1; 7:20-31 8:18-32'
        """
        runs = " ".join(f"{column}:{first}-{last}" for column, first, last in self.runs)
        return f"{self.error:g}; {correlations.to_text(self.correlation)}; {runs}"

    @classmethod
    def from_text(cls, text):
        """
        Read the value in a FITS header.

        Parameters
        ----------
        text : `str`
            See `to_text`.

        Returns
        -------
        `KnownSums`

        Raises
        ------
        ValueError
            The text is none of `to_text`.
        """
        try:
            error, correlation, runs = text.split(";")
            runs = [tuple(map(int, re.fullmatch(r"(\d+):(\d+)-(\d+)", run).groups())) for run in runs.split()]
            return cls(runs=runs, error=float(error), correlation=correlations.from_text(correlation))
        except (AttributeError, ValueError) as problem:
            raise ValueError(
                f"Found the known sums {text!r}; expected a text like '0.01; 4:1; 7:20-31 8:18-32'. Restore the image "
                "again."
            ) from problem

    def within(self, window, region):
        """
        Select the runs that lie in a region.

        The errors of a part of a run are not known better because that of its sum is.

        Parameters
        ----------
        window : pair of `slice`
            Part of the image, which contains the region.
        region : `numpy.ndarray` of `bool`
            True in the region, in the shape of the image.

        Returns
        -------
        `KnownSums`
            With positions relative to the window.
        """
        top, left = (part.start for part in window)
        runs = [(x - left, first - top, last - top) for x, first, last in self.runs if region[first:last, x].all()]
        return replace(self, runs=runs)


def recorded_sums(smap):
    """
    Read which sums of a restored Map were observed.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.KnownSums`
        Without runs if none was.

    Raises
    ------
    ValueError
        The header does not belong to the image.
    """
    if SUMS_KEYWORD not in smap.meta:
        return KnownSums(runs=(), error=0.0, correlation={0.0: 1.0})
    sums = KnownSums.from_text(smap.meta[SUMS_KEYWORD])
    ny, nx = smap.data.shape
    if any(x >= nx or last > ny for x, _, last in sums.runs):
        raise ValueError(
            f"Found {SUMS_KEYWORD.upper()} with columns beyond the image of shape {(ny, nx)}; expected the whole "
            "restored image, as desaturate() returned it. Restore it again."
        )
    return sums


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    An observation whose truth is known, from which errors are learned.

    Parameters
    ----------
    name : `str`
        Name of the case.
    part : `str`
        Name of one of several parts of the cases, at least three. Cases of one part do not share images, regions or
        times with those of another, nor with the training data of the weights: the errors of each part are predicted by
        a model that was fitted to the others.
    make : callable
        ``make() -> (observation, truth)``; the truth has the shape and unit of the restored image.
    group : `str`
        What the case has in common with others, for example its noise.
    source : `str`
        Image or region of the case, by default a different one for each: only cases of different sources count as
        independent.
    """

    name: str
    part: str
    make: Callable[[], Any]
    group: str = ""
    source: str = ""

    @property
    def origin(self):
        """The source, or the name if the case is the only one of its source."""
        return self.source or self.name
