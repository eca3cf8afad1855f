"""Textures on other pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.granulation.regrid import Regridded


class Plane:
    """A texture that is a plane, or anything else of its pixels."""

    def __init__(self, shape, function):
        self.shape, self.function = shape, function

    def window(self, rows, columns):
        assert min(rows.start, columns.start) >= 0
        assert rows.stop <= self.shape[0]
        assert columns.stop <= self.shape[1]
        return self.function(*np.mgrid[rows, columns].astype(float))


def whole(texture):
    return texture.window(slice(0, texture.shape[0]), slice(0, texture.shape[1]))


def regridded(shape, ratio, function):
    return Regridded(lambda wanted: Plane(wanted, function), shape, ratio)


def ripples(y, x):
    return np.sin(y / 3) + np.cos(x / 2)


ratios = st.one_of(st.floats(0.1, 0.999), st.floats(1.001, 9))


@given(ratios, st.integers(3, 20), st.integers(3, 20))
def test_constants_and_planes_are_kept(ratio, ny, nx):
    assert whole(regridded((ny, nx), ratio, lambda y, x: 0 * y + 1)) == pytest.approx(np.ones((ny, nx)))
    plane = whole(regridded((ny, nx), ratio, lambda y, x: 2 * y - x))
    steps = np.diff(plane, axis=0), np.diff(plane, axis=1)
    np.testing.assert_allclose(steps[0], 2 * ratio, atol=2e-3)
    np.testing.assert_allclose(steps[1], -ratio, atol=2e-3)


@given(ratios, st.integers(0, 8), st.integers(1, 8), st.integers(0, 8), st.integers(1, 8))
def test_parts_equal_the_whole(ratio, top, height, left, width):
    texture = regridded((16, 16), ratio, ripples)
    part = texture.window(slice(top, top + height), slice(left, left + width))
    np.testing.assert_allclose(part, whole(texture)[top : top + height, left : left + width], atol=1e-5)


def test_larger_pixels_hold_means():
    found = whole(regridded((5, 7), 3, ripples))
    image = ripples(*(2 + np.mgrid[:15, :21].astype(float)))
    np.testing.assert_allclose(found, image.reshape(5, 3, 7, 3).mean(axis=(1, 3)), rtol=1e-6, atol=1e-6)


def test_smaller_pixels_are_interpolated():
    """The middle of a pixel of half the size lies a quarter of a pixel from that of the texture."""
    texture = regridded((40, 40), 0.5, ripples)
    y, x = (2 + (np.mgrid[:40, :40] + 0.5) / 2) - 0.5
    np.testing.assert_allclose(whole(texture), ripples(y, x), atol=0.01)
