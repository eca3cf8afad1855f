"""The flat field of a detector is what images of several epochs have in common."""

import numpy as np
import pytest

from sunpy_restore.inpainting.recipe import flat_fields as module
from sunpy_restore.inpainting.recipe.flat_fields import make_flat_field
from sunpy_restore.inpainting.recipe.pairs import flat_fields_of

YEARS = (2000, 2002, 2004, 2007, 2010)


@pytest.fixture(scope="module")
def exposures(make_exposure):
    return [make_exposure("C3", name=str(year), date=f"{year}-03-05", seed=year) for year in YEARS]


@pytest.fixture(scope="module")
def flat_field(exposures):
    return make_flat_field(exposures)


def observed(exposures):
    return ~np.all([exposure.unobserved for exposure in exposures], axis=0)


def compared(flat_field, truth, where):
    """The difference without a constant, which is part of the smooth background."""
    difference = (flat_field - truth)[where]
    return difference - np.median(difference)


def test_flat_field_is_recovered(exposures, flat_field, response):
    assert flat_field.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(flat_field), observed(exposures))
    truth = response(flat_field.shape, "C3")
    error = compared(flat_field, truth, observed(exposures))
    assert np.sqrt(np.mean(error**2)) < 0.5 * truth[observed(exposures)].std()
    assert np.abs(error).mean() < 0.02


def test_streamers_and_stars_of_one_epoch_do_not_matter(exposures, flat_field):
    y, x = np.indices(flat_field.shape)
    azimuth = np.arctan2(y - exposures[2].center[1], x - exposures[2].center[0])
    image = exposures[2].image + 800 * np.exp(-(((azimuth - 0.5) / 0.05) ** 2)) * ~exposures[2].unobserved
    image[::11, ::13] += 3000 * ~exposures[2].unobserved[::11, ::13]
    other = make_flat_field([*exposures[:2], exposures[2]._replace(image=image), *exposures[3:]])
    assert np.abs(compared(other, flat_field, observed(exposures))).mean() < 0.01


def test_brightness_and_bias_of_images_do_not_matter(exposures, flat_field):
    other = [
        exposure._replace(image=(exposure.image - exposure.bias) * factor + 100, bias=100.0)
        for exposure, factor in zip(exposures, (0.2, 1, 3, 7, 0.5), strict=True)
    ]
    np.testing.assert_allclose(make_flat_field(other)[observed(exposures)], flat_field[observed(exposures)], atol=5e-3)


def test_values_of_unobserved_pixels_are_ignored(exposures, flat_field):
    other = [exposure._replace(image=np.where(exposure.unobserved, 1e9, exposure.image)) for exposure in exposures]
    np.testing.assert_array_equal(make_flat_field(other), flat_field)


def test_noise_is_removed(exposures, flat_field, response):
    """Without structure, less remains than the noise of the mean image."""
    quiet = np.s_[190:222, 170:240]
    assert response(flat_field.shape, "C3")[quiet].std() < 1e-6
    assert np.diff(flat_field[quiet], axis=1).std() < 0.5 * 0.01 / np.sqrt(len(exposures))


def test_images_of_one_epoch_count_as_one(exposures, make_exposure, monkeypatch):
    """Several images of one epoch do not outvote the others."""
    monkeypatch.setattr(module, "_ITERATIONS", 1)
    x = np.arange(exposures[0].image.shape[1])
    odd = make_exposure("C3", date="2005-06-01", seed=3)
    odd = odd._replace(image=np.where(odd.unobserved, 0, odd.bias + (odd.image - odd.bias) * (1 + 0.5 * (x % 64 < 6))))
    many = [odd._replace(name=f"odd{day}", date=f"2005-06-{day:02d}") for day in range(1, 6)]
    once, often = (make_flat_field([*exposures[:3], *group]) for group in ([odd], many))
    np.testing.assert_allclose(often[observed(exposures)], once[observed(exposures)], atol=2e-3)


def test_flat_fields_come_from_other_months(exposures, make_exposure, monkeypatch):
    """Otherwise the corona of an image would be part of its flat field."""
    monkeypatch.setattr(module, "_ITERATIONS", 1)
    same = make_exposure("C3", name="same", date="2004-03-09", seed=11)
    c2 = make_exposure("C2", name="c2", date="2010-01-12")
    level_1 = make_exposure("C3", 1.0, name="level_1", date="2002-01-08")
    few = exposures[:3]
    flat_fields = flat_fields_of([*few, same, c2, level_1])
    assert set(flat_fields) == {*map(str, YEARS[:3]), "same"}
    np.testing.assert_array_equal(flat_fields["same"], flat_fields["2004"])
    others = [exposure for exposure in few if exposure.name != "2004"]
    np.testing.assert_array_equal(flat_fields["2004"], make_flat_field(others))
