"""Channels of networks: their contents, and which values they ignore."""

from functools import cache

import numpy as np
import pytest

from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.inpainting.filling.channels import pixel_channels, polar_channels
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.views import VIEWS, brightness_view
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.task import CHANNELS

SHAPE, CENTER, BIAS = (224, 256), (90.4, 117.8), 400.0
RUBBISH = [*(pytest.param(value, marks=pytest.mark.slow) for value in (-1e9, 1e9)), np.nan]
WHOLE = np.s_[:, :]


def observe(rubbish=0.0, seed=0, **changes):
    """A corona with a missing block, and another one next to the occulter."""
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTER[0], y - CENTER[1])
    rng = np.random.default_rng(seed)
    truth = BIAS + 3e5 / np.maximum(radius, 20) ** 1.5 * rng.normal(1, 0.02, SHAPE)
    unobserved = radius < 30
    mask = np.zeros(SHAPE, dtype=bool)
    mask[32:64, 160:192] = mask[96:128, 96:160] = True
    mask &= ~unobserved
    expected = np.where(rng.random(SHAPE) < 0.1, np.nan, truth + 5)
    options = {"flat_field": np.where(radius > 140, np.nan, 0.01 * x), "neighbours": expected} | changes
    image = np.where(mask | unobserved, rubbish, truth)
    return Observation(
        image=image, mask=mask, unobserved=unobserved, center=CENTER, detector="C3", bias=BIAS, **options
    )


def grid_of(observation, margin=40):
    return PolarGrid.around(*np.nonzero(observation.mask), SHAPE, CENTER, margin)


def channels_of(observation, view, kind):
    view = (VIEWS | {"brightness": brightness_view})[view](observation)
    if kind == "pixel":
        stack = pixel_channels(observation, view, WHOLE)
    else:
        stack = polar_channels(observation, view, grid_of(observation))
    return dict(zip(CHANNELS, stack, strict=True))


@cache
def shared_channels(view, kind):
    """The channels of an observation, computed once."""
    return channels_of(observe(), view, kind)


def test_pixel_channels():
    one = observe()
    view = VIEWS["pixel"](one)
    channels = channels_of(one, "pixel", "pixel")
    np.testing.assert_array_equal(channels["mask"], one.mask)
    np.testing.assert_array_equal(channels["unobserved"], one.unobserved)
    # A solver with several threads rounds differently in each call
    expected = harmonic(view.image, one.mask, one.unobserved)
    np.testing.assert_allclose(channels["image"], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(channels["image"][view.valid], view.image[view.valid])
    np.testing.assert_array_equal(channels["flat_field"], np.nan_to_num(one.flat_field))
    np.testing.assert_allclose(channels["noise"], np.maximum(view.noise, -6), rtol=1e-6)
    np.testing.assert_array_equal(channels["seen"], np.isfinite(one.neighbours))
    np.testing.assert_array_equal(channels["neighbours"], np.nan_to_num(view.expected))


def test_parts_agree_with_the_whole_image():
    one = observe()
    view, place = brightness_view(one), np.s_[8:200, 20:250]
    part = dict(zip(CHANNELS, pixel_channels(one, view, place), strict=True))
    whole = channels_of(one, "brightness", "pixel")
    for name in CHANNELS:
        np.testing.assert_allclose(part[name], whole[name][place], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["pixel", pytest.param("polar", marks=pytest.mark.slow)])
def test_unknown_channels_are_zero(kind):
    channels = channels_of(observe(flat_field=None, neighbours=None), "pixel", kind)
    for name in ("flat_field", "neighbours", "seen"):
        assert not channels[name].any()
    # The noise is known in views of deviations only
    assert channels["noise"].any()
    assert not channels_of(observe(), "brightness", "pixel")["noise"].any()


@pytest.mark.parametrize("kind", ["pixel", "polar"])
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_missing_and_unobserved_values_are_ignored(kind, rubbish):
    one, other = shared_channels("polar", kind), channels_of(observe(rubbish), "polar", kind)
    for name in CHANNELS:
        np.testing.assert_array_equal(other[name], one[name], err_msg=name)


@pytest.mark.parametrize("kind", ["pixel", "polar"])
def test_channels_are_finite_and_masks_are_disjoint(kind):
    channels = shared_channels("polar", kind)
    for name in CHANNELS:
        assert np.isfinite(channels[name]).all(), name
    for name in ("mask", "unobserved", "seen"):
        assert set(np.unique(channels[name])) == {0, 1}
    assert not (channels["mask"] * channels["unobserved"]).any()
    assert not channels["image"][channels["unobserved"] > 0].any()
    assert not channels["neighbours"][channels["seen"] == 0].any()
    assert channels["noise"].min() >= -6


def test_polar_mask_covers_all_positions_around_missing_pixels():
    """None of the four positions around a missing pixel is valid, and not all are unobserved."""
    one = observe()
    grid = grid_of(one)
    channels = shared_channels("polar", "polar")
    y, x, _ = grid.pixels()
    nearest = tuple(np.clip(np.rint(part), 0, n - 1).astype(int) for part, n in zip((y, x), SHAPE, strict=True))
    inside = (y > 0) & (y < SHAPE[0] - 1) & (x > 0) & (x < SHAPE[1] - 1)
    assert channels["mask"][inside & one.mask[nearest]].all()
    assert channels["unobserved"][~inside & ((y < -1) | (y > SHAPE[0]) | (x < -1) | (x > SHAPE[1]))].all()
    hidden = one.unobserved[nearest] & ~one.mask[nearest]
    assert (channels["mask"] + channels["unobserved"])[inside & hidden].all()
    assert (channels["image"] != 0)[(channels["mask"] + channels["unobserved"]) == 0].mean() > 0.99


def test_polar_image_is_the_sampled_view():
    one = observe()
    view, grid = VIEWS["polar"](one), grid_of(one)
    image, known = grid.sampled(view.image, view.valid)
    channels = shared_channels("polar", "polar")
    np.testing.assert_array_equal(channels["image"][known], image[known])
    np.testing.assert_array_equal((channels["mask"] + channels["unobserved"]) == 0, known)


@pytest.mark.parametrize("kind", ["pixel", "polar"])
def test_first_fill_stays_within_the_range_of_valid_pixels(kind):
    channels = shared_channels("polar", kind)
    valid = (channels["mask"] + channels["unobserved"]) == 0
    filled = channels["image"][channels["mask"] > 0]
    low, high = channels["image"][valid].min(), channels["image"][valid].max()
    assert min(low, 0) <= filled.min() < filled.max() <= max(high, 0)


def test_parts_without_valid_pixels_are_zero():
    one = observe()
    view = VIEWS["pixel"](one)
    channels = pixel_channels(one, view, np.s_[40:60, 170:180])
    assert not channels[CHANNELS.index("image")].any()
    assert channels[CHANNELS.index("mask")].all()
