"""Sub-collimators and weighting of a back-projection: given ones are checked, others are recognized."""

import numpy as np

from sunpy_restore.backprojection.provenance.inversion import find_visibilities
from sunpy_restore.backprojection.provenance.recognition import (
    has_other_weights,
    missing_points,
    recognized_weighting,
    unused_points,
)
from sunpy_restore.backprojection.visibilities.fourier import weights_of
from sunpy_restore.backprojection.visibilities.uvplane import SUBCOLLIMATORS, stix_uv
from sunpy_restore.core.messages import warn_user

__all__ = ["find_used", "weighting_of"]


def find_used(data, world, subcollimators=None, *, by_idl=False):
    """
    Find the visibilities of the sub-collimators that a back-projection was made from.

    Parameters
    ----------
    data, world
        See `~sunpy_restore.backprojection.provenance.inversion.find_visibilities`.
    subcollimators : iterable of `int`, optional
        The sub-collimators. By default those of 3 to 10, or else of 1 to 10, that explain the image.
    by_idl : `bool`
        Whether the image is by the IDL software.

    Returns
    -------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    visibilities : `numpy.ndarray` of `complex`
        Visibilities for natural weights, shape ``(n,)``.
    matrix : `numpy.ndarray`
        See `~sunpy_restore.backprojection.provenance.inversion.find_visibilities`.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Given sub-collimators were not used, or those that were used are not 3 to 10 and not given, or the image was
        made without single visibilities of them, which are left out.

    Raises
    ------
    ValueError
        The image is no back-projection of visibilities of these sub-collimators.
    """
    points = stix_uv(SUBCOLLIMATORS if subcollimators is None else subcollimators)
    try:
        found, matrix, *_ = find_visibilities(data, world, points, weights_of(points))
    except ValueError as error:
        if by_idl:
            raise
        given = points
        points, found, matrix = _of_any(data, world)
        if points is None:
            raise
        if subcollimators is not None:
            _refuse_unfitting(given, points.only(~unused_points(found, points)), error)
    used = ~unused_points(found, points, by_idl=by_idl)
    part = points.only(used)
    if not used.any():
        raise ValueError(
            "Found no signal of any sub-collimator in the valid pixels; expected a back-projection with a source. Use "
            "the whole image, or check its mask."
        )
    missing = np.zeros(len(used), dtype=bool)
    missing[used] = missing_points(found[used], part)
    _warn_of_missing(points.only(missing), part)
    if subcollimators is not None:
        _warn_of_unused(points, part)
        used = ~missing
    elif not by_idl and _numbers(part) != list(SUBCOLLIMATORS):
        warn_user(
            f"The image appears to be made from the sub-collimators {_listed(part)}, which are used. "
            "Give subcollimators= to avoid this warning, or if it was made from others."
        )
    used = used & ~missing
    # The back-projection is a mean over fewer visibilities, which are smaller accordingly
    return points.only(used), found[used] * used.mean(), matrix


def weighting_of(observation, given=None, *, by_idl=False):
    """
    Weighting that a back-projection was made with.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The visibilities that natural weights give.
    given : ``"natural"`` or ``"uniform"``, optional
        The weighting, if it is known.
    by_idl : `bool`
        Whether the image is by the IDL software, which uses natural weights.

    Returns
    -------
    ``"natural"`` or ``"uniform"``
        The given weighting, or the one that explains the visibilities.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The given weighting does not explain the visibilities, or none is given and it is not natural or not certain, or
        it is neither of both.
    """
    if by_idl and given is None:
        return "natural"
    points, grid = observation.own_axes()
    used = ~unused_points(observation.visibilities, observation.points, by_idl=by_idl)
    part = observation.visibilities[used], points.only(used), grid
    weighting, certain = recognized_weighting(*part)
    if has_other_weights(*part):
        warn_user(
            "Neither natural nor uniform weights explain the back-projection, and no others are supported: the flux is "
            f"probably wrong. {given or weighting!r} is used. Make the back-projection with natural weights."
        )
        return given or weighting
    if given is not None:
        if certain and given != weighting:
            warn_user(
                f"Found {weighting} weights in the back-projection, but weighting={given!r} is given and used: the "
                f"flux and the shape of the sources are probably wrong. weighting={weighting!r} fits the image."
            )
        return given
    if weighting == "uniform" or not certain:
        likely = "is" if certain else "may be"
        warn_user(
            f"The weighting of the back-projection is not given, and {likely} {weighting!r}, which is used. "
            "Give weighting='natural' or weighting='uniform' to avoid this warning."
        )
    return weighting


def _of_any(data, world):
    """Points of all sub-collimators, with their visibilities and axes, or `None` three times if they don't fit."""
    points = stix_uv(range(1, 11))
    try:
        return points, *find_visibilities(data, world, points, weights_of(points))[:2]
    except ValueError:
        return None, None, None


def _warn_of_unused(points, part):
    if len(part.labels) < len(points.labels):
        warn_user(
            f"Found no signal of some of the given sub-collimators {_listed(points)} in the back-projection: it "
            f"appears to be made from {_listed(part)}. All given ones are used, so that the flux is probably wrong. "
            f"subcollimators={tuple(_numbers(part))} fits the image."
        )


def _warn_of_missing(missing, points):
    if missing.labels:
        warn_user(
            f"The back-projection has no signal at {len(missing.labels)} of {len(points.labels)} points of the (u, v) "
            f"plane, {', '.join(missing.labels)}: it appears to be made without the visibilities there, which are left "
            "out. Make the image with them if they were measured."
        )


def _refuse_unfitting(points, fitting, error):
    raise ValueError(
        f"The image is not a back-projection of visibilities at these {len(points.labels)} points of the (u, v) plane, "
        f"those of the sub-collimators {_listed(points)}; expected "
        f"subcollimators={tuple(_numbers(fitting))}, which fit the image. Give these, or leave them out."
    ) from error


def _numbers(points):
    return sorted(set(points.subcollimators.tolist()))


def _listed(points):
    return ", ".join(map(str, _numbers(points)))
