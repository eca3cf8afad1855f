"""Observations of HMI Maps: the task that enhances them, and their arrays."""

import numpy as np
import pytest

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.enhancement.detector.gaps import fill_gaps
from sunpy_restore.enhancement.hmi.photosphere import heliocentric_mu, limb_darkening
from sunpy_restore.enhancement.observation import Observation


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("hmi_continuum_spot", "enhance-continuum"),
        ("hmi_continuum_quiet", "enhance-continuum"),
        ("hmi_magnetogram", "enhance-magnetogram"),
    ],
)
def test_task_of_a_map(samples, name, task):
    assert Observation.check(samples[name]) == task


def test_check_does_not_look_at_the_pixels(samples):
    smap = samples["hmi_continuum_quiet"]
    empty = smap._new_instance(np.full(smap.data.shape, np.nan), smap.meta)
    assert Observation.check(empty) == "enhance-continuum"
    with pytest.raises(ValueError, match="valid"):
        Observation.from_map(empty)


def test_normalised_continuum_has_neither_unit_nor_limb_darkening(small_sun):
    mu = heliocentric_mu(small_sun(np.ones((80, 80))))
    with pytest.warns(RestoreWarning, match=r"mu = 0\.3"):
        observation = Observation.from_map(small_sun(5e4 * limb_darkening(mu)))
    assert observation.level == pytest.approx(5e4, rel=1e-4)
    np.testing.assert_array_equal(observation.limb_darkening, limb_darkening(mu))
    np.testing.assert_allclose(observation.normalised(), 1, rtol=1e-4)
    np.testing.assert_array_equal(observation.on_disk, mu > 0)
    np.testing.assert_array_equal(observation.untrusted, mu < 0.3)


@pytest.mark.parametrize(("unit", "kilogauss"), [("Gauss", 1e3), ("kG", 1.0), ("T", 0.1)])
def test_normalised_magnetogram_is_in_kilogauss(samples, part, unit, kilogauss):
    smap = part(samples["hmi_magnetogram"])
    field = smap.data.astype(float) / 1e3
    observation = Observation.from_map(smap._new_instance(field * kilogauss, smap.meta | {"bunit": unit}))
    assert observation.level == pytest.approx(kilogauss)
    np.testing.assert_allclose(observation.normalised(), field)
    assert (observation.limb_darkening == 1).all()


def test_gaps_and_masked_pixels_are_not_trusted(samples, part):
    smap = part(samples["hmi_magnetogram"], 20)
    data, mask = smap.data.astype(float), np.zeros(smap.data.shape, bool)
    data[4, 5], mask[7, 8] = np.nan, True
    data[4, 6] = data[4, 4] = data[3, 5] = data[5, 5] = 77.0
    before = data.copy()
    observation = Observation.from_map(smap._new_instance(data, smap.meta, mask=mask))
    np.testing.assert_array_equal(np.argwhere(~observation.valid), [[4, 5], [7, 8]])
    np.testing.assert_array_equal(np.argwhere(~observation.on_disk), [[4, 5], [7, 8]])
    np.testing.assert_array_equal(np.argwhere(observation.untrusted), [[4, 5], [7, 8]])
    np.testing.assert_array_equal(np.argwhere(observation.gaps), [[4, 5]])
    assert observation.data[4, 5] == pytest.approx(77, abs=40)
    np.testing.assert_array_equal(data, before)


def test_gaps_are_filled_smoothly_and_large_ones_by_the_nearest_pixel():
    y, x = np.indices((60, 60), dtype=float)
    smooth = 100 + x + np.sin(y / 5)
    valid = np.ones(smooth.shape, bool)
    valid[20:23, 30:33] = valid[5, 5] = False
    valid[40:, :40] = False
    filled, found = fill_gaps(np.where(valid, smooth, np.nan), np.ones_like(valid))
    np.testing.assert_array_equal(found, valid)
    np.testing.assert_array_equal(filled[valid], smooth[valid])
    small = ~valid & (y < 40)
    np.testing.assert_allclose(filled[small], smooth[small], atol=0.02)
    np.testing.assert_array_equal(filled[50, :20], filled[39, :20])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_arrays_are_normalised_already(dtype):
    image = np.random.default_rng(0).normal(1, 0.1, (5, 6)).astype(dtype)
    observation = Observation.from_array(image)
    np.testing.assert_array_equal(observation.normalised(), image)
    assert observation.normalised().dtype == image.dtype
    assert observation.valid.all()
    assert observation.on_disk.all()
    assert observation.untrusted is None
    assert observation.nothing_to_do is None


@pytest.mark.parametrize(
    ("name", "noise", "seeds"), [("hmi_magnetogram", 20.0, range(6)), ("hmi_continuum_spot", 0.015, (16, 24))]
)
def test_noise_on_steep_structure_makes_no_outliers(samples, name, noise, seeds):
    smap = samples[name]
    level = 1.0 if name == "hmi_magnetogram" else np.median(smap.data)
    for seed in seeds:
        noisy = smap.data + level * noise * np.random.default_rng(seed).standard_normal(smap.data.shape)
        assert Observation.from_map(smap._new_instance(noisy, smap.meta)).valid.all()


def test_bad_pixels_in_noise_are_outliers(samples):
    smap = samples["hmi_magnetogram"]
    noisy = smap.data + 20 * np.random.default_rng(0).standard_normal(smap.data.shape)
    noisy[60, 170] += 400
    with pytest.warns(RestoreWarning, match="row 60, column 170"):
        observation = Observation.from_map(smap._new_instance(noisy, smap.meta))
    np.testing.assert_array_equal(np.argwhere(~observation.valid), [[60, 170]])
