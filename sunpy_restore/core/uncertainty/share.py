"""Values of ``uncertainty``: True for a compromise between all intervals, or the share of the truth in one of them."""

import math

import numpy as np

from sunpy_restore.core.uncertainty.conformal import SHARES

__all__ = ["check_uncertainty", "share_of"]


def check_uncertainty(uncertainty):
    """
    Refuse an invalid value of ``uncertainty``.

    Parameters
    ----------
    uncertainty : `bool` or `float`
        See `sunpy_restore.enhance`.

    Raises
    ------
    TypeError
        It is neither boolean nor a number.
    ValueError
        It is a number, but none of `~sunpy_restore.core.uncertainty.conformal.SHARES`.
    """
    if isinstance(uncertainty, bool | np.bool_):
        return
    expected = f"expected True, False, {' or '.join(map(str, SHARES))}"
    if not isinstance(uncertainty, float | np.floating):
        raise TypeError(f"Found uncertainty={uncertainty!r}; {expected}.")
    if _calibrated(uncertainty) is None:
        raise ValueError(f"Found uncertainty={uncertainty}; {expected}, the shares that were calibrated.")


def share_of(uncertainty):
    """
    Share of the truth that the interval of a requested uncertainty contains.

    Parameters
    ----------
    uncertainty : `bool` or `float`
        See `check_uncertainty`.

    Returns
    -------
    `float` or `None`
        `None` for a compromise between all shares, or without an uncertainty.
    """
    return None if isinstance(uncertainty, bool | np.bool_) else _calibrated(uncertainty)


def _calibrated(value):
    """The share that was calibrated, also if the value has been rounded to single precision."""
    return next((share for share in SHARES if math.isclose(share, value, rel_tol=1e-6)), None)
