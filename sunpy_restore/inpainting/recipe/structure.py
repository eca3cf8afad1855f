"""Synthetic structure of the corona: streamers, mass ejections and rays, as relative changes of the brightness."""

import numpy as np
from scipy import fft, ndimage
from scipy.special import expit

from sunpy_restore.inpainting.filling.polar import ROWS, STEPS

__all__ = ["front_through", "streamer_through", "structure", "structure_fields"]


def structure(shape, center, rng, strength, *, moved=None):
    """
    Draw streamers, coronal mass ejections and a texture of rays, as a relative change of the brightness.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    rng : `numpy.random.Generator`
        Random number generator.
    strength : `float`
        Typical relative brightness of the structure.
    moved : `numpy.random.Generator`, optional
        Random number generator for the same corona at another time.

    Returns
    -------
    change : `numpy.ndarray`
        Shape ``(ny, nx)``, above -0.6.
    later : `numpy.ndarray`, only with ``moved``
        The same at another time.
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    dx, dy = (x - center[0]).astype(np.float32), (y - center[1]).astype(np.float32)
    rows = np.log(np.maximum(np.hypot(dx, dy), 1)) * (STEPS / (2 * np.pi))
    columns = np.arctan2(dy, dx) * (STEPS / (2 * np.pi)) % STEPS
    top = int(rows.max()) + 2
    first = max(top - ROWS, 0)
    fields = structure_fields(top - first, rng, strength, moved)
    places = [rows - first, columns]
    images = [
        np.clip(ndimage.map_coordinates(field, places, order=1, mode="grid-wrap"), -0.6, 3.0).astype(np.float32)
        for field in fields
    ]
    return images[0] if moved is None else tuple(images)


def structure_fields(rows, rng, strength, moved, *, rippled=1.0):
    """
    Draw the relative change of `structure` on a log-polar grid.

    Parameters
    ----------
    rows : `int`
        Rows of the grid.
    rng, strength, moved
        As for `structure`.
    rippled : `float`
        Share of mass ejections that are clumpy; others are smooth.

    Returns
    -------
    `list` of `numpy.ndarray`
        The change and, if ``moved`` is given, that at another time; shape ``(rows, STEPS)``.
    """
    parts = []
    if rng.random() < 0.7:
        parts += [_streamer(rows, rng, strength) for _ in range(rng.integers(1, 12))]
    if rng.random() < 0.5:
        parts += [_ejection(rows, rng, 2 * strength, rippled) for _ in range(rng.integers(1, 3))]
    texture = strength * rng.uniform(0, 0.6) * _rays(rows, rng)
    now = texture + sum(part(0.0, 1.0) for part in parts)
    if moved is None:
        return [now]
    drift, growth = moved.normal(0, 2), np.exp(moved.normal(0, 0.08))
    return [now, texture + sum(part(drift, growth) for part in parts)]


def _streamer(rows, rng, strength):
    """A bright or dark ray of random width and inclination, above or below a random height."""
    column, width = rng.uniform(0, STEPS), np.exp(rng.uniform(np.log(1.2), np.log(30)))
    tilt, bend = rng.normal(0, 0.12), rng.normal(0, 4e-4)
    fall, knee = rng.normal(0, 0.004), rng.uniform(-0.3, 1.3) * rows
    height = strength * rng.exponential() * rng.choice([1.0, -0.5])
    edge, side = np.exp(rng.uniform(np.log(4), np.log(80))), rng.choice([1, -1, 0])

    def field(drift, growth):
        row, place = np.arange(rows)[:, np.newaxis], np.arange(STEPS)
        middle = column + drift + tilt * row + bend * row**2
        away = (place - middle + STEPS / 2) % STEPS - STEPS / 2
        ends = expit(side * (row - knee) / edge) if side else 1.0
        return height * np.exp(-0.5 * (away / width) ** 2 + fall * (row - rows / 2)) * ends

    return field


def _ejection(rows, rng, strength, rippled):
    """A bright shell with a wavy front around a cavity and a core."""
    column, front = rng.uniform(0, STEPS), rng.uniform(0.2, 1.0) * rows
    half, thick, bow = rng.uniform(25, 140), rng.uniform(1.2, 14), rng.uniform(0.2, 2.0)
    shell, core, cavity = strength * rng.exponential(size=3) * np.array([1, 1, -0.3])
    waves = rng.normal(0, 1, 6) * thick / (1 + np.arange(6))
    phases, inner = rng.uniform(0, 2 * np.pi, 6), rng.uniform(0.3, 0.7)
    ripple = rng.uniform(0, 0.8) * ndimage.gaussian_filter(rng.standard_normal((rows, STEPS)), 4, mode="wrap") * 14
    if rippled < 1 and rng.random() > rippled:
        ripple = 0 * ripple

    def field(drift, growth):
        row, place = np.arange(rows)[:, np.newaxis], np.arange(STEPS)
        away = (place - column - drift + STEPS / 2) % STEPS - STEPS / 2
        angle = away / half
        top = (
            front
            + np.log(growth) * 160
            + sum(
                wave * np.cos((number + 1) * angle + phase)
                for number, (wave, phase) in enumerate(zip(waves, phases, strict=True))
            )
        )
        depth = top - bow * half * angle**2 - row
        wide = np.exp(-(np.abs(angle) ** 4))
        arc = np.exp(-0.5 * (depth / thick) ** 2)
        inside = expit(depth / thick)
        blob = np.exp(-0.5 * ((row - inner * top) / (2 * thick)) ** 2 - 0.5 * (away / (0.25 * half)) ** 2)
        return wide * (shell * arc + cavity * inside + core * blob) * np.maximum(1 + ripple, 0)

    return field


def _rays(rows, rng):
    """Noise of unit variance that is elongated along the radius."""
    total = np.zeros((rows, STEPS), np.float32)
    for width in (1.5, 5.0, 16.0):
        noise = rng.standard_normal((rows, STEPS)).astype(np.float32)
        length = width * rng.uniform(2, 20)
        noise = ndimage.gaussian_filter1d(_smoothed_along_rows(noise, length), width, axis=1, mode="wrap")
        total += rng.uniform(0, 1) * noise / max(noise.std(), 1e-6)
    return total / max(total.std(), 1e-6)


def _smoothed_along_rows(image, sigma):
    """`scipy.ndimage.gaussian_filter1d` along the first axis, in a time that does not grow with the width."""
    rows, offsets = len(image), np.arange(int(4 * sigma + 0.5) + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2) * np.where(offsets, 2, 1)
    # The cosine transform of type 2 belongs to a reflecting boundary
    response = np.cos(np.pi / rows * np.outer(np.arange(rows), offsets)) @ (kernel / kernel.sum())
    return fft.idct(fft.dct(image, axis=0) * response[:, np.newaxis].astype(image.dtype), axis=0)


def streamer_through(shape, center, place, rng):
    """
    Draw a streamer or a dark ray through a pixel, as a relative change of the brightness.

    Parameters
    ----------
    shape, center
        As for `structure`.
    place : pair of `float`
        Row and column.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    radius, azimuth, here = _around(shape, center, place)
    width = rng.uniform(3, 20) / here  # 3 to 20 pixels at the place
    tilt = rng.normal(0, 0.1)
    away = azimuth - tilt * np.log(np.maximum(radius, 1) / here)
    return rng.uniform(0.1, 0.4) * rng.choice([1, 1, -0.5]) * np.exp(-0.5 * (away / width) ** 2)


def front_through(shape, center, place, rng):
    """
    Draw the front of a coronal mass ejection through a pixel, as a relative change of the brightness.

    Parameters
    ----------
    shape, center, place, rng
        As for `streamer_through`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    radius, azimuth, here = _around(shape, center, place)
    half, thick = rng.uniform(0.3, 0.8), rng.uniform(3, 12)  # radian, pixels
    front = here * (1 + 0.05 * np.cos(rng.uniform(4, 9) * azimuth)) * np.exp(-0.5 * (azimuth / half) ** 2)
    front = front - here * 0.05
    wide = np.exp(-((azimuth / half) ** 4))
    shell = np.exp(-0.5 * ((radius - front) / thick) ** 2)
    return rng.uniform(0.1, 0.5) * wide * (shell - 0.2 * expit((front - radius) / thick))


def _around(shape, center, place):
    """Radius in pixels, azimuth relative to a place in radian, and the radius of the place."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    dx, dy = x - center[0], y - center[1]
    away = (place[1] - center[0]) + 1j * (place[0] - center[1])
    return np.hypot(dx, dy), np.angle((dx + 1j * dy) * np.conj(away)), abs(away)
