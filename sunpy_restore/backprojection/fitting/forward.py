"""Simulated STIX observations of flares: random sources, and visibilities with noise."""

import numpy as np

from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, loop, point, visibilities_of_scene

__all__ = ["draw_flare", "draw_scene", "draw_subcollimators", "flare_visibilities", "noisy_visibilities", "with_noise"]

_FLARES = {"any": 0.35, "loop": 0.15, "single": 0.15, "pair": 0.2, "halo": 0.15}
"""Kinds of flares with their probabilities; "any" is a scene of `draw_scene`."""
_MARGIN = 20.0
"""Smallest distance of a source from the edge of the field in arcsec."""
_KINDS = {"point": 0.3, "ellipse": 0.4, "loop": 0.2, "ribbons": 0.1}
"""Kinds of sources with their probabilities."""
_PAIR_SEPARATIONS = (12.0, 40.0)
"""Smallest and largest separation of a close pair in arcsec."""
_SINGLE_INSTEAD_OF_PAIR = 0.25
"""Probability that a close pair is replaced by a single elongated source."""
_NOISE_LEVELS = (0.005, 0.3)
"""Smallest and largest noise, relative to the total flux or to the amplitude."""
_DEFAULT_SUBCOLLIMATORS = 0.75
"""Probability of the sub-collimators 3 to 10."""
_OTHER_SUBCOLLIMATORS = ((1, 10), (2, 10), (4, 10), (3, 9), (5, 10), (7, 10), (7, 10))
"""First and last of the other sets; a set that stands twice is drawn more often."""


def draw_scene(rng, field, close=0.0):
    """
    Draw one to four sources of different kinds in a field.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Random number generator.
    field : `float`
        Side of the field in arcsec.
    close : `float`
        Fraction of the scenes that are two compact sources 12 to 40 arcsec apart, or a single elongated source.

    Returns
    -------
    `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The total flux is 1.
    """
    if close and rng.random() < close:
        return _close_pair(rng, field)
    count = rng.choice([1, 2, 3, 4], p=[0.4, 0.35, 0.15, 0.1])
    half = field / 2 - _MARGIN
    places = [rng.uniform(-half, half, 2)]
    while len(places) < count:
        # Separations from the finest scale to the size of the field
        away = np.exp(rng.uniform(np.log(6.0), np.log(0.8 * field)))
        angle = rng.uniform(0, 2 * np.pi)
        place = places[rng.integers(len(places))] + away * np.array([np.cos(angle), np.sin(angle)])
        if np.abs(place).max() < half:
            places.append(place)
    fluxes = np.exp(rng.uniform(np.log(0.1), 0, count))
    fluxes[0] = 1
    scene = joined([_source(rng, flux, *place) for flux, place in zip(fluxes, places, strict=True)])
    return scene._replace(flux=scene.flux / scene.flux.sum())


def draw_flare(rng):
    """
    Draw a typical flare in a field of 256 arcsec: a loop, one source, a pair, or a core with a halo.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The total flux is 1.
    """
    kind = rng.choice(list(_FLARES), p=list(_FLARES.values()))
    if kind == "any":
        return draw_scene(rng, 256.0, 0.35)
    scene = {"loop": _loop, "single": _single, "pair": _pair, "halo": _core_and_halo}[kind](rng)
    return scene._replace(flux=scene.flux / scene.flux.sum())


def _loop(rng):
    """A loop with up to two footpoints, and sometimes a bright top."""
    length, place = np.exp(rng.uniform(np.log(25), np.log(110))), rng.uniform(-50, 50, 2)
    angle, bend, brightening = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 3.3), rng.uniform(-0.5, 0.5)
    arc = loop(1.0, *place, length, rng.uniform(3, 16), angle, bend, brightening)
    count, widths = rng.integers(0, 3), rng.uniform(2, 10, 2)
    places = [*zip(rng.permutation([0, -1])[:count], rng.uniform(0.1, 0.9, count), widths, strict=False)]
    if rng.random() < 0.3:
        places.append((5, rng.uniform(0.2, 0.8), rng.uniform(5, 15)))
    return joined([arc, *(ellipse(flux, arc.x[end], arc.y[end], width, width, 0.0) for end, flux, width in places)])


def _single(rng):
    width = np.exp(rng.uniform(np.log(3), np.log(75)))
    return ellipse(1.0, *rng.uniform(-85, 85, 2), width, width * rng.uniform(0.35, 1), rng.uniform(0, 2 * np.pi))


def _pair(rng):
    middle, angle = rng.uniform(-60, 60, 2), rng.uniform(0, 2 * np.pi)
    half = rng.uniform(14, 80) / 2 * np.array([np.cos(angle), np.sin(angle)])
    fluxes = (1.0, np.exp(rng.uniform(np.log(0.12), 0)))
    return joined(
        [
            ellipse(flux, *(middle + sign * half), width, width * rng.uniform(0.6, 1), rng.uniform(0, 3))
            for flux, sign, width in zip(fluxes, (1, -1), rng.uniform(2, 16, 2), strict=True)
        ]
    )


def _core_and_halo(rng):
    place, width = rng.uniform(-60, 60, 2), rng.uniform(25, 60)
    scene = [ellipse(1.0, *place, width, width * rng.uniform(0.5, 1), rng.uniform(0, 2 * np.pi))]
    for _ in range(rng.integers(1, 3)):
        core = rng.uniform(3, 14)
        scene.append(ellipse(rng.uniform(0.1, 1.0), *(place + rng.normal(0, width / 2, 2)), core, core, 0.0))
    return joined(scene)


def _close_pair(rng, field):
    """Two sources that are hard to distinguish from a single elongated one; a fraction are elongated ones."""
    x, y = rng.uniform(_MARGIN - field / 2, field / 2 - _MARGIN, 2)
    apart, angle = rng.uniform(*_PAIR_SEPARATIONS), rng.uniform(0, 2 * np.pi)
    if rng.random() < _SINGLE_INSTEAD_OF_PAIR:
        return ellipse(1.0, x, y, rng.uniform(15, 50), rng.uniform(2, 15), angle)
    dx, dy = apart / 2 * np.cos(angle), apart / 2 * np.sin(angle)
    ratio, widths = np.exp(rng.uniform(np.log(0.25), 0)), rng.uniform(0, 14, 2)
    share = 1 / (1 + ratio)
    pair = ((share, x + dx, y + dy, widths[0]), (1 - share, x - dx, y - dy, widths[1]))
    return joined([ellipse(flux, *at, width, width, 0.0) for flux, *at, width in pair])


def _source(rng, flux, x, y):
    kind = rng.choice(list(_KINDS), p=list(_KINDS.values()))
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
    # Two parallel ribbons
    apart, share = rng.uniform(10, 40), rng.uniform(0.25, 0.75)
    dx, dy = -apart / 2 * np.sin(angle), apart / 2 * np.cos(angle)
    other = loop(flux * (1 - share), x - dx, y - dy, length, width, angle, -bend, brightening)
    return joined([loop(flux * share, x + dx, y + dy, length, width, angle, bend, brightening), other])


def draw_subcollimators(rng):
    """
    Draw a set of sub-collimators: 3 to 10 in three quarters of the cases.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `list` of `int`
    """
    numbers = list(range(3, 11))
    if rng.random() < _DEFAULT_SUBCOLLIMATORS:
        return numbers
    if rng.random() < 0.3:
        numbers.remove(rng.integers(3, 11))
        return numbers
    first, last = _OTHER_SUBCOLLIMATORS[rng.integers(len(_OTHER_SUBCOLLIMATORS))]
    return list(range(first, last + 1))


def noisy_visibilities(scene, points, rng):
    """
    Visibilities of a scene with random noise.

    The counting statistics are the same for all visibilities, because each one uses all photons of its detector.
    Calibration errors are proportional to the amplitude. The share of both and the noise level are drawn at random.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The sources.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    """
    true = visibilities_of_scene(scene, points)
    level = np.exp(rng.uniform(*np.log(_NOISE_LEVELS)))
    share = rng.uniform(0, 1) if rng.random() < 0.7 else rng.integers(2)
    sigma = level * np.hypot(share * scene.flux.sum(), (1 - share) * np.abs(true))
    noise = rng.standard_normal((2, len(true)))
    return true + sigma * (noise[0] + 1j * noise[1])


def flare_visibilities(scene, points, rng):
    """
    Visibilities of a flare with noise of 0.8 to 32 % of the mean amplitude, and its standard deviation.

    A quarter of the observations have calibration errors of up to 7 % of the amplitude in addition.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The sources.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    """
    true = visibilities_of_scene(scene, points)
    errors = np.full(len(true), np.exp(rng.uniform(np.log(0.008), np.log(0.32))) * np.abs(true).mean())
    if rng.random() < 0.25:
        errors = np.hypot(errors, rng.uniform(0, 0.07) * np.abs(true))
    errors /= np.sqrt(2)
    noise = rng.standard_normal((2, len(true)))
    return true + errors * (noise[0] + 1j * noise[1]), errors


def with_noise(visibilities, level, rng):
    """
    Add noise of a given level, the same for all visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities without noise, shape ``(n,)``.
    level : `float`
        RMS of the complex noise, relative to the mean amplitude.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with noise.
    error : `float`
        Standard deviation of the real and of the imaginary part.
    """
    error = level * np.abs(visibilities).mean() / np.sqrt(2)
    noise = rng.standard_normal((2, len(visibilities)))
    return visibilities + error * (noise[0] + 1j * noise[1]), error
