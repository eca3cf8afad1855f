"""The mean corona of both coronagraphs, for any binning and orientation."""

import numpy as np
import pytest

from sunpy_restore.inpainting.lasco.mean_corona import WAVES, mean_corona

RADII = {"C2": np.arange(200, 480, 10.0), "C3": np.arange(100, 480, 10.0)}  # the corona outside of the occulter


def brightness(corona, radius, azimuth):
    cosine, sine, cosine_2, sine_2 = corona.waves_at(radius)
    waves = cosine * np.cos(azimuth) + sine * np.sin(azimuth)
    return corona.profile_at(radius) + waves + cosine_2 * np.cos(2 * azimuth) + sine_2 * np.sin(2 * azimuth)


@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize("level", [0.5, 1])
def test_the_corona_falls_and_is_brighter_along_the_equator(detector, level):
    corona = mean_corona(detector, level)
    assert corona.waves.shape == (len(WAVES), len(corona.radius)) == (4, len(corona.profile))
    assert (np.diff(corona.radius) > 0).all()
    radius = RADII[detector]
    outer = radius[radius > 260]
    assert (np.diff(corona.profile_at(outer)) < 0).all()
    assert (corona.waves_at(radius)[WAVES.index("cos2")] > 0.05).all()


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_the_occulter_is_dark_at_level_0_5(detector):
    corona = mean_corona(detector, 0.5)
    assert corona.profile_at(30) < corona.profile_at(RADII[detector]).min() - 0.5


@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize("level", [0.5, 1])
def test_binned_pixels_are_larger(detector, level):
    whole, binned = mean_corona(detector, level), mean_corona(detector, level, binning=2)
    radius = RADII[detector]
    np.testing.assert_allclose(binned.profile_at(radius / 2), whole.profile_at(radius), atol=1e-9)
    np.testing.assert_allclose(binned.waves_at(radius / 2), whole.waves_at(radius), atol=1e-9)


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_half_a_turn_moves_the_corona_to_the_other_side(detector):
    one, turned = mean_corona(detector, 0.5), mean_corona(detector, 0.5, turn=180.0)
    radius = RADII[detector]
    for azimuth in (0.0, 0.7, 2.0):
        here, there = brightness(one, radius, azimuth), brightness(turned, radius, azimuth + np.pi)
        np.testing.assert_allclose(there, here, atol=1e-9)
        assert np.abs(brightness(one, radius, azimuth + np.pi) - here).max() > 0.01
    np.testing.assert_array_equal(mean_corona(detector, 0.5, turn=360.0).waves, one.waves)
