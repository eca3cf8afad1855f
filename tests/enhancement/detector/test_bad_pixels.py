"""Faint bad pixels are found, and neither noise nor solar structure is taken for them."""

import numpy as np
import pytest
from scipy import ndimage

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.enhancement.detector.bad_pixels import find_bad_pixels, whitening_filter
from sunpy_restore.enhancement.detector.denoising import white_noise
from sunpy_restore.enhancement.detector.noise import estimate_noise
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.forward import HMI_PIXEL, observe

FAINTEST = {"hmi_continuum_quiet": 1e-2, "hmi_continuum_spot": 1e-2, "hmi_magnetogram": 5e-2}


def found_in(image, name, known=None):
    known = np.ones(image.shape, bool) if known is None else known
    noise = estimate_noise(image, known) if name == "hmi_magnetogram" else max(white_noise(image, known), 3e-4)
    return find_bad_pixels(image, known, noise=noise, excess=FAINTEST[name])


def grid(shape, step=13):
    """Places too far from each other to be seen together."""
    return tuple(np.mgrid[6 : shape[0] - 6 : step, 6 : shape[1] - 6 : step].reshape(2, -1))


@pytest.fixture(scope="session")
def images(samples):
    return {name: Observation.from_map(samples[name]).normalised() for name in FAINTEST}


@pytest.mark.parametrize(
    ("name", "height", "noise", "share"),
    [
        ("hmi_continuum_quiet", 0.03, 0, 0.95), ("hmi_continuum_quiet", 0.03, 1e-3, 0.95),
        ("hmi_continuum_spot", 0.05, 0, 0.95), ("hmi_continuum_spot", 0.05, 1e-3, 0.95),
        ("hmi_magnetogram", 0.19, 0, 0.8),
    ],
)  # fmt: skip
def test_faint_pixels_are_found(images, name, height, noise, share):
    rng = np.random.default_rng(3)
    image = images[name] + noise * rng.standard_normal(images[name].shape)
    places = grid(image.shape)
    image[places] += height * rng.choice([-1, 1], len(places[0]))
    found = found_in(image.astype(np.float32), name)
    assert found[places].mean() >= share
    found[places] = False
    assert not found.any()


def test_in_weak_field_the_limit_is_a_multiple_of_the_noise(images):
    image = images["hmi_magnetogram"].copy()
    strong = ndimage.maximum_filter(np.abs(ndimage.gaussian_filter(image, 1)), 9) > 0.05
    places = grid(image.shape)
    weak = ~strong[places]
    image[places] += 0.1
    assert np.count_nonzero(weak) > 30
    assert found_in(image, "hmi_magnetogram")[places][weak].mean() > 0.95


@pytest.mark.parametrize("name", FAINTEST)
@pytest.mark.parametrize("noise", [0, 0.1, 0.3, 1, 3])
def test_good_images_have_none(images, name, noise):
    """With noise in units of 1 % of the quiet Sun, or 10 G, that is correlated or not."""
    rng, image = np.random.default_rng(4), images[name]
    for taps in ([0, 1, 0], [0.1, 0.8, 0.1]):
        grain = rng.standard_normal(image.shape)
        for axis in (0, 1):
            grain = ndimage.convolve1d(grain, taps, axis=axis)
        assert not found_in((image + 0.01 * noise * grain / grain.std()).astype(np.float32), name).any()


@pytest.mark.parametrize("name", ["hmi_continuum_quiet", "hmi_magnetogram"])
def test_the_sharpest_structure_is_none(name):
    fine, rng = np.ones((400, 400)), np.random.default_rng(1)
    fine[:, 205:], fine[:120, :205] = 2, 0.3
    for place in rng.integers(0, 400, (40, 2)):
        fine[tuple(place)] += rng.uniform(-20, 20)
    image = observe(fine, HMI_PIXEL / 10)
    for level in (3e-4, 1e-3, 1e-2):
        assert not found_in((image + level * rng.standard_normal(image.shape)).astype(np.float32), name).any()


def test_pixels_next_to_unknown_ones_are_not_searched(images):
    image, known = images["hmi_continuum_quiet"].copy(), np.ones((40, 128), bool)
    image[20, 30] += 0.05
    image[20, 60] += 0.05
    known[22, 33], image[22, 33] = False, 1e9
    np.testing.assert_array_equal(np.argwhere(found_in(image, "hmi_continuum_quiet", known)), [[20, 60]])
    assert not found_in(image, "hmi_continuum_quiet", np.zeros_like(known)).any()


@pytest.mark.parametrize("noise", [3e-4, 1e-3])
def test_the_filter_whitens_what_the_telescope_sees(noise):
    kernel = whitening_filter(noise)
    assert kernel.sum() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-5)
    scene = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((1000, 1000)), 3)
    image = observe(1 + 0.3 * scene / scene.std(), HMI_PIXEL / 10)
    white = ndimage.convolve(image, kernel)[5:-5, 5:-5]
    assert white.std() < 0.1 * image.std()


@pytest.mark.parametrize(
    ("name", "row", "column", "height"),
    [("hmi_continuum_quiet", 20, 30, 0.03), ("hmi_continuum_spot", 15, 20, -0.05), ("hmi_magnetogram", 20, 30, 0.19)],
)
def test_a_faint_pixel_makes_no_spike(samples, images, name, row, column, height):
    """The network would enlarge it up to tenfold."""
    smap = samples[name]
    data = smap.data.astype(float)
    unit = 1e3 if name == "hmi_magnetogram" else smap.data[row, column] / images[name][row, column]
    data[row, column] += height * unit
    with pytest.warns(RestoreWarning, match=f"^1 pixel stands out .* row {row}, column {column}: cosmic rays"):
        hit = enhance(sunpy.map.Map(data, smap.meta), method="network")
    change = np.abs(hit.data - enhance(smap, method="network").data)
    assert hit.mask.sum() == 4
    assert change.max() < 2 * abs(height) * unit
