"""Laws of log-polar grids: positions of pixels, accuracy of sampling both ways, and which values are ignored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.filling.polar import STEPS, PolarGrid

SHAPE, CENTER = (400, 420), (196.4, 231.7)


def full_grid(center=CENTER, first=500, last=920):
    return PolarGrid(center, slice(first, last), slice(0, STEPS))


@pytest.mark.parametrize("columns", [slice(0, 1024), slice(-80, 300), slice(1000, 1400)])
def test_places_and_pixels_are_inverse(columns):
    grid = PolarGrid(CENTER, slice(300, 900), columns)
    y, x, step = grid.pixels()
    row, column = grid.places(y, x)
    assert grid.shape == y.shape == x.shape
    expected = np.indices(grid.shape)
    np.testing.assert_allclose(row, expected[0], atol=1e-6)
    difference = (column - expected[1] + STEPS / 2) % STEPS - STEPS / 2
    np.testing.assert_allclose(difference, 0, atol=1e-6)
    radius = np.broadcast_to(step * STEPS / (2 * np.pi), grid.shape)
    np.testing.assert_allclose(np.hypot(y - CENTER[1], x - CENTER[0]), radius)


def test_grids_are_conformal():
    """Steps along radius and azimuth have equal lengths."""
    y, x, step = full_grid().pixels()
    along, across = (np.hypot(np.diff(y, axis=axis), np.diff(x, axis=axis)) for axis in (0, 1))
    np.testing.assert_allclose(along, np.broadcast_to(step[:-1], along.shape), rtol=4e-3)
    np.testing.assert_allclose(across, np.broadcast_to(step, across.shape), rtol=1e-4)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    size=st.integers(1, 120),
    margin=st.integers(1, 90),
    seam=st.booleans(),
    x0=st.floats(-50, 450),
    y0=st.floats(-50, 450),
)
@settings(max_examples=40, deadline=None)
def test_grid_around_contains_all_pixels(seed, count, size, margin, seam, x0, y0):
    """Also if they lie on both sides of the azimuth at which the columns begin."""
    rng = np.random.default_rng(seed)
    top = int(np.clip(y0 - size / 2, 0, SHAPE[0] - size)) if seam else rng.integers(0, SHAPE[0] - size + 1)
    left = rng.integers(0, SHAPE[1] - size + 1)
    y, x = rng.integers(top, top + size, count), rng.integers(left, left + size, count)
    grid = PolarGrid.around(y, x, SHAPE, (x0, y0), margin)
    row, column = grid.places(y, x)
    assert (row >= 0).all()
    assert (row <= grid.shape[0] - 1).all()
    assert (column >= margin - 1e-6).all()
    assert (column <= grid.shape[1] - 1 - margin + 1e-6).all()
    # The margin is complete, except at the corners of the image and at the centre of the Sun
    assert row.min() >= margin - 1e-6 or grid.rows.start == 0
    corners = np.hypot(*np.meshgrid(np.array([0, SHAPE[1] - 1]) - x0, np.array([0, SHAPE[0] - 1]) - y0))
    outermost, _ = grid.places(y0, x0 + corners.max())
    assert row.max() <= grid.shape[0] - 1 - margin + 1e-6 or outermost <= grid.shape[0] - 1


def test_grid_across_the_seam_is_as_small_as_elsewhere():
    y, x = (part.ravel() for part in np.mgrid[216:248, 300:332])
    across = PolarGrid.around(y, x, SHAPE, (196.4, 231.5), 5)
    away = PolarGrid.around(x, y, SHAPE[::-1], (231.5, 196.4), 5)
    assert across.columns.start < 0 < across.columns.stop or across.columns.start < STEPS < across.columns.stop
    assert abs(across.shape[0] - away.shape[0]) <= 1
    assert abs(across.shape[1] - away.shape[1]) <= 1
    assert across.shape[1] < 80


@given(slopes=st.tuples(*[st.floats(-5, 5)] * 3))
@settings(max_examples=10, deadline=None)
def test_linear_images_are_recovered(slopes):
    y, x = np.indices(SHAPE)
    image = slopes[0] + slopes[1] * (y - 200) + slopes[2] * (x - 200)
    places = tuple(part.ravel() for part in np.mgrid[60:120, 60:130])
    grid = PolarGrid.around(*places, SHAPE, CENTER, 8)
    values, known = grid.sampled(image, np.ones(SHAPE, dtype=bool))
    assert known.all()
    found = grid.at_pixels(values, known, *places)
    np.testing.assert_allclose(found, image[places], atol=0.01 * (abs(slopes[1]) + abs(slopes[2])) + 1e-3)


@pytest.mark.parametrize("corner", [(40, 30), (300, 340), (216, 300), (150, 150)])
def test_smooth_images_are_recovered(corner):
    y, x = np.indices(SHAPE)
    image = np.sin(x / 15) * np.cos(y / 12)
    places = tuple((part + first).ravel() for part, first in zip(np.mgrid[:64, :64], corner, strict=True))
    grid = PolarGrid.around(*places, SHAPE, CENTER, 8)
    values, known = grid.sampled(image, np.ones(SHAPE, dtype=bool))
    found = grid.at_pixels(values, known, *places)
    assert np.abs(found - image[places]).max() < 0.03


def test_rotation_by_90_degrees_shifts_columns():
    image = np.random.default_rng(0).normal(size=(401, 401))
    valid = np.random.default_rng(1).random((401, 401)) > 0.01
    grid = full_grid((200.0, 200.0), 500, 860)
    one, other = (grid.sampled(*pair) for pair in ((image, valid), (np.rot90(image), np.rot90(valid))))
    certain = np.abs(other[0] - np.roll(one[0], -256, axis=1)) < 1e-4
    assert certain.mean() > 0.999
    assert (other[1] == np.roll(one[1], -256, axis=1)).mean() > 0.999


@pytest.mark.parametrize("columns", [1, 37, 500])
def test_rotation_by_whole_columns_shifts_columns(columns):
    y, x = np.indices(SHAPE)
    radius, azimuth = np.hypot(x - CENTER[0], y - CENTER[1]), np.arctan2(y - CENTER[1], x - CENTER[0])
    grid, everywhere = full_grid(first=600, last=830), np.ones(SHAPE, dtype=bool)
    images = (np.cos(3 * (azimuth - turn) + radius / 20) for turn in (0, columns * 2 * np.pi / STEPS))
    one, other = (grid.sampled(image, everywhere)[0] for image in images)
    np.testing.assert_allclose(other, np.roll(one, columns, axis=1), atol=0.02)


@pytest.mark.parametrize("rubbish", [-1e9, 1e9, np.nan])
def test_invalid_pixels_are_ignored(rubbish):
    rng = np.random.default_rng(0)
    image, valid = rng.normal(10, 1, SHAPE), np.ones(SHAPE, dtype=bool)
    valid[100:140, 60:150] = False
    valid[np.hypot(*(np.indices(SHAPE) - np.reshape(CENTER[::-1], (2, 1, 1)))) < 40] = False
    grid = full_grid()
    values, known = grid.sampled(image, valid)
    other, also = grid.sampled(np.where(valid, image, rubbish), valid)
    np.testing.assert_array_equal(other, values)
    np.testing.assert_array_equal(also, known)
    assert not values[~known].any()
    # Smoothing across the border has weights of valid pixels only
    flat, _ = grid.sampled(np.where(valid, 5.0, rubbish), valid)
    np.testing.assert_allclose(flat[known], 5, rtol=1e-5)


def test_positions_between_valid_pixels_are_known():
    valid = np.random.default_rng(0).random(SHAPE) > 0.05
    valid[100:140, 60:150] = False
    grid = full_grid()
    _, known = grid.sampled(np.ones(SHAPE), valid)
    y, x, _ = grid.pixels()
    around = np.ones(grid.shape, dtype=bool)
    for rows in (np.floor(y), np.ceil(y)):
        for columns in (np.floor(x), np.ceil(x)):
            inside = (rows >= 0) & (rows < SHAPE[0]) & (columns >= 0) & (columns < SHAPE[1])
            part = tuple(np.clip(place, 0, n - 1).astype(int) for place, n in zip((rows, columns), SHAPE, strict=True))
            around &= inside & valid[part]
    assert known[around].all()
    # Except for positions within a thousandth of a pixel
    assert (known & ~around).mean() < 3e-3
    (covered,) = grid.interpolated(~valid)
    assert covered.min() >= 0
    assert (covered[~known & (y > 1) & (y < SHAPE[0] - 2) & (x > 1) & (x < SHAPE[1] - 2)] > 5e-4).all()
    assert not grid.interpolated(np.zeros(SHAPE, dtype=bool)).any()


@pytest.mark.parametrize("rubbish", [-1e9, np.nan])
def test_unknown_positions_are_ignored_on_the_way_back(rubbish):
    grid = full_grid(first=600, last=800)
    values = np.full(grid.shape, 7.0, dtype=np.float32)
    known = np.ones(grid.shape, dtype=bool)
    known[50:150, 200:500] = False
    y, x = (part[np.s_[10:-10, 10:-10]].ravel() for part in grid.pixels()[:2])
    found = grid.at_pixels(np.where(known, values, rubbish), known, y, x)
    inside = ~known[10:-10, 10:-10].ravel()
    np.testing.assert_allclose(found[~inside], 7, rtol=1e-5)
    deep = np.zeros(grid.shape, dtype=bool)
    deep[52:148, 202:498] = True
    assert np.isnan(found[deep[10:-10, 10:-10].ravel()]).all()
