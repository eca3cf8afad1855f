"""What STIX makes of flares: random sources, and visibilities with noise."""

import numpy as np

from sunpy_restore.backprojection.scenes import ellipse, joined, loop, point, visibilities_of_scene

__all__ = ["draw_scene", "draw_subcollimators", "noisy_visibilities", "with_noise"]

_MARGIN = 20.0  # arcsec from the edge of the field
_KINDS = ("point", "ellipse", "loop", "ribbons")
_SHARES = (0.3, 0.4, 0.2, 0.1)
_CLOSE = (12.0, 40.0)  # arcsec
_LONG = 0.25  # of what looks like close pairs
_LEVELS = (0.005, 0.3)  # of noise
_USUAL = 0.75  # share of the usual sub-collimators
_SETS = ((1, 10), (2, 10), (4, 10), (3, 9), (5, 10), (7, 10), (7, 10))


def draw_scene(rng, field, close=0.0):
    """
    Draw one to four sources of different kinds, anywhere in a field.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of chance.
    field : `float`
        Side of the field in arcsec.
    close : `float`
        Share of scenes that are two compact sources about a beam apart.

    Returns
    -------
    `~sunpy_restore.backprojection.scenes.Scene`
        Its flux is 1.
    """
    if close and rng.random() < close:
        return _close_pair(rng, field)
    count = rng.choice([1, 2, 3, 4], p=[0.4, 0.35, 0.15, 0.1])
    half = field / 2 - _MARGIN
    places = [rng.uniform(-half, half, 2)]
    while len(places) < count:
        # From the finest scale to all of the field
        away = np.exp(rng.uniform(np.log(6.0), np.log(0.8 * field)))
        angle = rng.uniform(0, 2 * np.pi)
        place = places[rng.integers(len(places))] + away * np.array([np.cos(angle), np.sin(angle)])
        if np.abs(place).max() < half:
            places.append(place)
    fluxes = np.exp(rng.uniform(np.log(0.1), 0, count))
    fluxes[0] = 1
    scene = joined([_source(rng, flux, *place) for flux, place in zip(fluxes, places, strict=True)])
    return scene._replace(flux=scene.flux / scene.flux.sum())


def _close_pair(rng, field):
    """What is hardest to tell from one source that is a little longer, which some of them are."""
    x, y = rng.uniform(_MARGIN - field / 2, field / 2 - _MARGIN, 2)
    apart, angle = rng.uniform(*_CLOSE), rng.uniform(0, 2 * np.pi)
    if rng.random() < _LONG:
        return ellipse(1.0, x, y, rng.uniform(15, 50), rng.uniform(2, 15), angle)
    dx, dy = apart / 2 * np.cos(angle), apart / 2 * np.sin(angle)
    ratio, widths = np.exp(rng.uniform(np.log(0.25), 0)), rng.uniform(0, 14, 2)
    share = 1 / (1 + ratio)
    pair = ((share, x + dx, y + dy, widths[0]), (1 - share, x - dx, y - dy, widths[1]))
    return joined([ellipse(flux, *at, width, width, 0.0) for flux, *at, width in pair])


def _source(rng, flux, x, y):
    kind = rng.choice(_KINDS, p=_SHARES)
    angle = rng.uniform(0, 2 * np.pi)
    if kind == "point":
        return point(flux, x, y)
    if kind == "ellipse":
        major = np.exp(rng.uniform(np.log(3.0), np.log(80.0)))
        return ellipse(flux, x, y, major, major * rng.uniform(0.3, 1), angle)
    length, width = np.exp(rng.uniform(np.log(15.0), np.log(90.0))), np.exp(rng.uniform(np.log(2.0), np.log(20.0)))
    bend, brightening = rng.uniform(0, 3.5) * rng.integers(2), rng.uniform(-0.9, 0.9)
    if kind == "loop":
        return loop(flux, x, y, length, width, angle, bend, brightening)
    # Two ribbons side by side
    apart, share = rng.uniform(10, 40), rng.uniform(0.25, 0.75)
    dx, dy = -apart / 2 * np.sin(angle), apart / 2 * np.cos(angle)
    other = loop(flux * (1 - share), x - dx, y - dy, length, width, angle, -bend, brightening)
    return joined([loop(flux * share, x + dx, y + dy, length, width, angle, bend, brightening), other])


def draw_subcollimators(rng):
    """
    Draw the sub-collimators that are used: mostly 3 to 10.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of chance.

    Returns
    -------
    `list` of `int`
    """
    numbers = list(range(3, 11))
    if rng.random() < _USUAL:
        return numbers
    if rng.random() < 0.3:
        numbers.remove(rng.integers(3, 11))
        return numbers
    first, last = _SETS[rng.integers(len(_SETS))]
    return list(range(first, last + 1))


def noisy_visibilities(scene, plane, rng):
    """
    Visibilities as they would be measured.

    Count statistics are alike for all of them, because each comes from all photons of its detector; errors of the
    calibration go with the amplitude.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.scenes.Scene`
        The sources.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Where they are measured.
    rng : `numpy.random.Generator`
        Source of chance.

    Returns
    -------
    `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    """
    true = visibilities_of_scene(scene, plane)
    level = np.exp(rng.uniform(*np.log(_LEVELS)))
    share = rng.uniform(0, 1) if rng.random() < 0.7 else rng.integers(2)
    sigma = level * np.hypot(share * scene.flux.sum(), (1 - share) * np.abs(true))
    noise = rng.standard_normal((2, len(true)))
    return true + sigma * (noise[0] + 1j * noise[1])


def with_noise(found, level, rng):
    """
    Add noise of a known size, alike for all visibilities.

    Parameters
    ----------
    found : `numpy.ndarray` of `complex`
        Visibilities without noise, shape ``(n,)``.
    level : `float`
        RMS of the complex noise, over the largest amplitude.
    rng : `numpy.random.Generator`
        Source of chance.

    Returns
    -------
    found : `numpy.ndarray` of `complex`
        With noise.
    error : `float`
        Standard deviation of its real and imaginary part.
    """
    error = level * np.abs(found).max() / np.sqrt(2)
    noise = rng.standard_normal((2, len(found)))
    return found + error * (noise[0] + 1j * noise[1]), error
