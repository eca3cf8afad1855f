"""Tests of the fit of Gaussian sources from several starts."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.levenberg import fit_gaussians, model_of
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
SCENE = joined([ellipse(3, 12, -20, 9, 6, 0.4), ellipse(1, -14, 5, 16, 9, 1.0)])
VISIBILITIES, ERROR = with_noise(visibilities_of_scene(SCENE, POINTS), 0.03, np.random.default_rng(0))
ERRORS = np.full(len(VISIBILITIES), ERROR)
STARTS = [
    [np.array([3.0, 10.0, -18.0, 4.0]), np.array([1.0, -12.0, 4.0, 5.0, 1.0, 5.0])],
    [np.array([2.0, 14.0, -22.0, 6.0, -1.0, 4.0]), np.array([1.5, -18.0, 8.0, 8.0])],
    [np.array([0.5, 90.0, 90.0, 3.0]), np.array([0.5, -90.0, -90.0, 3.0, 0.3, 3.0])],
]


def test_starts_do_not_change_each_other():
    together = fit_gaussians(STARTS, POINTS, VISIBILITIES, ERRORS)
    for start, (sources, chi_squared) in zip(STARTS, together, strict=True):
        ((alone, least),) = fit_gaussians([start], POINTS, VISIBILITIES, ERRORS)
        assert chi_squared == pytest.approx(least, rel=1e-6)
        for one, other in zip(sources, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("start", STARTS[:2])
def test_the_minimum_is_that_of_scipy(start):
    ends = np.cumsum([len(source) for source in start])[:-1]

    def residual(values):
        parts = (VISIBILITIES - model_of(np.split(values, ends), POINTS)[0]) / ERRORS
        return np.concatenate([parts.real, parts.imag])

    expected = least_squares(residual, np.concatenate(start), method="lm")
    ((sources, chi_squared),) = fit_gaussians([start], POINTS, VISIBILITIES, ERRORS)
    assert chi_squared == pytest.approx(2 * expected.cost, abs=0.05)
    assert chi_squared == pytest.approx(np.sum(residual(np.concatenate(sources)) ** 2), rel=1e-9)
