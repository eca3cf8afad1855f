"""Tests of the clean beam."""

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.imaging.beam import beam_area, convolve_with_beam
from sunpy_restore.backprojection.visibilities.fourier import Grid


def test_convolved_model_is_a_sum_of_gaussians():
    rng = np.random.default_rng(0)
    grid = Grid((7, 10), (3.0, 5.0))
    model = rng.random(grid.shape)
    expected = np.zeros(grid.shape)
    for (row, column), flux in np.ndenumerate(model):
        squares = (grid.y[:, np.newaxis] - grid.y[row]) ** 2 + (grid.x - grid.x[column]) ** 2
        expected += flux * np.exp(-4 * np.log(2) * squares / 20**2)
    np.testing.assert_allclose(convolve_with_beam(model, grid, 20), expected, rtol=1e-12)


def test_area_of_the_beam_is_its_integral():
    grid = Grid((201, 201), (1.0, 1.0))
    middle = np.zeros(grid.shape)
    middle[100, 100] = 1
    np.testing.assert_allclose(convolve_with_beam(middle, grid, 14.6).sum(), beam_area(14.6), rtol=1e-9)
    np.testing.assert_allclose(beam_area(gaussian_sigma_to_fwhm), 2 * np.pi)
