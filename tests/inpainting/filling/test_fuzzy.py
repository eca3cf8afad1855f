"""Fuzzy logic on the spectra of blocks: fuzzy numbers, exact fills, and what blocks around contribute."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.filling.fuzzy import combined, fuzzy
from sunpy_restore.inpainting.observation import Observation

SHAPE, CENTER = (224, 224), (-80.0, 100.0)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0, 1)), min_size=1, max_size=8))
def test_the_combined_value_is_between_the_values(pairs):
    values, confidences = np.array(pairs).T
    assert values.min() - 1e-9 <= combined(values, confidences) <= values.max() + 1e-9


def test_confident_values_count_more():
    values = np.array([0.0, 10.0])
    assert combined(values, np.array([0.9, 0.2])) < 5 < combined(values, np.array([0.2, 0.9]))
    assert combined(np.array([3.0, 3.0]), np.array([0.1, 0.7])) == 3


def observe(light, mask):
    nothing = np.zeros(SHAPE, dtype=bool)
    return Observation(image=np.where(mask, 0, light), mask=mask, unobserved=nothing, center=CENTER, detector="C3")


def lit(seed=0):
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTER[0], y - CENTER[1])
    return 3e5 / radius**1.5 * np.random.default_rng(seed).normal(1, 0.01, SHAPE)


@pytest.mark.parametrize(
    "place", [np.s_[96:128, 96:128], np.s_[90:122, 101:133], np.s_[64:160, 64:96], np.s_[0:40, 180:224]]
)
def test_a_smooth_corona_is_filled_within_the_noise(place):
    """Also blocks at any place, several of them, and at the edge."""
    mask, light = np.zeros(SHAPE, dtype=bool), lit()
    mask[place] = True
    error = (fuzzy(observe(light, mask)) - light)[mask] / find_noise(light, ~mask)[mask]
    assert np.sqrt(np.mean(error**2)) < 1.6
    assert abs(error.mean()) < 0.3


def test_horizontal_structure_is_continued():
    """A harmonic fill of a block loses ripples that the blocks on both sides show."""
    y = np.indices(SHAPE)[0]
    light = lit() * (1 + 0.2 * np.cos(np.pi * (y + 0.5) * 8 / 32))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[96:128, 96:128] = True
    found = fuzzy(observe(light, mask))[mask].reshape(32, 32)
    truth = light[mask].reshape(32, 32)
    assert np.corrcoef(found.mean(axis=1), truth.mean(axis=1))[0, 1] > 0.9


def test_without_any_known_block_around_the_fill_is_the_background():
    mask, light = np.zeros(SHAPE, dtype=bool), lit()
    mask[32:, 32:] = True
    found = fuzzy(observe(light, mask))
    assert np.isfinite(found).all()
    assert np.median(np.abs(found / light - 1)[mask]) < 0.2
