"""The Wiener filter as a method for continuum images."""

from functools import partial

import numpy as np
import pytest

from sunpy_restore import enhance, report
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.enhancement import restore as module
from sunpy_restore.enhancement.deconvolution.linear import apply_filter, continuum_filter
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.restore import restore, with_wiener
from sunpy_restore.enhancement.task import CONTINUUM

INNER = np.s_[8:-8, 8:-8]


@pytest.fixture(scope="module")
def truth(samples):
    """An image of a sunspot by HMI, as the truth with pixels of half the size."""
    return Observation.from_map(samples["hmi_continuum_spot"]).normalised().astype(float)


@pytest.fixture(scope="module")
def observe(truth):
    """Simulate an observation of the truth."""

    def observe(noise, seed=0):
        image = HMI.reconvolve(truth)
        return Observation.from_array(
            (image + noise * np.random.default_rng(seed).standard_normal(image.shape)).astype(np.float32)
        )

    return observe


def error(restored, truth):
    return np.std((restored - truth)[INNER])


@pytest.mark.parametrize("noise", [3e-4, 5e-4, 1e-3])
def test_filters_keep_constants(noise):
    assert continuum_filter(noise).sum(axis=(1, 2)) == pytest.approx(1)


@pytest.mark.parametrize(("noise", "equivalent"), [(0, 1e-3), (0.01, 1e-3), (1e-5, 3e-4)])
def test_noise_is_unknown_or_out_of_range(noise, equivalent):
    np.testing.assert_array_equal(continuum_filter(noise), continuum_filter(equivalent))


def test_filters_for_more_noise_amplify_it_less():
    amplified = [np.sum(continuum_filter(noise) ** 2) for noise in (3e-4, 6e-4, 1e-3)]
    assert amplified[0] > 1.2 * amplified[1]
    assert amplified[1] > 1.2 * amplified[2]


def test_flux_is_kept():
    y, x = np.indices((140, 150))
    image = 1 - 0.8 * np.exp(-0.5 * ((x - 70.3) ** 2 + (y - 68.8) ** 2) / 6**2)
    restored = with_wiener(Observation.from_array(image))
    assert (restored - 1).sum() / 4 == pytest.approx((image - 1).sum(), rel=1e-4)


def test_tiles_leave_no_seams(monkeypatch):
    image = (1 + 0.05 * np.random.default_rng(2).standard_normal((150, 61))).astype(np.float32)
    observation = Observation.from_array(image)
    tiled = module.apply_tiled
    monkeypatch.setattr(module, "apply_tiled", lambda *args, **options: tiled(*args, **options | {"tile": 40}))
    expected = apply_filter(observation.denoised(), continuum_filter(observation.white_noise))
    np.testing.assert_allclose(with_wiener(observation), expected, atol=1e-5)


@pytest.mark.parametrize("noise", [5e-4, 3e-3])
def test_errors_are_smaller_than_those_of_other_classical_methods(observe, truth, noise):
    observation = observe(noise)
    errors = {
        name: error(load_method(CONTINUUM, name)(observation), truth)
        for name in ("wiener", "bicubic", "richardson-lucy")
    }
    assert errors["wiener"] < 0.7 * errors["bicubic"]
    assert errors["wiener"] < 0.95 * errors["richardson-lucy"]


def test_more_noise_is_amplified_less(observe):
    """The noise of the restored image, relative to that of the observation."""
    amplification = {
        noise: error(with_wiener(observe(noise)), with_wiener(observe(noise, seed=1))) / noise
        for noise in (5e-4, 1e-3, 1e-2)
    }
    assert amplification[1e-3] < 0.8 * amplification[5e-4]
    assert amplification[1e-2] < 0.5 * amplification[1e-3]


def test_much_noise_is_recorded(observe):
    restored = partial(restore, method=load_method(CONTINUUM, "wiener"))
    assert restored(observe(5e-3)).cards["RSTNOISE"] == pytest.approx(0.5, rel=0.1)
    assert not restored(observe(5e-4)).cards


@pytest.mark.parametrize("name", ["hmi_continuum_spot", "hmi_continuum_quiet"])
def test_samples_pass_the_checks(samples, name):
    assert report(enhance(samples[name], method="wiener"), samples[name]).passed


def test_magnetograms_are_refused(samples):
    with pytest.raises(ValueError, match="Unknown method 'wiener'; expected one of network, bicubic, richardson-lucy"):
        enhance(samples["hmi_magnetogram"], method="wiener")
