"""The background in bands of missing blocks: the mean corona where rings are hardly observed, the image elsewhere."""

import numpy as np
import pytest

import sunpy.map

from sunpy_restore import inpaint
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.corona.background import find_background
from sunpy_restore.inpainting.corona.outliers import find_outliers
from sunpy_restore.inpainting.corona.poor_rings import PoorRings
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS, check_lasco
from sunpy_restore.inpainting.lasco.mean_corona import MeanCorona
from sunpy_restore.inpainting.observation import Observation

SHAPE, CENTER = (320, 352), (170.3, 151.8)
Y, X = np.indices(SHAPE)
RADIUS, AZIMUTH = np.hypot(X - CENTER[0], Y - CENTER[1]), np.arctan2(Y - CENTER[1], X - CENTER[0])
RADII = np.arange(2, 320, 4.0)
OUTSIDE = RADIUS > 25
THROUGH = (np.abs(Y - CENTER[1]) < 64) & OUTSIDE  # no ring of less than 64 pixels is observed


def shape_of(radius):
    """A steep profile with a plateau, which cannot be extrapolated from outside."""
    return -1.8 * np.log(radius / 100) - 1.5 * np.exp(-radius / 40)


def flattening(radius):
    return 0.3 - 0.1 * np.exp(-radius / 60)


MEAN = MeanCorona(RADII, shape_of(RADII), np.stack([0 * RADII + 0.1, 0 * RADII, flattening(RADII), 0 * RADII - 0.05]))


def corona(scale=1000.0):
    radius = np.maximum(RADIUS, 1)
    waves = 0.1 * np.cos(AZIMUTH) + flattening(radius) * np.cos(2 * AZIMUTH) - 0.05 * np.sin(2 * AZIMUTH)
    return scale * np.exp(shape_of(radius) + waves)


def level_of(image, missing, **options):
    seen = OUTSIDE & ~missing
    return find_background(np.where(seen, image, 0), seen, CENTER, missing=missing, **options).level


@pytest.mark.parametrize("scale", [1e-9, 1000.0])
def test_a_corona_of_the_shape_of_the_mean_one_is_recovered_in_a_band(scale):
    image = corona(scale) * np.random.default_rng(0).normal(1, 0.01, SHAPE)
    error = level_of(image, THROUGH, mean_corona=MEAN) / corona(scale) - 1
    assert np.abs(error[THROUGH]).max() < 0.08
    assert abs(error[THROUGH & (RADIUS < 60)].mean()) < 0.04
    extrapolated = level_of(image, THROUGH) / corona(scale) - 1
    assert np.abs(extrapolated[THROUGH & (RADIUS < 60)]).mean() > 0.1


def test_the_brightness_is_that_of_the_observed_rings():
    """The constant of the mean corona does not matter."""
    shifted = MEAN._replace(profile=MEAN.profile + 3)
    one, other = (level_of(corona(), THROUGH, mean_corona=mean) for mean in (MEAN, shifted))
    np.testing.assert_allclose(other, one, rtol=1e-4)


@pytest.mark.parametrize("place", [np.s_[64:96, 160:224], np.s_[96:160, 64:128], np.s_[:, 224:288]])
def test_where_rings_are_observed_the_mean_corona_changes_nothing(place):
    missing = np.zeros(SHAPE, dtype=bool)
    missing[place] = True
    missing &= OUTSIDE
    wrong = MEAN._replace(profile=-MEAN.profile, waves=5 - MEAN.waves)
    image = corona() * np.random.default_rng(1).normal(1, 0.01, SHAPE)
    np.testing.assert_array_equal(level_of(image, missing, mean_corona=wrong), level_of(image, missing))


def test_unobserved_pixels_are_not_missing():
    """The occulter hides rings in every image."""
    nothing = np.zeros(SHAPE, dtype=bool)
    np.testing.assert_array_equal(level_of(corona(), nothing, mean_corona=MEAN), level_of(corona(), nothing))


def test_profiles_are_blended_by_the_observed_share():
    """From the mean corona to the medians of the rings."""
    flat = MeanCorona(RADII, 0 * RADII, np.zeros((4, len(RADII))))
    radius = np.hypot(*(np.indices((80, 88)) * 4 + 1.5 - np.reshape(CENTER[::-1], (2, 1, 1))))
    rng, found = np.random.default_rng(0), []
    for share in (0.0, 0.05, 0.1, 0.5):
        known = (radius > 60) | (rng.permutation(radius.size).reshape(radius.shape) < share * radius.size)
        missing = np.kron(~known, np.ones((4, 4), dtype=bool))
        rings = np.unique((radius[known] / 4).astype(int))
        medians = np.where(rings < 12, 1.0, 0.0)
        radii, values = PoorRings(flat, known, missing, CENTER).profile((rings + 0.5) * 4, medians)
        found.append(values[(radii > 16) & (radii < 44)].mean())
    assert found[0] == 0
    assert found[-1] == 1
    assert (np.diff(found) > 0.05).all()


def real_band(axis):
    """A map of 2002 (the mean corona comes from other years), missing pixels, and pixels of the corona by radius."""
    smap = sunpy.map.Map(sample_path("lasco_c3_cme"))
    lasco, seen = check_lasco(smap), smap.data > 0
    band = np.zeros(smap.data.shape, dtype=bool)
    band[384:640] = True
    missing = (band if axis == 0 else band.T) & seen
    brightness = np.where(seen, smap.data - lasco.bias, 0)
    # Without a planet and its trail
    shown = missing & ~find_outliers(brightness, seen, lasco.center, flat_field(seen.shape, lasco))
    y, x = np.indices(seen.shape)
    radius = np.hypot(x - lasco.center[0], y - lasco.center[1]) / SOLAR_RADIUS["C3"]
    return smap, missing, brightness, np.where(shown, radius, 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_background_of_a_real_image_is_right_in_bands(axis):
    smap, missing, brightness, radius = real_band(axis)
    background = Observation.from_map(smap, mask=missing).without_outliers.background
    for low, high in ((5, 6), (6, 7), (7, 10)):
        ring = (radius > low) & (radius < high)
        assert background.level[ring].sum() == pytest.approx(brightness[ring].sum(), rel=0.06)


@pytest.mark.slow
def test_the_network_has_the_right_flux_in_bands():
    smap, missing, brightness, radius = real_band(1)
    filled = inpaint(smap, mask=missing).data - check_lasco(smap).bias
    assert filled[radius > 4].sum() == pytest.approx(brightness[radius > 4].sum(), rel=0.03)
    assert filled[(radius > 4) & (radius < 7)].sum() == pytest.approx(
        brightness[(radius > 4) & (radius < 7)].sum(), rel=0.06
    )
