"""Regions of damaged pixels and the average of their fills."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.desaturation.filling.channels import channels_of
from sunpy_restore.desaturation.filling.mixture import FEATURES, feature_count, limited, mixed, regions, with_kriging
from sunpy_restore.desaturation.task import CHANNELS


def scene(seed=0, bright=True):
    """A window with three damaged regions, and a fill."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((120, 140))
    image = 100 + 10 * rng.random(y.shape) + 900 * np.exp(-((x - 70) ** 2 + (y - 60) ** 2) / 400) * bright
    mask = (np.hypot(x - 70, y - 60) < 12) | ((abs(x - 20) < 5) & (abs(y - 100) < 7)) | ((x > 130) & (y < 9))
    channels = dict(zip(CHANNELS, channels_of(image, mask)[0], strict=True))
    fills = [np.where(mask, channels["image"] * factor, channels["image"]) for factor in (1.5,)]
    return channels, fills


def constant(*shares):
    return lambda features: np.tile(shares, (len(features), 1))


def test_each_damaged_pixel_belongs_to_one_region():
    channels, fills = scene()
    count = np.zeros(channels["mask"].shape)
    for region in regions(channels, fills):
        count[region.place] += region.own
        assert region.features.shape == (feature_count(1),)
        assert np.isfinite(region.features).all()
    np.testing.assert_array_equal(count, channels["mask"])


def test_rim_of_a_bright_core_is_told_from_that_of_other_pixels():
    def largest(bright):
        channels, fills = scene(bright=bright)
        return max(regions(channels, fills), key=lambda region: region.own.sum()).features

    core, other = largest(True), largest(False)
    assert core[0] > other[0] + 0.1  # rim above the next ring
    assert core[9] < other[9] - 1  # share of brighter pixels around


@given(seed=st.integers(0, 100), turns=st.integers(0, 3), mirrored=st.booleans())
@settings(max_examples=6, deadline=None)
def test_features_do_not_depend_on_the_orientation(seed, turns, mirrored):
    channels, fills = scene(seed)

    def turned(image):
        return np.rot90(image[:, ::-1] if mirrored else image, turns)

    features = [region.features for region in regions(channels, fills)]
    others = regions({name: turned(image) for name, image in channels.items()}, [turned(fill) for fill in fills])
    for one, other in zip(sorted(map(tuple, features)), sorted(tuple(r.features) for r in others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_kriging_is_one_more_fill_of_all_damaged_pixels():
    channels, fills = scene()
    more = with_kriging(channels, fills)
    mask = channels["mask"] > 0
    assert len(more) == 2
    assert more[0] is fills[0]
    np.testing.assert_array_equal(more[1][~mask], channels["image"][~mask])
    assert np.count_nonzero(more[1][mask] != channels["image"][mask]) > 0.9 * mask.sum()
    assert next(regions(channels, more)).features.shape == (FEATURES,)


@given(seed=st.integers(0, 1000), scale=st.floats(1e-2, 1e3))
@settings(max_examples=20, deadline=None)
def test_a_limited_fill_grows_with_the_distance_from_valid_pixels(seed, scale):
    channels, _ = scene(seed)
    mask, fill = channels["mask"] > 0, np.random.default_rng(seed).uniform(0, 100, channels["mask"].shape)
    result = limited(channels, fill)
    assert (result <= fill).all()
    assert (result[mask] <= 2.5 * float(channels["image"].max())).all()
    rim = mask & (ndimage.distance_transform_edt(mask) <= 1)
    assert (result[rim] <= 1.25 * float(channels["image"].max())).all()
    in_other_units = limited(channels | {"image": scale * channels["image"]}, scale * fill)
    np.testing.assert_allclose(in_other_units, scale * result, rtol=1e-4)


def test_a_credible_fill_is_not_limited():
    channels, _ = scene()
    np.testing.assert_array_equal(limited(channels, channels["image"]), channels["image"])
    np.testing.assert_array_equal(limited(channels, 0 * channels["image"] - 1), 0 * channels["image"] - 1)


def test_a_fill_is_limited_by_its_own_surroundings():
    channels, _ = scene()
    mask = channels["mask"] > 0
    result = limited(channels, np.full(mask.shape, 1e6))
    corner = (slice(0, 9), slice(131, 140))
    assert result[corner].max() < 3 * channels["image"][:25, 115:].max()
    assert result[60, 70] > 2 * result[corner].max()


@pytest.mark.parametrize("index", range(2))
def test_a_share_of_one_is_that_fill(index):
    channels, fills = scene()
    expected = (channels["biharmonic"], *fills)[index]
    result = mixed(channels, fills, constant(*np.eye(2)[index]))
    mask = channels["mask"] > 0
    np.testing.assert_allclose(result[mask], expected[mask], rtol=1e-6)


def test_an_average_lies_between_its_fills():
    channels, fills = scene()
    result, mask = mixed(channels, fills, constant(0.6, 0.4)), channels["mask"] > 0
    parts = [image[mask] for image in (channels["biharmonic"], *fills)]
    assert (result[mask] >= np.min(parts, axis=0) - 1e-5).all()
    assert (result[mask] <= np.max(parts, axis=0) + 1e-5).all()
    np.testing.assert_array_equal(result[~mask], channels["biharmonic"][~mask])


def test_regions_have_their_own_shares():
    channels, fills = scene()
    areas = [region.own.sum() for region in regions(channels, fills)]
    assert len(areas) == 3
    shares = np.eye(2)[[0, 1, 0]]
    result = mixed(channels, fills, lambda features: shares)
    for region, share in zip(regions(channels, fills), shares, strict=True):
        expected = fills[0] if share[1] else channels["biharmonic"]
        np.testing.assert_allclose(result[region.place][region.own], expected[region.place][region.own], rtol=1e-6)


def test_a_window_of_a_mask_and_a_single_valid_pixel():
    image, mask = np.full((9, 9), 5.0), np.ones((9, 9), dtype=bool)
    mask[4, 4] = False
    channels = dict(zip(CHANNELS, channels_of(image, mask)[0], strict=True))
    fills = [channels["image"]]
    assert np.isfinite(mixed(channels, fills, constant(0.2, 0.8))).all()
