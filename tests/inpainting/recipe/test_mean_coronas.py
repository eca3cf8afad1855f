"""The mean corona of a detector is that of images of several epochs."""

import numpy as np
import pytest

from sunpy_restore.inpainting.lasco.mean_corona import WAVES
from sunpy_restore.inpainting.recipe.mean_coronas import make_mean_corona

YEARS = (2000, 2003, 2007)
FAR = slice(10, 30)  # rings outside of the occulter of the small images


@pytest.fixture(scope="module")
def exposures(make_exposure):
    return [make_exposure("C2", name=str(year), date=f"{year}-03-05", seed=0) for year in YEARS]


@pytest.fixture(scope="module")
def corona(exposures):
    return make_mean_corona(exposures)


def test_profile_and_waves_are_recovered(corona):
    radius = np.arange(60.0, 110.0)
    slope = np.polyfit(np.log(radius), corona.profile_at(radius), 1)[0]
    assert slope == pytest.approx(-1.4, abs=0.05)
    waves = corona.waves_at(radius)
    for name, expected in zip(WAVES, (0, 0, 0.2, 0), strict=True):
        np.testing.assert_allclose(waves[WAVES.index(name)], expected, atol=0.03)


def test_only_observed_rings_are_in_it(corona, exposures):
    y, x = np.nonzero(~exposures[0].unobserved)
    nearest = np.hypot(x - exposures[0].center[0], y - exposures[0].center[1]).min()
    assert np.abs(corona.radius.min() - nearest) < 8


def test_exposure_time_and_images_of_the_same_days_do_not_matter(corona, exposures):
    brighter = [exposures[0]._replace(image=3 * (exposures[0].image - exposures[0].bias) + exposures[0].bias)]
    twice = [exposures[1]._replace(name="again")]
    other = make_mean_corona([*brighter, *exposures[1:], *twice])
    np.testing.assert_array_equal(other.radius, corona.radius)
    np.testing.assert_allclose(other.profile, corona.profile, atol=1e-3)
    np.testing.assert_allclose(other.waves, corona.waves, atol=1e-3)
