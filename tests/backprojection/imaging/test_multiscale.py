"""Tests of multi-scale CLEAN."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.imaging.multiscale import multiscale_clean
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((65, 70), (4.0, 3.0))


@pytest.mark.parametrize("width", [5.0, 20.0, 40.0])
def test_components_explain_the_visibilities_and_the_image_is_close_to_the_truth(width):
    scene = ellipse(3, 14, -20, width, width, 0.0)
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), 0.05, np.random.default_rng(0))
    errors = np.full(24, error)
    image = multiscale_clean(visibilities, errors, POINTS, GRID)
    assert chi_squared(model_visibilities(image, POINTS, GRID), visibilities, errors) <= 1.02
    truth = image_of(scene, GRID, BEAM) / beam_area()
    assert np.sqrt(np.square(image - truth).mean() / np.square(truth).mean()) < 0.15
    assert image.min() >= 0


def test_wide_sources_are_smoother_than_with_points():
    scene = ellipse(3, 14, -20, 55, 45, 0.0)
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), 0.05, np.random.default_rng(0))
    errors, truth = np.full(24, error), image_of(scene, GRID, BEAM) / beam_area()
    points = clean_visibilities(visibilities, POINTS, GRID, iterations=1000, errors=errors)
    images = [multiscale_clean(visibilities, errors, POINTS, GRID), points.image - points.residual / beam_area()]
    errors = [np.square(image - truth).mean() for image in images]
    assert errors[0] < errors[1] / 2
