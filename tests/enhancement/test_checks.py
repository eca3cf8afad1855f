"""Checks of enhanced images: results of the package pass, and spoilt ones are flagged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import enhance, load, report, save
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.images.maps import with_data
from sunpy_restore.enhancement import checks
from sunpy_restore.enhancement.deconvolution.classical import richardson_lucy
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.psf import PointSpreadFunction
from sunpy_restore.enhancement.optics.telescope import Telescope

pytestmark = pytest.mark.filterwarnings("ignore:The image is unlike those")

NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")


@pytest.fixture(scope="module")
def enhanced(samples):
    return {name: enhance(samples[name]) for name in NAMES}


@pytest.fixture(scope="module")
def deconvolved(samples):
    return {name: enhance(samples[name], method="richardson-lucy") for name in NAMES}


def flagged(restored, original):
    return {check.name for check in report(restored, original).flagged}


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_pass(enhanced, samples, name, tmp_path):
    found = report(enhanced[name], samples[name])
    assert found.passed, found
    assert len(found) >= 7
    save(enhanced[name], tmp_path / "enhanced.fits")
    assert report(load(tmp_path / "enhanced.fits"), samples[name]) == found


@pytest.mark.parametrize("name", NAMES)
def test_deconvolution_passes_and_interpolation_is_flagged(deconvolved, samples, name):
    assert report(deconvolved[name], samples[name]).passed
    interpolated = flagged(enhance(samples[name], method="bicubic"), samples[name])
    assert {check for check in interpolated if check.startswith("Degraded again")}
    assert "Power spectrum, fine structure" in interpolated


SPOILT = {
    "brighter": (lambda image: 1.03 * image, {"Mean intensity", "Field strength"}),
    "fainter": (lambda image: 0.97 * image, {"Mean intensity", "Field strength"}),
    "moved by half a pixel": (lambda image: ndimage.shift(image, (0, 0.5), mode="reflect"), {"Offset along x"}),
    "moved back": (lambda image: ndimage.shift(image, (-0.5, 0), mode="reflect"), {"Offset along y"}),
    "smoothed": (lambda image: ndimage.gaussian_filter(image, 1), {"Power spectrum, fine structure"}),
    "sharpened": (lambda image: 2 * image - ndimage.gaussian_filter(image, 1.5), {"Power spectrum, fine structure"}),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_results_are_flagged(enhanced, samples, name, kind):
    change, expected = SPOILT[kind]
    found = flagged(with_data(enhanced[name], change(enhanced[name].data.astype(float))), samples[name])
    assert found & expected
    # Field strength is measured more precisely than single pixels
    assert kind in ("brighter", "fainter") or {check for check in found if check.startswith("Degraded again")}


def test_the_offset_is_that_of_the_image(enhanced, samples):
    original, restored = samples["hmi_continuum_spot"], enhanced["hmi_continuum_spot"]
    moved = with_data(restored, ndimage.shift(restored.data.astype(float), (0, 1), mode="reflect"))
    # One restored pixel to the right; the gradients are those of coarser pixels
    assert report(moved, original)["Offset along x"].value == pytest.approx(0.252, rel=0.2)


@pytest.mark.parametrize(
    "psf", [PointSpreadFunction(w=1.8, W=3.0), PointSpreadFunction(w=2.3), PointSpreadFunction(e=0.2)]
)
def test_another_point_spread_function_is_flagged(deconvolved, samples, psf):
    original, restored = samples["hmi_continuum_spot"], deconvolved["hmi_continuum_spot"]
    observation = Observation.from_map(original)
    image = richardson_lucy(observation.normalised(), kernel=Telescope(psf=psf).transfer_kernel())
    wrong = with_data(restored, image * observation.level)
    assert any(name.startswith("Degraded again") for name in flagged(wrong, original))


@given(factor=st.floats(0.5, 2).filter(lambda factor: abs(factor - 1) > 0.003))
@settings(max_examples=10)
def test_any_other_brightness_is_flagged(deconvolved, samples, factor):
    original, restored = samples["hmi_continuum_quiet"], deconvolved["hmi_continuum_quiet"]
    assert "Mean intensity" in flagged(with_data(restored, factor * restored.data), original)


@given(factor=st.floats(1e-4, 1e6))
@settings(max_examples=10)
def test_checks_do_not_depend_on_the_unit(deconvolved, samples, factor):
    name = "hmi_continuum_quiet"
    original, restored = (
        with_data(smap, factor * smap.data.astype(float)) for smap in (samples[name], deconvolved[name])
    )
    found = report(restored, original)
    for check, expected in zip(found, report(deconvolved[name], samples[name]), strict=True):
        assert check.value == pytest.approx(expected.value, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("noise", [0.002, 0.003, 0.005, 0.012])
def test_noisier_images_pass_and_errors_beyond_the_noise_are_flagged(samples, noise):
    name = "hmi_continuum_quiet"
    level = Observation.from_map(samples[name]).level
    rng = np.random.default_rng(1)
    original = with_data(samples[name], samples[name].data + noise * level * rng.normal(size=samples[name].data.shape))
    restored = enhance(original, method="richardson-lucy")
    # No HMI image is as noisy as the last ones
    assert set(flagged(restored, original)) <= {"Distance from good images"}
    assert "Mean intensity" in flagged(with_data(restored, 1.03 * restored.data), original)


@pytest.mark.parametrize("noise", [0.0015, 0.0025, 0.0035])
def test_the_residual_of_a_perfect_restoration_is_the_noise(deconvolved, samples, noise):
    name = "hmi_continuum_quiet"
    added = noise * Observation.from_map(samples[name]).level * np.random.default_rng(2).normal(size=(40, 128))
    found = report(deconvolved[name], with_data(samples[name], samples[name].data + added))
    assert found["Degraded again, quiet Sun"].value == pytest.approx(1, abs=0.2)


def test_large_images_are_compared_in_parts(deconvolved, samples, monkeypatch):
    expected = report(deconvolved["hmi_continuum_spot"], samples["hmi_continuum_spot"])
    monkeypatch.setattr(checks, "_ROWS", 37)
    found = report(deconvolved["hmi_continuum_spot"], samples["hmi_continuum_spot"])
    for check, whole in zip(found, expected, strict=True):
        assert check.value == pytest.approx(whole.value, rel=1e-6, abs=1e-9)


def test_lost_pixels_are_counted(enhanced, samples):
    data = enhanced["hmi_magnetogram"].data.copy()
    data[100:103, 50] = np.nan
    found = report(with_data(enhanced["hmi_magnetogram"], data), samples["hmi_magnetogram"])
    assert found["Pixels without a value"].value == 3
    assert not found["Pixels without a value"].passed


def test_pixels_off_the_disk_are_not_compared(small_sun):
    y, x = np.indices((96, 96))
    mu = np.sqrt(np.clip(1 - ((x - 47.5) ** 2 + (y - 47.5) ** 2) / 38.4**2, 0, None))
    waves = 1 + 0.03 * np.sin(x / 1.5) * np.cos(y / 1.7)
    original = small_sun(np.where(mu > 0, (0.4 + 0.6 * mu) * waves * 5e4, 10.0))
    with pytest.warns(Warning, match="limb"):
        restored = enhance(original, method="richardson-lucy")
    changed = restored.data.copy()
    changed[:10] = 0
    found = report(with_data(restored, changed), original)
    for check, expected in zip(found, report(restored, original), strict=True):
        assert check.value == pytest.approx(expected.value, rel=1e-3, abs=1e-6, nan_ok=True)
    assert [check.name for check in found.not_checked] == ["Power spectrum"]


def test_the_product_and_the_noise_can_be_given(deconvolved, samples):
    original, restored = (
        sunpy.map.Map(smap.data, {key: value for key, value in smap.meta.items() if key != "content"})
        for smap in (samples["hmi_magnetogram"], deconvolved["hmi_magnetogram"])
    )
    with pytest.raises(TypeError, match="product"):
        report(restored, original)
    found = report(restored, original, product="magnetogram", noise=20 * u.G)
    assert found["Degraded again, weak field"].value < 0.7


@pytest.mark.parametrize("name", ["hmi_continuum_quiet", "hmi_magnetogram"])
def test_an_image_close_to_the_limb_is_not_checked(samples, name):
    """A wrong result must not pass because nothing of it can be compared."""
    place = {"crpix1": 30.5, "crpix2": 20.5, "crval1": 957.0, "crval2": 0.0}
    original = sunpy.map.Map(samples[name].data[:40, :60], {**samples[name].meta, **place})
    with pytest.warns(RestoreWarning, match=r"The whole image lies closer .* Every pixel .*result\.data"):
        restored = enhance(original, method="richardson-lucy")
    assert restored.mask.all()
    for factor in (1, 3):
        found = report(with_data(restored, factor * restored.data), original)
        assert not found.passed
        assert len(found.not_checked) >= 5
        assert {check.not_checked for check in found.not_checked} == {"all pixels are masked"}
    restored = enhance(samples[name], method="richardson-lucy")
    assert not report(restored, samples[name]).not_checked


def magnetogram_of(samples, field):
    smap = samples["hmi_magnetogram"]
    return with_data(smap, field.astype(np.float32))


@pytest.mark.parametrize("correlated", [0, 0.5])
@pytest.mark.parametrize("signal", [0, 6])
def test_a_field_below_the_noise_is_not_fitted(samples, signal, correlated):
    rng, shape = np.random.default_rng(3), samples["hmi_magnetogram"].data.shape
    field, noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.5), rng.normal(size=shape)
    noise = ndimage.gaussian_filter(noise, correlated) if correlated else noise
    smap = magnetogram_of(samples, signal * field / field.std() + 8 * noise / noise.std())
    found = report(enhance(smap), smap)
    names = {"Field strength", "Offset along x", "Offset along y"}
    assert names <= {check.name for check in found.not_checked}
    assert "times the noise" in found["Field strength"].not_checked
    # That the image is unlike those that the networks know is another matter
    assert {check.name for check in found.flagged} <= {"Distance from good images"}


@pytest.mark.parametrize("noise", [3, 10, 15])
def test_flux_is_not_flagged_for_removed_noise(samples, noise):
    rng, shape = np.random.default_rng(4), samples["hmi_magnetogram"].data.shape
    y, x = np.indices(shape)
    field = np.zeros(shape)
    for _ in range(60):
        row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        field += rng.choice([-500, 500]) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2)
    added = ndimage.gaussian_filter(rng.normal(size=shape), 0.5)
    smap = magnetogram_of(samples, field + noise * added / added.std())
    found = report(enhance(smap), smap)
    assert found["Unsigned flux"].passed, found
    assert found["Signed flux"].passed, found
