"""Laws of the noise: what it recovers, and which structure does not count."""

import numpy as np
import pytest

from sunpy_restore.inpainting.corona.noise import find_noise

SHAPE = (320, 352)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def check_noise(found, expected):
    """10 % for the mean; local values are averages over 16 x 16 pixels and two to three times less accurate."""
    ratio = found / expected
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    assert 0.7 < ratio.min() < ratio.max() < 1.3


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("sigma", [1e-11, 0.3, 40.0])
def test_white_noise_is_measured(sigma, order):
    image = np.random.default_rng(0).normal(1000 * sigma, sigma, SHAPE)
    check_noise(find_noise(image, EVERYWHERE, order=order), sigma)


def test_third_order_differences_exclude_slopes_from_the_noise():
    """An edge like that of the occulter, 100 times as high as the noise."""
    edge = 500 * np.tanh((np.arange(SHAPE[1]) - 170) / 12)
    image = np.random.default_rng(0).normal(0, 5, SHAPE) + edge
    steep = np.s_[:, 160:180]
    assert np.median(find_noise(image, EVERYWHERE)[steep]) > 12
    assert np.median(find_noise(image, EVERYWHERE, order=3)[steep]) == pytest.approx(5, rel=0.15)


@pytest.mark.parametrize("order", [1, 3])
def test_noise_is_local_and_continues_under_holes(order):
    sigma = np.linspace(2, 8, SHAPE[0])[:, np.newaxis] * np.ones(SHAPE)
    valid = EVERYWHERE.copy()
    valid[100:164, 100:164] = False
    image = np.where(valid, np.random.default_rng(0).normal(0, sigma), 1e9)
    inside = np.s_[32:-32]
    check_noise(find_noise(image, valid, order=order)[inside], sigma[inside])


def test_structure_along_columns_does_not_count_as_noise():
    image = np.random.default_rng(0).normal(0, 5, SHAPE) + 1000 * np.sin(np.arange(SHAPE[0]) / 3)[:, np.newaxis]
    check_noise(find_noise(image, EVERYWHERE), 5)
