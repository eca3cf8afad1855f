"""The optics of HMI, against the published law and against physics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astropy.io import fits

from sunpy_restore.data import sample_path
from sunpy_restore.enhancement import forward


@pytest.fixture(scope="module")
def muram():
    """The region of the MURaM snapshot that no training sees, in units of the whole snapshot's mean."""
    with fits.open(sample_path("muram_intensity")) as hdus:
        return np.asarray(hdus[-1].data, dtype=float)


def test_law_of_wachter():
    psf = forward.PointSpreadFunction()
    theta = np.array([0.0, 0.4, 1.0, 3.0])
    r = np.pi * 0.14 * theta / 206264.80624709636 / 6173e-10
    assert psf(theta) == pytest.approx(0.9 * np.exp(-((r / 2) ** 2)) + 0.1 / (1 + (r / 3.4) ** 3), rel=1e-12)
    assert psf(forward.PSF_RADIUS + 0.01) == 0


@pytest.mark.parametrize("make", [forward.hmi_psf, forward.airy_psf])
def test_point_spread_functions_are_normalised_and_round(make):
    kernel = make(0.1)
    assert kernel.sum() == pytest.approx(1)
    assert np.allclose(kernel, kernel.T)
    assert np.allclose(kernel, kernel[::-1])
    assert kernel.argmax() == kernel.size // 2


def test_airy_pattern_has_its_first_zero_at_1_22():
    theta = 1.2197 * forward.HMI_WAVELENGTH / 0.28 * 206265
    kernel = forward.airy_psf(0.01, radius=1.0)
    profile = kernel[kernel.shape[0] // 2, kernel.shape[0] // 2 :]
    assert abs(0.01 * profile[:60].argmin() - theta) < 0.01


def test_granulation_contrast_is_that_of_hmi(muram):
    observed = forward.observe(muram, 0.0662)
    target = forward.observe_target(muram, 0.0662)
    assert observed.std() / observed.mean() == pytest.approx(0.039, abs=0.003)
    assert target.std() / target.mean() == pytest.approx(0.09, abs=0.006)


def test_wachters_own_widths_are_sharper(muram):
    sharper = forward.observe(muram, 0.0662, psf=forward.PointSpreadFunction(w=1.8, W=3.0))
    assert sharper.std() > 1.05 * forward.observe(muram, 0.0662).std()


def test_reconvolved_target_is_the_observation(muram):
    """The two telescopes see one Sun: what the target saw, through the transfer kernel, is what HMI saw."""
    observed = forward.observe(muram, 0.0662)
    target = forward.observe_target(muram, 0.0662)[: 2 * observed.shape[0], : 2 * observed.shape[1]]
    seen = forward.reconvolve(target)
    middle = (slice(14, -14), slice(6, -6))
    assert np.abs(seen - observed)[middle].max() < 0.02 * observed.std()


@given(phase=st.tuples(st.floats(0, 5), st.floats(0, 5)))
@settings(max_examples=10, deadline=None)
def test_a_constant_sun_stays_constant(phase):
    image = np.full((80, 70), 3.7)
    assert np.allclose(forward.observe(image, 0.1, phase=phase), 3.7)


def test_observe_keeps_the_place_of_a_point():
    fine = np.zeros((240, 240))
    fine[133, 101] = 1.0
    observed = forward.observe(fine, 0.063)
    rows, cols = np.indices(observed.shape)
    centre = [(axis * observed).sum() / observed.sum() for axis in (rows, cols)]
    assert centre == pytest.approx([(133.5 / 8) - 0.5, (101.5 / 8) - 0.5], abs=0.01)
    # The pixel averages, so a point spread over 8 x 8 fine pixels keeps its flux
    assert observed.sum() * 64 == pytest.approx(1, rel=5e-3)


def test_noise_is_as_asked_and_reproducible():
    image = np.ones((400, 400))
    one, two = (forward.observe(image, 0.1, noise=1e-3, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.std() == pytest.approx(1e-3, rel=0.05)


@pytest.mark.parametrize("scale", [0.3, 0.0, -1.0])
def test_coarse_images_are_refused(scale):
    with pytest.raises(ValueError, match="Found an image with .* expected at most 0.252"):
        forward.observe(np.ones((20, 20)), scale)
