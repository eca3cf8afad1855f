"""Warnings and errors of the package."""

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["RestoreWarning", "WeightsError"]


class RestoreWarning(AstropyUserWarning):
    """An image was restored, but its input or some of its pixels should be checked."""


class WeightsError(RuntimeError):
    """Weights of a network cannot be found, downloaded, verified or read."""
