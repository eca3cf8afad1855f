"""Tests of the errors of images of which Fourier components were measured."""

import numpy as np
import pytest

from sunpy_restore.core.uncertainty.waves import KnownWaves, WaveErrors

SIGMA = np.hypot(*np.meshgrid(*2 * [np.arange(60) - 29.5])) < 25
NONE = KnownWaves(waves=((0.01, 0.0, 1e9),), correlation={4.0: 1.0}, amplitude=2.0)
FLUX = KnownWaves(waves=((1e-4, 0.0, 5.0),), correlation={4.0: 1.0}, amplitude=2.0)


def test_pixels_keep_their_uncertainty():
    for known in (NONE, FLUX):
        errors, pixel = WaveErrors(3.0 * SIGMA, known), np.zeros(SIGMA.shape)
        pixel[31, 33] = 1
        assert errors.variance(pixel) == pytest.approx(9, rel=0.05)


def test_a_measured_sum_is_known_much_better_than_its_pixels():
    """Not as well as measured: pixels are scaled so that they keep their uncertainty."""
    free, measured = (WaveErrors(SIGMA.astype(float), known).variance(np.ones(SIGMA.shape)) for known in (NONE, FLUX))
    assert 2.5**2 < measured < 0.05**2 * free


def test_unmeasured_errors_are_those_of_the_correlation():
    from sunpy_restore.core.numerics import correlation as correlations

    ones = SIGMA.astype(float)
    expected = (ones * correlations.correlated_with(ones, NONE.correlation)).sum()
    assert WaveErrors(ones, NONE).variance(ones) == pytest.approx(expected, rel=0.05)


def test_draws_scatter_as_stated():
    errors, random = WaveErrors(3.0 * SIGMA, FLUX), np.random.default_rng(1)
    drawn = np.array([errors.draw(random) for _ in range(150)])
    assert np.median(drawn.std(axis=0)[SIGMA]) == pytest.approx(3, rel=0.1)
    half = np.zeros(SIGMA.shape)
    half[:30] = 1
    for region in (np.ones(SIGMA.shape), half):
        assert (drawn * region).sum(axis=(1, 2)).std() == pytest.approx(np.sqrt(errors.variance(region)), rel=0.25)


def test_the_text_is_read_again():
    known = KnownWaves(waves=((0.0125, -0.008, 3.5), (0.1, 0.2, 1e-6)), correlation={4.5: 1.0}, amplitude=2.5)
    assert KnownWaves.from_text(known.to_text()) == known


@pytest.mark.parametrize("text", ["", "2; 4:1; 0.1,0.2", "2; 4:1; 0.1,0.2,-1", "x; 4:1; 0.1,0.2,1", "2; 4; 0.1,0.2,1"])
def test_text_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="Restore the image again"):
        KnownWaves.from_text(text)
