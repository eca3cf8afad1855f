"""Restore an observation: by a method, and fitted to measured visibilities."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

import astropy.units as u

from sunpy_restore.backprojection.channels import PIXEL, channels_of, without_models
from sunpy_restore.backprojection.classical import FittedImage
from sunpy_restore.backprojection.fitting.average import average_sources, relative_noise, trust_in
from sunpy_restore.backprojection.fitting.noise import cleaned_field, errors_of, errors_with_model
from sunpy_restore.backprojection.fitting.scenes import visibilities_of_scene
from sunpy_restore.backprojection.fitting.sourcetable import source_cards
from sunpy_restore.backprojection.imaging.agreement import chi_squared, fit_to_visibilities, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, shift_phase_center, weights_of
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.restoration.methods import Restored

__all__ = ["FollowedImage", "not_negative", "restore", "with_network"]

_SIDE_STEP = 16
"""The sides of the network's field are multiples of this number of pixels."""
_ROUNDING = 1e-6
_SMALLEST_SIDE, _LARGEST_SIDE = 48, 96
"""Smallest and largest side of the network's field in pixels of 4 arcsec."""
_LARGEST_CHI_SQUARED = 4.0
"""
Reduced chi squared from which an image does not describe the visibilities: that of fits to up to three simulated
sources with 2 to 20 % noise is 3.6 or less.
"""
_ADVICE = (
    "Compare it with the images of other methods, and check that all sources are in the image and, if they are given, "
    "the visibilities and their errors."
)
_FIT_ADVICE = "Up to three Gaussian sources do not describe the flare: use method='mem' or 'network'."
_WEIGHT_OF_SOURCES = 0.75
"""Weight of the fitted sources, where they describe the visibilities, in the mean with the image of the network."""
_FOLLOWED = 0.5
"""Trust in fitted sources from which the header says that the network follows them."""
_EDGE, _EDGE_SHARE = 20.0, 0.02
"""Width of the edge of an image in arcsec, and the share of the light in it from which there is a source."""


class FollowedImage(NamedTuple):
    """
    Image of a network that follows fitted sources.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    followed : `int`
        Number of sources that it follows with at least half of the largest weight, 0 if it follows none.
    """

    image: np.ndarray
    followed: int


def restore(observation, method, *, progress=False, residual=False, clean_weighting="natural"):
    """
    Restore an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method; it gives the flux per clean beam.
    progress : `bool`
        Show a progress bar.
    residual, clean_weighting
        See `sunpy_restore.backproj_to_clean`.

    Returns
    -------
    `~sunpy_restore.core.restoration.methods.Restored`
        Flux per square arcsec, shape ``(ny, nx)``, fitted to the visibilities of the observation if their errors are
        known and the method is not ``"forward-fit"``. The header keywords ``BMAJ``, ``BMIN`` and ``BPA`` describe the
        clean beam; ``RSTCHI0`` and ``RSTCHI2`` are the reduced chi squared before and after the fit, with the
        errors of `~sunpy_restore.backprojection.fitting.noise.errors_of`; ``RSTNFIT`` is the number of fitted sources
        that the network follows; for those of sources see
        `~sunpy_restore.backprojection.fitting.sourcetable.source_table`.

    Raises
    ------
    ValueError
        An option of CLEAN is given for another method.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The reduced chi squared of the image is more than 4. Without errors of the visibilities, those of images with a
        residual map, of the network in a Map of less than 192 arcsec, and with pixels of more than 7.3 arcsec are not
        checked.
    """
    options = {"residual": residual, "clean_weighting": clean_weighting}
    part = (slice(None), slice(None))
    if not method.is_network or observation.errors is not None:
        observation, part = observation.with_surroundings()
    if method.name == "clean":
        image = method.function(observation, progress=progress, **options)
    elif residual or clean_weighting != "natural":
        given = "residual=True" if residual else f"clean_weighting={clean_weighting!r}"
        raise ValueError(
            f"Found {given} for method={method.name!r}; residual and clean_weighting are options of 'clean'. "
            "Leave it out."
        )
    else:
        image = method(observation, progress=progress)
    cards = {"bmaj": BEAM / 3600, "bmin": BEAM / 3600, "bpa": 0.0}
    sources = None
    if isinstance(image, FollowedImage):
        image, cards["rstnfit"] = image
    if isinstance(image, FittedImage):
        image, sources = image
        cards |= source_cards(sources, observation)
    image = image / beam_area()
    if observation.errors is not None:
        image, before, after = _fitted(image, observation, change=sources is None)
        cards |= {"rstchi0": before, "rstchi2": after}
    if sources is not None:
        # The image lacks what the sources have outside of it
        _warn_of_misfit(visibilities_of_scene(sources.scene, observation.own_axes()[0]), observation, _FIT_ADVICE)
    elif observation.errors is not None or (not residual and _shows_misfit(observation)):
        _warn_of_misfit(model_visibilities(image, *observation.own_axes()), observation, _ADVICE)
    return Restored(data=image[part], unit=observation.unit / u.arcsec**2, cards=cards)


def with_network(observation, network, *, progress=False):
    """
    Make an image from the visibilities of an observation by a network.

    The network sees the whole image on pixels of its own or, if that is larger than 6.4 arcmin, the part around the
    maximum. A cubic spline interpolates its result. If fitted sources describe the visibilities and do not touch one
    another, or are distinct, the image is the mean of that of a network that is guided by them and of the average of
    all models of the fit, with weights of 25 and 75 %. Where that is uncertain, the weights are between these and those
    of a network that is not guided, see `~sunpy_restore.backprojection.fitting.average.trust_in`.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``.
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        The network.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `FollowedImage`
        0 outside of the network's field.

    Raises
    ------
    ValueError
        A visibility is not at a (u, v) point of STIX.
    """
    points = observation.points
    unknown = [label for label in points.labels if label.startswith("#")]
    if unknown:
        raise ValueError(
            f"Found {len(unknown)} of {len(points.labels)} visibilities that are not at a (u, v) point of STIX; "
            "expected none, because the network was trained for STIX. Use method='clean'."
        )
    x, y = observation.offsets()
    pixel = getattr(network.module, "pixel", PIXEL)
    center, grid = _field(observation, x, y, pixel)
    visibilities = shift_phase_center(observation.visibilities, points, *center)
    errors = errors_of(observation)
    sources = average_sources(visibilities, errors, points, grid)
    trust = trust_in(sources, relative_noise(visibilities, errors))
    image = np.zeros(grid.shape)
    for share, guides in ((trust.guided, sources), (1 - trust.guided, without_models(sources))):
        if share:
            channels, unit = channels_of(visibilities, points, grid, errors, guides)
            image += share * unit * network(channels, progress=progress).astype(float)
    pixels = [
        (along - middle) / pixel + (n - 1) / 2
        for along, middle, n in zip((y, x), center[::-1], grid.shape, strict=True)
    ]
    # Up to the outer sides of the outermost pixels
    inside = [abs(place - (n - 1) / 2) <= n / 2 + _ROUNDING for place, n in zip(pixels, grid.shape, strict=True)]
    interpolated = ndimage.map_coordinates(image, pixels, order=3, mode="nearest")
    image = np.maximum(interpolated, 0)
    followed = 0
    weight = trust.guided * trust.followed
    if getattr(network.module, "guides", 0) and weight:
        followed = len(sources.scenes[0].flux) if weight >= _FOLLOWED else 0
        fitted = sources.brightness_at(x - center[0], y - center[1])
        image += _WEIGHT_OF_SOURCES * weight * (fitted - image)
    return FollowedImage(np.where(inside[0] & inside[1], image, 0), followed)


def not_negative(restored, channels):
    """
    Data consistency of the networks: brightness is not negative.

    Parameters
    ----------
    restored : `numpy.ndarray`
        Output of a network.
    channels : `numpy.ndarray`
        Its input, which is not used.

    Returns
    -------
    `numpy.ndarray`
        The output with negative values set to zero.
    """
    return np.maximum(restored, 0)


def _field(observation, x, y, pixel):
    """Centre in arcsec and pixel grid of the network's field; along sides that are too long it is at the maximum."""
    smallest, largest = (
        round(side * PIXEL / pixel / _SIDE_STEP) * _SIDE_STEP for side in (_SMALLEST_SIDE, _LARGEST_SIDE)
    )
    # All centres of the image's pixels are in it, up to half of its outermost pixels; a network that sees only a part
    # of a source at the edge of its field invents a broad one
    spare = _SIDE_STEP if _is_near_edge(observation) else 0
    sides = [int(_SIDE_STEP * np.ceil(np.ptp(along) / pixel / _SIDE_STEP - _ROUNDING)) + spare for along in (y, x)]
    center = (0.0, 0.0)
    if max(sides) > largest:
        whole, points = Grid(tuple(sides), (pixel, pixel)), observation.points
        dirty = back_projection(observation.visibilities, points, whole, weights_of(points))
        row, column = np.unravel_index(np.argmax(dirty), dirty.shape)
        center = tuple(
            middle if side > largest else 0.0
            for middle, side in zip((whole.x[column], whole.y[row]), sides[::-1], strict=True)
        )
    return center, Grid(tuple(int(np.clip(side, smallest, largest)) for side in sides), (pixel, pixel))


def _shows_misfit(observation):
    """Whether the image contains all sources, as a small one may not, and has pixels that resolve the clean beam."""
    _, grid = observation.own_axes()
    return observation.with_surroundings()[0].shape == observation.shape and max(map(abs, grid.pixel)) <= BEAM / 2


def _is_near_edge(observation):
    """Whether there is a source at the edge of the image, by CLEAN."""
    points, grid = observation.own_axes()
    field, _, cleaned = cleaned_field(observation.visibilities, points, grid)
    inside = [
        abs(places + middle) <= n * abs(size) / 2 - _EDGE
        for places, middle, n, size in zip(
            (field.grid.y, field.grid.x), field.center[::-1], grid.shape, grid.pixel, strict=True
        )
    ]
    light = abs(cleaned.model)
    return light.sum() - light[np.ix_(*inside)].sum() > _EDGE_SHARE * light.sum()


def _fitted(image, observation, *, change):
    """An image that is fitted to the visibilities if it may change, and the reduced chi squared before and after."""
    points, grid = observation.own_axes()
    measured, errors = observation.visibilities, errors_of(observation)
    fitted = fit_to_visibilities(image, points, grid, measured, errors) if change else image
    before, after = (chi_squared(model_visibilities(one, points, grid), measured, errors) for one in (image, fitted))
    return fitted, before, after


def _warn_of_misfit(model, observation, advice):
    """Warn of an image that does not describe the visibilities within their errors and those of the calibration."""
    reached = chi_squared(model, observation.visibilities, errors_with_model(observation))
    if reached > _LARGEST_CHI_SQUARED:
        warn_user(
            f"The image does not agree with the visibilities: its reduced chi squared is {reached:.3g}, and about 1 is "
            f"expected. {advice}"
        )
