"""Textures resampled to another pixel size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.granulation.regrid import Regridded, at_pixel_size
from sunpy_restore.granulation.request import Request
from sunpy_restore.granulation.texture import Texture


class Analytic(Texture):
    """A texture that is a function of the pixel coordinates."""

    def __init__(self, shape, function):
        super().__init__(shape, 48.0)
        self.function = function

    def window(self, rows, columns):
        assert min(rows.start, columns.start) >= 0
        assert rows.stop <= self.shape[0]
        assert columns.stop <= self.shape[1]
        return self.function(*np.mgrid[rows, columns].astype(float))


def regridded(shape, ratio, function):
    return Regridded(lambda covered: Analytic(covered, function), shape, ratio)


def ripples(y, x):
    return np.sin(y / 3) + np.cos(x / 2)


ratios = st.one_of(st.floats(0.1, 0.999), st.floats(1.001, 9))


@given(ratios, st.integers(3, 60), st.integers(3, 60))
def test_constants_and_gradients_are_preserved(ratio, ny, nx):
    assert regridded((ny, nx), ratio, lambda y, x: 0 * y + 1).image() == pytest.approx(np.ones((ny, nx)))
    plane = regridded((ny, nx), ratio, lambda y, x: 2 * y - x).image()
    # Reflection at the edges levels the gradient within two pixels of the texture
    edge = int(np.ceil(2.5 / ratio))
    plane = plane[edge:-edge, edge:-edge]
    steps = np.diff(plane, axis=0), np.diff(plane, axis=1)
    np.testing.assert_allclose(steps[0], 2 * ratio, atol=2e-3)
    np.testing.assert_allclose(steps[1], -ratio, atol=2e-3)


@given(ratios, st.integers(0, 8), st.integers(1, 8), st.integers(0, 8), st.integers(1, 8))
def test_parts_equal_the_whole_image(ratio, top, height, left, width):
    texture = regridded((16, 16), ratio, ripples)
    part = texture.window(slice(top, top + height), slice(left, left + width))
    np.testing.assert_allclose(part, texture.image()[top : top + height, left : left + width], atol=1e-5)


def test_larger_pixels_contain_means():
    found = regridded((5, 7), 3, ripples).image()
    image = ripples(*np.mgrid[:15, :21].astype(float))
    np.testing.assert_allclose(found, image.reshape(5, 3, 7, 3).mean(axis=(1, 3)), rtol=1e-6, atol=1e-6)


def test_smaller_pixels_are_interpolated():
    """The centre of a pixel of half the size is a quarter of a pixel away from that of the texture."""
    texture = regridded((40, 40), 0.5, ripples)
    y, x = (np.mgrid[:40, :40] + 0.5) / 2 - 0.5
    np.testing.assert_allclose(texture.image()[4:-4, 4:-4], ripples(y, x)[4:-4, 4:-4], atol=0.01)


@given(ratios, st.integers(1, 30), st.integers(1, 30))
def test_the_texture_covers_the_area_asked_for(ratio, ny, nx):
    texture = regridded((ny, nx), ratio, ripples)
    assert texture.texture.shape == tuple(int(np.ceil(round(ratio * length, 6))) for length in (ny, nx))
    assert texture.image().shape == (ny, nx)


def test_textures_are_resampled_only_if_another_pixel_size_is_requested():
    def requested(pixel):
        request = Request(shape=(5, 7), seed=0, pixel=pixel)
        return at_pixel_size(lambda shape: Analytic(shape, ripples), request, 48.0)

    for pixel in (None, 48.0):
        assert isinstance(requested(pixel), Analytic)
    texture = requested(96.0)
    assert (texture.shape, texture.pixel, texture.ratio) == ((5, 7), 96.0, 2.0)
