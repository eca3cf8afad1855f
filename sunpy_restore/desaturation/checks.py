"""
Checks of desaturated images: saturation level, charge in bloomed columns, and diffraction fringes.

The limits of the fringes are from 40 simulated flares with known cores, in all seven channels, on the sample without a
flare: a true core has a residual of 0.84 to 1.00 and a strength of 0.90 to 1.06. The limits of the strength are
wider, because the model of the diffraction pattern has errors as well.
"""

import numpy as np

from sunpy_restore.core.reports.report import check_maker
from sunpy_restore.desaturation.fringes.correction import bloomed_charge
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength

__all__ = ["checks"]

_ROUNDING = 1e-5  # of the saturation level
_CHARGE = 1.0  # per cent
_RESIDUAL = 1.001
_STRENGTH = (0.8, 1.25)
_LOWEST, _CHARGE_NAME = "Lowest value in the saturated core", "Charge in bloomed columns"
_FRINGES, _FRINGE_STRENGTH = "Fringe residual", "Fringe strength"
_MEANINGS = {
    _LOWEST: "Pixels that were saturated by incident light have at least the value of the full well.",
    _CHARGE_NAME: "Excess of the flux in bloomed columns over the charge that was read out there. A fill that "
    "conserves it assumes that none was lost, which fringes cannot confirm to better than 20 %; one that exceeds it by "
    "60 % assumes that charge was lost.",
    _FRINGES: "Residual around the core after subtraction of its diffraction fringes; above 1 the image predicts "
    "fringes that are not observed.",
    _FRINGE_STRENGTH: "Observed strength of the fringes relative to that predicted; above 1 the core contains too "
    "little light.",
}
_check = check_maker(_MEANINGS)


def checks(comparison):
    """
    Check a desaturated image.

    Parameters
    ----------
    comparison : `~sunpy_restore.core.reports.report.Comparison`
        The restored image and the observation.

    Returns
    -------
    `list` of `~sunpy_restore.core.reports.report.Check`
        The saturation level, the charge if it bloomed, and the diffraction fringes. Those that need a saturation level
        or a diffraction pattern that is unknown say that they were not made.
    """
    observation, restored = comparison.observation, comparison.restored
    mask, found = observation.mask, []
    if observation.level is None:
        reason = "the saturation level is unknown; give saturated if the core is saturated"
        found += [_check(name, reason=reason) for name in (_LOWEST, _CHARGE_NAME)]
    else:
        if observation.primary.any():
            lowest = restored[observation.primary].min() / observation.level
            found.append(_check(_LOWEST, lowest, low=1 - _ROUNDING, unit="full well"))
        charge = _charge(observation, restored)
        if charge is not None:
            found.append(_check(_CHARGE_NAME, charge, low=-_CHARGE, high=_CHARGE, unit="%"))
    reason = None
    if observation.channel is None:
        reason = "the diffraction pattern of this instrument and wavelength is unknown"
    elif not np.isfinite(restored[mask]).all():
        reason = "filled pixels have no finite value"
    if reason is not None:
        return [*found, *(_check(name, reason=reason) for name in (_FRINGES, _FRINGE_STRENGTH))]
    # Borders of zeros are no observation of the corona
    return [*found, *_fringes(observation, restored if observation.lost is None else _without(restored, observation))]


def _without(restored, observation):
    """The image with NaN where nothing was observed."""
    return np.where(observation.lost & ~observation.mask, np.nan, restored)


def _charge(observation, restored):
    """Excess of the fill over the charge of all cores that bloomed, in per cent; `None` if none did."""
    held = filled = 0.0
    for cluster, charge in bloomed_charge(observation):
        held += charge.totals.sum()
        filled += restored[cluster.place][charge.segments > 0].sum()
    return 100 * (filled / held - 1) if held > 0 else None


def _fringes(observation, restored):
    residual = fringe_residual(restored, observation.mask, observation.channel)
    yield _check(_FRINGES, residual, low=0, high=_RESIDUAL)
    if observation.level is None:
        # A core that is not saturated has fringes too faint for their strength
        yield _check(_FRINGE_STRENGTH, reason="the saturation level is unknown")
        return
    try:
        strength = fringe_strength(restored, observation.mask, observation.channel)
    except ValueError:
        # A fill without light predicts no fringes
        strength = np.nan
    low, high = _STRENGTH
    yield _check(_FRINGE_STRENGTH, strength, low=low, high=high)
