"""White noise of continuum images, and restorations of noisy ones."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.enhancement import observation as module
from sunpy_restore.enhancement.detector.denoising import noise_filter, power_spectrum, reduce_noise, white_noise
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE, reconvolve
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.restore import restore
from sunpy_restore.enhancement.task import CONTINUUM

SPOT, QUIET = "hmi_continuum_spot", "hmi_continuum_quiet"


@pytest.fixture(scope="module")
def truth(samples):
    """The enhanced sample of a sunspot, as the truth of simulated observations."""
    return enhance(samples[SPOT]).data / Observation.from_map(samples[SPOT]).level


@pytest.fixture(scope="module")
def observed(truth):
    """Observation of the truth without noise."""
    return reconvolve(truth, HMI.transfer_kernel()).astype(np.float32)


def noisy(image, noise, seed=0):
    return image + np.random.default_rng(seed).normal(0, noise, image.shape).astype(image.dtype)


@pytest.mark.parametrize("noise", [0.001, 0.003, 0.01])
def test_noise_is_measured(observed, noise):
    assert white_noise(noisy(observed, noise)) == pytest.approx(noise, rel=0.07)


@pytest.mark.parametrize("name", [SPOT, QUIET])
def test_images_of_hmi_are_not_filtered(samples, name):
    observation = Observation.from_map(samples[name])
    assert observation.white_noise < 0.5 * CONTINUUM_NOISE
    np.testing.assert_array_equal(observation.denoised(), observation.normalised())
    assert "rstnoise" not in enhance(samples[name], method="richardson-lucy").meta


def test_images_of_other_telescopes_are_not_filtered(observed):
    image = noisy(observed, 0.01)
    observation = Observation.from_array(image, telescope=replace(HMI, aperture=1.1 * HMI.aperture))
    np.testing.assert_array_equal(observation.denoised(), image)


def test_pixels_off_the_disk_do_not_matter(observed):
    image = noisy(observed, 0.004)
    on_disk = np.ones(image.shape, bool)
    on_disk[:, :20] = False
    other = image.copy()
    other[~on_disk] = 50 * np.random.default_rng(1).random(np.count_nonzero(~on_disk))
    ours, theirs = (replace(Observation.from_array(data), on_disk=on_disk) for data in (image, other))
    assert ours.white_noise == theirs.white_noise
    np.testing.assert_allclose(ours.denoised()[on_disk], theirs.denoised()[on_disk], rtol=1e-5)
    np.testing.assert_array_equal(theirs.denoised()[~on_disk], other[~on_disk])


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_noise_is_measured_between_gaps(observed, share):
    usable = np.random.default_rng(2).random(observed.shape) >= share
    image, other = noisy(observed, 0.004), np.where(usable, noisy(observed, 0.004), 5.0)
    assert white_noise(image, usable) == white_noise(other, usable) == pytest.approx(0.004, rel=0.15)


@pytest.mark.parametrize("size", [12, 16, 20, 28])
def test_noise_of_small_images_is_measured(observed, size):
    """On average, because few pixels tell the noise of one image to a third only."""
    corners = np.random.default_rng(3).integers(0, 128 - size, (50, 2))
    found = [
        white_noise(noisy(observed[y : y + size, x : x + size], 0.005, seed)) for seed, (y, x) in enumerate(corners)
    ]
    assert np.mean(found) == pytest.approx(0.005, rel=0.15)


def test_too_few_pixels_have_no_noise(observed):
    assert white_noise(noisy(observed[:11, :11], 0.01)) == 0
    usable = np.zeros(observed.shape, bool)
    usable[::3] = True
    assert white_noise(noisy(observed, 0.01), usable) == 0
    np.testing.assert_array_equal(reduce_noise(observed, usable, 0), observed)


GAPS = {"block": np.s_[17:23, 60:66], "pixels": np.s_[4:36:8, 8:120:8]}


@pytest.mark.filterwarnings("ignore::sunpy_restore.core.exceptions.RestoreWarning")
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("noise", [0.005, 0.01])
def test_gaps_do_not_prevent_the_filter(samples, gap, noise):
    """A small image, of which no part of 40 x 64 pixels is without a gap."""
    smap = samples[QUIET]
    level = Observation.from_map(smap).level
    data = noisy(smap.data.astype(float), noise * level)
    with_gaps = data.copy()
    with_gaps[GAPS[gap]] = np.nan
    whole, parted = (Observation.from_map(sunpy.map.Map(values, smap.meta)) for values in (data, with_gaps))
    assert parted.white_noise == pytest.approx(whole.white_noise, rel=0.25)
    away = ~ndimage.binary_dilation(np.isnan(with_gaps), iterations=2)
    changed = np.std((whole.denoised() - whole.normalised())[away])
    assert np.std((parted.denoised() - whole.denoised())[away]) < 0.35 * changed


def test_spectrum_of_white_noise_is_its_variance():
    _, power = power_spectrum(np.random.default_rng(0).normal(0, 0.3, (150, 200)))
    np.testing.assert_allclose(power[1:-1], 0.09, rtol=0.15)


def test_filter_is_the_ratio_of_two_wiener_filters():
    frequency = np.linspace(0, 0.7, 30)
    true = 1e-3 * np.exp(-((frequency / 0.15) ** 2))
    kernel = noise_filter(frequency, true + 0.01**2, 0.01, 0.001)
    assert kernel.sum() == pytest.approx(1)
    padded = np.zeros((256, 256))
    padded[:33, :33] = kernel
    gain = np.abs(np.fft.fft2(padded))[0, :128]
    expected = np.interp(np.arange(128) / 256, frequency, (true + 0.001**2) / (true + 0.01**2))
    np.testing.assert_allclose(gain, expected / expected[0], atol=0.02)
    same = noise_filter(frequency, true + 0.01**2, 0.01, 0.01)
    assert same[16, 16] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_noise_without_structure_is_not_amplified(seed):
    image = noisy(np.ones((150, 61)), 0.05, seed)
    smooth = reduce_noise(image, np.ones(image.shape, bool), white_noise(image))
    assert np.std(smooth) < 0.4 * 0.05
    assert np.mean(smooth) == pytest.approx(np.mean(image), abs=2e-3)


@pytest.mark.parametrize("method", ["network", "richardson-lucy"])
def test_noisy_images_are_restored_with_less_error(observed, truth, method, monkeypatch):
    loaded, observation = load_method(CONTINUUM, method), Observation.from_array(noisy(observed, 0.005))
    inner, quiet = np.s_[16:-16, 16:-16], np.s_[16:-16, 16:60]
    restored = restore(observation, loaded)
    assert restored.cards["RSTNOISE"] == pytest.approx(0.5, rel=0.07)
    monkeypatch.setattr(module, "reduce_noise", lambda image, usable, noise: image)
    before = restore(observation, loaded)
    errors = [np.std((data - truth)[quiet]) for data in (restored.data, before.data)]
    # The network is told the noise, too
    assert errors[0] < (0.9 if method == "network" else 0.7) * errors[1]
    assert np.std(restored.data[quiet]) == pytest.approx(np.std(truth[quiet]), rel=0.15)
    assert np.mean(restored.data[inner]) == pytest.approx(np.mean(truth[inner]), rel=1e-3)


def test_very_noisy_images_are_told(observed):
    method = load_method(CONTINUUM, "richardson-lucy")
    with pytest.warns(RestoreWarning, match=r"white noise of (1\.9|2|2\.1) %.*expected at most 1\.5 %"):
        restore(Observation.from_array(noisy(observed, 0.02)), method)


@pytest.mark.filterwarnings("ignore::sunpy_restore.core.exceptions.RestoreWarning")
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
def test_noise_is_not_taken_for_outliers(samples, noise):
    smap = samples["hmi_continuum_spot"]
    level = Observation.from_map(smap).level
    data = noisy(smap.data.astype(float) / level, noise)
    data[60, 70] += 20 * noise
    observation = Observation.from_map(sunpy.map.Map(np.abs(data) * level, smap.meta))
    assert np.argwhere(~observation.valid).tolist() == [[60, 70]]
    assert observation.white_noise == pytest.approx(noise, rel=0.07)
