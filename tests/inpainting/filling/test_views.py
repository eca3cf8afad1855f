"""Laws of the views: back is the inverse of forward, and values of missing pixels are ignored."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.filling import views
from sunpy_restore.inpainting.observation import Observation

SHAPE, CENTER, BIAS = (224, 256), (90.4, 117.8), 400.0
DEVIATIONS = ("pixel", "polar")
VIEWS = views.VIEWS | {"brightness": views.brightness_view, "profile": views.profile_view}


def observe(rubbish=0.0, gain=1.0, shift=0.0, **changes):
    """A corona with a missing block and an occulter; ``gain`` and ``shift`` change its unit and its bias."""
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTER[0], y - CENTER[1])
    light = 3e5 / np.maximum(radius, 20) ** 1.5 * np.random.default_rng(0).normal(1, 0.02, SHAPE)
    unobserved = radius < 30
    mask = np.zeros(SHAPE, dtype=bool)
    mask[32:64, 160:192] = mask[96:128, 96:160] = True
    mask &= ~unobserved
    image = np.where(mask | unobserved, rubbish, gain * (light + BIAS) + shift)
    options = {"mask": mask, "unobserved": unobserved, "center": CENTER, "detector": "C3"} | changes
    return Observation(image=image, bias=gain * BIAS + shift, **options)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("flat_field", [None, np.linspace(-1, 0, SHAPE[1]) * np.ones(SHAPE)])
def test_back_is_the_inverse_of_forward(name, flat_field):
    one = observe(flat_field=flat_field)
    view = VIEWS[name](one)
    y, x = np.nonzero(view.valid)
    found = view.back(view.image[view.valid], y, x)
    truth = one.image[view.valid]
    if name == "equalized":
        # It has at most 65536 ranks, and no values beyond the last one
        truth = np.clip(truth, found.min(), found.max())
    np.testing.assert_allclose(found, truth, rtol=2e-4 if name == "equalized" else 1e-5)
    again = view.forward(np.where(view.valid, one.image, 0))
    np.testing.assert_array_equal(again[view.valid], view.image[view.valid])


@pytest.mark.parametrize("name", VIEWS)
def test_other_images_are_converted_alike(name):
    one = observe()
    view = VIEWS[name](one)
    rows, columns = np.nonzero(one.mask)
    other = np.where(view.valid, one.image, 700 + np.arange(SHAPE[1]))
    found = view.back(view.forward(other)[one.mask], rows, columns)
    np.testing.assert_allclose(found, other[one.mask], rtol=2e-4)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("rubbish", [*(pytest.param(value, marks=pytest.mark.slow) for value in (-1e9, 1e9)), np.nan])
def test_missing_and_unobserved_values_are_ignored(name, rubbish):
    one, other = (VIEWS[name](observe(fill)) for fill in (0.0, rubbish))
    np.testing.assert_array_equal(other.image, one.image)
    np.testing.assert_array_equal(other.valid, one.valid)
    values, (y, x) = np.linspace(-0.9, 0.9, one.image.size).reshape(SHAPE), np.indices(SHAPE)
    np.testing.assert_array_equal(other.back(values, y, x), one.back(values, y, x))
    if name in DEVIATIONS:
        np.testing.assert_array_equal(other.noise, one.noise)


@pytest.mark.parametrize("name", VIEWS)
def test_valid_pixels_are_neither_missing_nor_unobserved(name):
    one = observe()
    view = VIEWS[name](one)
    np.testing.assert_array_equal(view.valid, ~(one.mask | one.unobserved))
    assert not view.image[~view.valid].any()
    assert np.isfinite(view.image).all()
    assert view.expected is None


@pytest.mark.parametrize("name", VIEWS)
def test_observations_are_not_changed(name):
    one = observe(neighbours=np.full(SHAPE, 900.0), flat_field=np.zeros(SHAPE))
    before = {key: np.copy(getattr(one, key)) for key in ("image", "mask", "unobserved", "neighbours", "flat_field")}
    VIEWS[name](one)
    for key, value in before.items():
        np.testing.assert_array_equal(getattr(one, key), value, err_msg=key)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "brightness"])
@pytest.mark.parametrize(
    ("gain", "shift"), [(1e-13, 0.0), pytest.param(7.0, 0.0, marks=pytest.mark.slow), (0.5, -200.0)]
)
def test_unit_and_bias_do_not_matter(name, gain, shift):
    one, other = VIEWS[name](observe()), VIEWS[name](observe(gain=gain, shift=shift))
    np.testing.assert_allclose(other.image, one.image, rtol=1e-3, atol=1e-3 * np.abs(one.image).max())


@pytest.mark.parametrize("name", VIEWS)
def test_neighbours_are_converted_like_the_image(name):
    one = observe()
    rng = np.random.default_rng(0)
    expected = np.where(rng.random(SHAPE) < 0.2, np.nan, 700 + 50 * rng.random(SHAPE))
    view = VIEWS[name](replace(one, neighbours=expected))
    np.testing.assert_array_equal(np.isnan(view.expected), np.isnan(expected))
    seen = np.isfinite(expected)
    np.testing.assert_array_equal(view.expected[seen], view.forward(np.nan_to_num(expected))[seen])


@pytest.mark.parametrize("name", DEVIATIONS)
def test_deviations_are_in_units_of_the_noise(name):
    view = VIEWS[name](observe())
    assert np.median(view.image[view.valid]) == pytest.approx(0, abs=0.1)
    assert view.image[view.valid].std() == pytest.approx(1, abs=0.25)
    assert np.median(view.noise) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_large_deviations_are_clipped(name):
    one = observe()
    image = one.image.copy()
    image[10, 10], image[200, 200] = 1e12, -1e12
    view = VIEWS[name](replace(one, image=image))
    assert view.image[10, 10] == 2000
    assert view.image[200, 200] == -2000


def test_profile_view_is_a_ratio():
    view = VIEWS["profile"](observe())
    assert np.median(view.image[view.valid]) == pytest.approx(1, abs=0.01)
    assert view.image[view.valid].std() == pytest.approx(0.02, abs=0.02)


def test_equalized_view_has_a_flat_histogram_and_keeps_the_order():
    one = observe()
    view = VIEWS["equalized"](one)
    shown = view.image[view.valid]
    counts, _ = np.histogram(shown, 10, (-1, 1))
    np.testing.assert_allclose(counts / shown.size, 0.1, atol=0.005)
    order = np.argsort(one.image[view.valid])
    assert (np.diff(shown[order]) >= 0).all()


def test_equalized_view_of_few_different_values():
    """Counts that many pixels share are recovered, too."""
    one = observe()
    one = replace(one, image=np.where(one.mask | one.unobserved, 0, np.round(one.image / 20) * 20))
    view = VIEWS["equalized"](one)
    y, x = np.nonzero(view.valid)
    np.testing.assert_allclose(view.back(view.image[view.valid], y, x), one.image[view.valid], rtol=1e-4)
