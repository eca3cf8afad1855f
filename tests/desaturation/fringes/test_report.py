"""Comparison of the fringes of a fill with those observed."""

import numpy as np
import pytest

from sunpy_restore.desaturation.forward import fringes
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength

SHAPE = (150, 170)


@pytest.fixture(scope="module", params=[171, 304])
def exposure(request):
    """A core on a structured corona, its mask and channel."""
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    corona = 300 + 80 * np.sin(x / 9 + y / 23) + 60 * np.cos(y / 7 - x / 31)
    core = 60_000 * np.exp(-((y - 70) ** 2 + (x - 88) ** 2) / 18) + 30_000 * np.exp(
        -((y - 76) ** 2 + (x - 80) ** 2) / 8
    )
    image = corona + core + fringes(core, request.param)
    return image + rng.normal(0, 0.5 * np.sqrt(image)), core > 5000, request.param


def scaled(exposure, factor):
    image, mask, channel = exposure
    return np.where(mask, factor * image, image), mask, channel


def test_residual_is_smallest_for_the_truth(exposure):
    residuals = {factor: fringe_residual(*scaled(exposure, factor)) for factor in (0, 0.3, 0.7, 1, 1.5, 3)}
    assert residuals[0] == 1
    assert min(residuals, key=residuals.get) == 1
    assert residuals[0.3] > residuals[0.7]
    assert residuals[1.5] < residuals[3]


def test_residual_is_larger_for_light_at_the_wrong_place(exposure):
    image, mask, channel = exposure
    wrong = image.copy()
    wrong[mask] = image[mask][::-1]
    assert fringe_residual(image, mask, channel) < fringe_residual(wrong, mask, channel)


def test_strength_measures_missing_light(exposure):
    assert fringe_strength(*exposure) == pytest.approx(1, abs=0.06)
    for factor in (0.5, 2):
        assert fringe_strength(*scaled(exposure, factor)) == pytest.approx(1 / factor, rel=0.25)


def test_results_do_not_depend_on_the_unit(exposure):
    image, mask, channel = exposure
    for check in (fringe_residual, fringe_strength):
        assert check(image / 2.9, mask, channel) == pytest.approx(check(image, mask, channel), rel=1e-9)


def test_invalid_pixels_are_not_compared(exposure):
    image, mask, channel = exposure
    gappy = image.copy()
    gappy[10:14, 20:40] = np.nan
    gappy[100, 120] = np.inf
    for check in (fringe_residual, fringe_strength):
        assert check(gappy, mask, channel) == pytest.approx(check(image, mask, channel), abs=0.02)
    assert np.isnan(gappy[12, 30])


def test_wrong_arguments_are_refused(exposure):
    image, mask, channel = exposure
    for check in (fringe_residual, fringe_strength):
        with pytest.raises(TypeError, match="boolean"):
            check(image, mask.astype(int), channel)
        with pytest.raises(ValueError, match="shape"):
            check(image, mask[1:], channel)
        with pytest.raises(ValueError, match="1600"):
            check(image, mask, 1600)
    with pytest.raises(ValueError, match="without any fringes"):
        fringe_strength(*scaled(exposure, 0))
