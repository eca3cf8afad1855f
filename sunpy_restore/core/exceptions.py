"""Warnings and errors of the package."""

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["RestoreWarning", "TrainingError", "WeightsError"]


class RestoreWarning(AstropyUserWarning):
    """An image was restored, but its input or some of its pixels should be checked."""


class TrainingError(RuntimeError):
    """A training cannot go on: its loss or its weights are not finite, or the memory is too small."""


class WeightsError(RuntimeError):
    """Weights of a network cannot be found, downloaded, verified or read."""
