"""Properties of images with few valid pixels are finite, and no warning of numpy comes."""

from types import SimpleNamespace

import numpy as np
import pytest

from sunpy_restore.desaturation.likeness import fingerprint

pytestmark = pytest.mark.filterwarnings("error")

SIDE = 256


def observed(valid, value=None, channel=171):
    image = np.random.default_rng(0).poisson(300, valid.shape).astype(float)
    if value is not None:
        image[...] = value
    place = tuple(slice(0, length) for length in valid.shape)
    window = SimpleNamespace(place=place, own=~valid)
    return SimpleNamespace(image=image, mask=~valid, channel=channel, level=None, windows=[window])


def check(observation):
    assert all(np.isfinite(value) for value in fingerprint(observation).values())


@pytest.mark.parametrize("channel", [None, 171])
@pytest.mark.parametrize("number", [1, 2, 5, 20, 100, 2500, 5000, 20_000, 60_000])
def test_few_valid_pixels(number, channel):
    valid = np.zeros((SIDE, SIDE), dtype=bool)
    valid.flat[np.random.default_rng(1).choice(valid.size, number, replace=False)] = True
    check(observed(valid, channel=channel))


@pytest.mark.parametrize("channel", [None, 171])
@pytest.mark.parametrize("width", [1, 2, 3, 9, 12, 15])
@pytest.mark.parametrize("axis", [0, 1])
def test_strips(axis, width, channel):
    """Some of the eight phases of rows and columns have no pixel."""
    valid = np.zeros((SIDE, SIDE), dtype=bool)
    valid[100 : 100 + width] = True
    check(observed(np.moveaxis(valid, axis, 0), channel=channel))
    valid = np.arange(SIDE)[:, np.newaxis] % 16 < np.full(SIDE, width)
    check(observed(np.moveaxis(valid, axis, 0), channel=channel))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (8, 8), (1, 3000), (3000, 1), (2, 2000), (7, 400), (400, 7)])
def test_tiny_and_thin_images(shape):
    valid = np.ones(shape, dtype=bool)
    valid.flat[-1] = False
    check(observed(valid))


@pytest.mark.parametrize("value", [0, 1, 1e20])
def test_constant_images(value):
    valid = np.ones((64, 64), dtype=bool)
    valid[30:34, 30:34] = False
    check(observed(valid, value))


@pytest.mark.parametrize("channel", [None, 171])
def test_saturated_pixels_on_zeros(channel):
    valid = np.ones((64, 64), dtype=bool)
    valid[25:35, 25:35] = False
    observation = observed(valid, 0, channel)
    observation.image[~valid] = 16383
    check(observation)
