"""What is known about the error of a restored image before the truth is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Case", "Evidence"]


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
        whose errors have a size in arcsec and whose images have pixels of any size.
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
