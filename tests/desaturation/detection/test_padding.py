"""Borders of zeros around the observed frame."""

import numpy as np
import pytest

from sunpy_restore import desaturate, report
from sunpy_restore.desaturation.detection.padding import find_padding
from sunpy_restore.desaturation.detection.plateau import with_margin
from sunpy_restore.desaturation.observation import Observation

SHAPE = (80, 90)
Y, X = np.indices(SHAPE)
BORDERS = {
    "rows": Y < 7,
    "rows on both sides": (Y < 1) | (Y >= 70),
    "a column": X == 0,
    "columns": X >= 60,
    "a frame": (Y < 5) | (X < 9) | (Y > 72) | (X > 84),
    "corners of a rotated image": (X + Y < 35) | (X - Y > 60),
}


def image(dtype=float):
    return np.random.default_rng(0).uniform(50, 5000, SHAPE).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", ">i2"])
@pytest.mark.parametrize("kind", BORDERS)
def test_borders_of_zeros_and_two_pixels_next_to_them_are_no_observation(kind, dtype):
    border = BORDERS[kind]
    found = find_padding(np.where(border, 0, image(dtype)).astype(dtype))
    np.testing.assert_array_equal(found, with_margin(border))


def test_other_zeros_are_observed():
    data = image()
    assert not find_padding(data).any()
    data[30:60, 30:60] = 0
    data[0, 0] = data[20, 0] = 0
    data[-3:, -3:] = 0
    assert not find_padding(data).any()
    assert not find_padding(np.zeros(SHAPE)).any()
    assert not find_padding(np.full(SHAPE, np.nan)).any()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_counts_of_dark_sky_are_observed(share):
    rng = np.random.default_rng(1)
    dark = rng.poisson(-np.log(share), (200, 200))
    dark[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    assert (dark == 0).mean() == pytest.approx(share, abs=0.02)
    assert not find_padding(dark).any()


def test_zeros_are_left_as_they_are_and_change_no_check_of_the_fringes(make_map, flaring):
    data = np.where(np.indices(flaring.data.shape)[0] < 45, 0, flaring.data)
    data[:, :60] = 0
    padded, cut = make_map(data), make_map(data[45:, 60:])
    assert Observation.from_map(padded).lost[:45].all()
    found = []
    for smap in (padded, cut):
        result = desaturate(smap, method="biharmonic")
        np.testing.assert_array_equal(result.data[smap.data == 0], 0)
        found.append({check.name: check.value for check in report(result, smap).checks})
    for name in ("Fringe residual", "Fringe strength"):
        assert found[0][name] == pytest.approx(found[1][name], abs=0.06)
