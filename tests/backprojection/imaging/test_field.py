"""Tests of the part of an image in which sources are searched."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.scenes import image_of, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.field import gaussians_on, restrict
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()


def test_small_images_are_searched_as_a_whole():
    visibilities = visibilities_of_scene(point(1, 20, -30), POINTS)
    field = restrict(visibilities, POINTS, Grid((65, 100), (3.0, -2.0)))
    assert field.center == (0, 0)
    assert field.grid.shape == (49, 50)
    np.testing.assert_array_equal(field.visibilities, visibilities)


@pytest.mark.parametrize("place", [(700, -650), (-20, 980), (0, 0)])
def test_large_images_are_searched_around_the_maximum(place):
    grid = Grid((512, 512), (4.0, 4.0))
    field = restrict(visibilities_of_scene(point(1, *place), POINTS), POINTS, grid)
    assert field.grid.shape == (96, 96)
    limit = (2048 - 384) / 2
    assert field.center == pytest.approx(np.clip(place, -limit, limit), abs=4)
    away = np.subtract(place, field.center)
    np.testing.assert_allclose(field.visibilities, visibilities_of_scene(point(1, *away), POINTS), atol=1e-9)


def test_gaussians_are_at_the_pixels_of_the_field():
    grid = Grid((40, 52), (6.0, 5.0))
    field = restrict(np.ones(24), POINTS, grid)
    model = np.zeros(field.grid.shape)
    model[10, 20] = 3
    expected = image_of(point(3, field.grid.x[20], field.grid.y[10]), grid, BEAM) / beam_area()
    np.testing.assert_allclose(gaussians_on(grid, model, field, BEAM), expected, atol=1e-12)
