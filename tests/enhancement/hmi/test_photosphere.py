"""Geometry of the disk, limb darkening and the intensity of the quiet Sun."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.enhancement.hmi.photosphere import heliocentric_mu, limb_darkening, quiet_sun


def disk_and_granulation(size=120, seed=0):
    """Cosine of the heliocentric angle of a whole disk, and granulation without limb darkening."""
    y, x = (np.indices((size, size)) - (size - 1) / 2) / (0.4 * size)
    mu = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    return mu, np.random.default_rng(seed).normal(1, 0.04, mu.shape)


def test_mu_agrees_with_the_coordinates_of_the_map(small_sun):
    smap = small_sun(np.ones((60, 60)), crota2=33.0, crval1=4.0, crval2=-3.0)
    coordinates = smap.wcs.pixel_to_world(*np.indices(smap.data.shape)[::-1])
    distance = np.hypot(coordinates.Tx, coordinates.Ty) / smap.rsun_obs
    expected = np.sqrt(np.clip(1 - distance.to_value(u.one) ** 2, 0, None))
    mu = heliocentric_mu(smap)
    assert mu.dtype == np.float32
    np.testing.assert_allclose(mu, expected, atol=1e-3)
    assert (mu == 0).any()
    assert mu.max() > 0.99


def test_limb_darkening_decreases_from_the_centre_to_the_limb():
    relative = limb_darkening(np.linspace(0, 1, 50))
    assert relative[-1] == pytest.approx(1, abs=1e-3)
    assert (np.diff(relative) > 0).all()
    assert 0.2 < relative[0] < 0.4


@given(level=st.floats(1e-3, 1e6), share=st.floats(0, 0.2))
@settings(max_examples=10)
def test_quiet_sun_is_measured_with_limb_darkening_and_without_spots(level, share):
    mu, granulation = disk_and_granulation()
    image = level * granulation * limb_darkening(mu)
    image[: int(share * len(mu)), :] *= 0.3
    found, darkening = quiet_sun(image, mu)
    assert found == pytest.approx(level, rel=0.01)
    np.testing.assert_array_equal(darkening(mu), limb_darkening(mu))


def test_images_without_limb_darkening_are_recognised():
    mu, granulation = disk_and_granulation()
    level, darkening = quiet_sun(5 * granulation, mu)
    assert level == pytest.approx(5, rel=0.01)
    np.testing.assert_array_equal(darkening(mu), np.ones_like(mu))


def test_pixels_without_data_do_not_count():
    mu, granulation = disk_and_granulation()
    gaps = granulation.copy()
    gaps[:50] = np.nan
    assert quiet_sun(gaps, mu)[0] == pytest.approx(quiet_sun(granulation, mu)[0], rel=0.01)


def test_images_at_the_limb_alone_have_a_quiet_sun():
    granulation = disk_and_granulation()[1]
    mu = np.full(granulation.shape, 0.2)
    level, darkening = quiet_sun(granulation * limb_darkening(mu), mu)
    assert level == pytest.approx(1, rel=0.01)
    assert darkening is limb_darkening


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_intensities_that_are_not_positive_are_refused(value):
    mu = disk_and_granulation()[0]
    with pytest.raises(ValueError, match=rf"quiet-Sun intensity of {value:.4g}.*; expected a positive one"):
        quiet_sun(np.full(mu.shape, value), np.ones_like(mu))
