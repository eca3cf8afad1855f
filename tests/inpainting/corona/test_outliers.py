"""Stars, planets, blooming trails and cosmic rays are outliers on any side of a hole; coronal structure is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.inpainting.corona.outliers import find_outliers
from sunpy_restore.inpainting.recipe.structure import front_through, streamer_through

SHAPE, CENTER = (224, 256), (-60.4, 97.8)
HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[96:128, 96:160] = True


def corona(seed=0, noise=0.01, change=0.0):
    y, x = np.indices(SHAPE)
    radius, azimuth = np.hypot(x - CENTER[0], y - CENTER[1]), np.arctan2(y - CENTER[1], x - CENTER[0])
    light = 3e5 / radius**1.5 * (1 + 0.2 * np.cos(2 * azimuth)) * (1 + change)
    return light * np.random.default_rng(seed).normal(1, noise, SHAPE)


def star(y, x):
    rows, columns = np.indices(SHAPE)
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2)


def trail(y, x, width, axis, length=70):
    """Charge along a row (axis 1) or a column (axis 0)."""
    across, along = np.indices(SHAPE) if axis else np.indices(SHAPE)[::-1]
    middle, start = (y, x) if axis else (x, y)
    return ((across >= middle) & (across < middle + width) & (np.abs(along - start) < length / 2)).astype(float)


def planet(y, x, axis=1):
    """A saturated disc with wings and a trail."""
    rows, columns = np.indices(SHAPE)
    distance = np.hypot(rows - y, columns - x)
    return np.maximum(trail(y, x, 2, axis), np.clip(np.exp((6 - distance) / 1.5), 0, 1))


def found_in(light, valid=~HOLE):
    return find_outliers(np.where(valid, light, 0), valid, CENTER)


def test_an_undisturbed_corona_has_hardly_any_outliers():
    found = found_in(corona())
    assert found.mean() < 1e-4
    assert not found[HOLE].any()


@pytest.mark.parametrize(
    "put",
    [
        star(95, 120), star(128, 97), star(40.3, 40.6), star(110, 160),
        trail(128, 130, 1, 1), trail(128, 130, 3, 1), trail(92, 110, 4, 1), trail(60, 160, 2, 0), trail(170, 90, 6, 0),
        planet(131, 128), planet(85, 100), planet(112, 170, axis=0), planet(60, 60),
    ],
)  # fmt: skip
@pytest.mark.parametrize("height", [3.0, 50.0])
def test_bright_objects_are_found(put, height):
    """Whatever exceeds the expected brightness by half of it, on every border of the hole and away from it."""
    excess = height * put
    found = found_in(corona() * (1 + excess))
    assert found[(excess > 0.5) & ~HOLE].mean() > 0.97
    # Next to the object only its surroundings are left out
    assert not (found & ~ndimage.binary_dilation(excess > 0.02, iterations=6))[~HOLE].sum() > 20


@settings(max_examples=15, deadline=None)
@given(
    y=st.integers(8, SHAPE[0] - 9),
    x=st.integers(8, SHAPE[1] - 9),
    sign=st.sampled_from([-1, 1]),
    seed=st.integers(0, 9),
)
def test_hot_and_dead_pixels_are_found_anywhere(y, x, sign, seed):
    light = corona(seed)
    light[y, x] += sign * 0.5 * light[y, x]
    assert found_in(light)[y, x] or HOLE[y, x]


@pytest.mark.parametrize("through", [streamer_through, front_through])
@pytest.mark.parametrize("noise", [0.005, 0.02])
def test_coronal_structure_is_no_outlier(through, noise):
    share = [
        found_in(corona(seed, noise, through(SHAPE, CENTER, (112, 128), np.random.default_rng(seed)))).mean()
        for seed in range(6)
    ]
    assert np.mean(share) < 2e-3


@pytest.mark.parametrize("azimuth", [0.0, 0.3, np.pi / 4])
@pytest.mark.parametrize("width", [4.0, 8.0, 20.0])
def test_bright_streamers_are_no_outliers(azimuth, width):
    """Also along the rows, which is the direction of trails."""
    y, x = np.indices(SHAPE)
    across = (y - 112) * np.cos(azimuth) - (x - 128) * np.sin(azimuth)
    assert found_in(corona(change=0.5 * np.exp(-((across / width) ** 2)))).mean() < 1e-3


@pytest.mark.parametrize("factor", [1e-13, 1.0])
def test_any_unit(factor):
    light = corona() * (1 + 5 * planet(85, 100))
    np.testing.assert_array_equal(found_in(factor * light), found_in(light))


def test_flat_field_and_images_without_valid_pixels():
    flat_field = np.where(np.indices(SHAPE)[1] < 80, -2.0, 0.0)
    light = corona() * np.exp(flat_field)
    assert find_outliers(light, ~HOLE, CENTER, flat_field).mean() < 1e-4
    assert not find_outliers(light, np.zeros(SHAPE, dtype=bool), CENTER).any()
    tiny = np.ones((3, 5), dtype=bool)
    assert not find_outliers(light[:3, :5], tiny, CENTER).any()
