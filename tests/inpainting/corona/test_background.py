"""Laws of the background: what it recovers and which values it ignores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.corona.background import find_background, radial_profile

SHAPE, CENTER = (320, 352), (170.3, 151.8)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def polar(shape=SHAPE, center=CENTER):
    y, x = np.indices(shape)
    return np.hypot(x - center[0], y - center[1]), np.arctan2(y - center[1], x - center[0])


def corona(scale=1000.0, shape=SHAPE, center=CENTER):
    """A power law with waves in azimuth that change with height, as those of a streamer belt."""
    radius, azimuth = polar(shape, center)
    height = np.log(np.maximum(radius, 1) / 100)
    waves = (0.3 + 0.1 * height) * np.cos(2 * azimuth) + 0.2 * height * np.sin(azimuth) - 0.15 * np.cos(azimuth)
    return scale * np.exp(-1.8 * height + waves)


def noisy(seed=0, share=0.01):
    image = corona()
    return image * np.random.default_rng(seed).normal(1, share, SHAPE)


def outside(radius):
    return polar()[0] > radius


@pytest.mark.parametrize(
    ("center", "near", "far"),
    [((516.96, 531.63), 80, 544), pytest.param((511.63, 504.29), 180, 800, marks=pytest.mark.slow)],
    ids=["C3", "C2"],
)
@pytest.mark.parametrize("share", [pytest.param(0.0, marks=pytest.mark.slow), 0.03])
def test_analytic_coronas_are_recovered(center, near, far, share):
    """Also with noise and missing blocks."""
    truth = corona(1000.0, (1024, 1024), center)
    radius, _ = polar(truth.shape, center)
    seen = (radius > near) & (radius < far)
    valid = seen.copy()
    valid[608:704, 256:448] = valid[320:352] = False
    image = truth * np.random.default_rng(0).normal(1, share, truth.shape)
    error = np.abs(find_background(image, valid, center).level / truth - 1)[seen]
    assert np.sqrt((error**2).mean()) < 0.0035
    assert np.quantile(error, 0.99) < 0.02
    assert error.max() < 0.06


def test_small_cutouts_have_a_background():
    """Most of their rings are cut, so the waves are separated less well from the profile."""
    valid = outside(25)
    valid[60:156, 200:264] = valid[200:232] = False
    error = np.abs(find_background(noisy(), valid, CENTER).level / corona() - 1)[outside(25)]
    assert np.sqrt((error**2).mean()) < 0.01


@given(factor=st.floats(1e-11, 1e6))
@settings(max_examples=4, deadline=None)
def test_background_is_linear_in_the_brightness(factor):
    """The unit of the image does not matter: counts or mean solar brightness."""
    image, valid = noisy(), outside(25)
    one, other = (find_background(part, valid, CENTER) for part in (image, factor * image))
    for found, expected in zip(other, one, strict=True):
        np.testing.assert_allclose(found, factor * expected, rtol=2e-3)
    np.testing.assert_allclose(other.level, factor * one.level, rtol=1e-4)


@pytest.mark.parametrize(
    "rubbish", [*(pytest.param(value, marks=pytest.mark.slow) for value in (0.0, -1e9, 1e9)), np.nan]
)
def test_values_in_holes_are_ignored(rubbish):
    image, valid = noisy(), outside(30)
    valid[100:164, 40:104] = False
    one, other = (find_background(np.where(valid, image, fill), valid, CENTER) for fill in (1.0, rubbish))
    for found, expected in zip(other, one, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_stars_do_not_matter():
    image, valid = noisy(), outside(25)
    rng = np.random.default_rng(1)
    stars = image.copy()
    stars[rng.integers(0, SHAPE[0], 900), rng.integers(0, SHAPE[1], 900)] += 3e4
    one, other = (find_background(part, valid, CENTER) for part in (image, stars))
    np.testing.assert_allclose(other.level[valid], one.level[valid], rtol=0.02)
    np.testing.assert_allclose(other.noise[valid], one.noise[valid], rtol=0.15)


def test_flat_field_is_part_of_the_level_and_not_of_the_unit():
    radius, azimuth = polar()
    image, valid = noisy(), outside(30)
    # A ring and a pylon, which a smooth background cannot follow
    flat_field = (-0.8 * np.exp(-(((radius - 60) / 4) ** 2)) - 1.2 * (np.abs(azimuth - 0.7) < 0.05)).astype(np.float32)
    plain = find_background(image, valid, CENTER)
    found = find_background(image * np.exp(flat_field), valid, CENTER, flat_field)
    np.testing.assert_allclose(found.level, plain.level * np.exp(flat_field), rtol=1e-4)
    proportion = found.unit * np.exp(flat_field) / found.level
    np.testing.assert_allclose(proportion, proportion[0, 0], rtol=1e-4)
    blurred = find_background(image * np.exp(flat_field), valid, CENTER).level / (plain.level * np.exp(flat_field))
    assert np.abs(blurred - 1)[valid].max() > 0.3


def test_unit_is_the_typical_noise():
    valid = outside(30)
    found = find_background(noisy(share=0.02), valid, CENTER)
    np.testing.assert_allclose(found.unit, 0.02 * found.level, rtol=0.1)


def test_noiseless_images_have_some_noise():
    """It avoids divisions by zero."""
    flat = np.full(SHAPE, 500.0)
    found = find_background(flat, EVERYWHERE, CENTER)
    np.testing.assert_allclose(found.level, 500, rtol=1e-3)
    assert (found.noise > 0).all()
    assert (found.unit > 0).all()


def test_dark_and_negative_pixels_leave_the_background_positive():
    image = noisy(share=0.02)
    image[::7, ::5] = -3
    level = find_background(image, outside(25), CENTER).level
    assert (level > 0).all()
    clean = find_background(noisy(share=0.02), outside(25), CENTER).level
    np.testing.assert_allclose(level[outside(25)], clean[outside(25)], rtol=0.02)


def test_mirror_images_have_mirrored_backgrounds():
    """Their cells begin at the other edge."""
    image, valid = noisy(), outside(25)
    level = find_background(image, valid, CENTER).level
    mirrored = find_background(image[:, ::-1], valid[:, ::-1], (SHAPE[1] - 1 - CENTER[0], CENTER[1])).level
    np.testing.assert_allclose(mirrored[:, ::-1], level, rtol=5e-3)


def test_profile_is_the_median_of_rings():
    radius, _ = polar()
    truth = 1e4 / np.maximum(radius, 10)
    image = truth * np.random.default_rng(0).normal(1, 0.05, SHAPE)
    image[::9, ::9] *= 50
    valid = outside(20)
    valid[100:132, 200:264] = False
    profile = radial_profile(image, valid, CENTER)
    far = (radius > 24) & (radius < 140)
    np.testing.assert_allclose(profile[far], truth[far], rtol=0.04)
    assert (profile > 0).all()
    other = radial_profile(np.where(valid, image, 1e9), valid, CENTER)
    np.testing.assert_array_equal(other, profile)
    np.testing.assert_allclose(radial_profile(3 * image, valid, CENTER), 3 * profile, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 64), (64, 1)])
def test_images_too_small_for_a_background_are_refused(shape):
    with pytest.raises(ValueError, match=f"in an image of {shape[0]} x {shape[1]} pixels.*method='harmonic'"):
        find_background(np.full(shape, 5.0), np.ones(shape, dtype=bool), (3.0, 4.0))
