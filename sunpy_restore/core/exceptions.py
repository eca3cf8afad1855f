"""Warnings and errors of the package."""

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["RestoreWarning", "WeightsError"]


class RestoreWarning(AstropyUserWarning):
    """The restoration is possible, but some of its pixels or its input deserve a second look."""


class WeightsError(RuntimeError):
    """Network weights could not be found, downloaded, verified or read."""
