"""Uncertainty of filled pixels: finite features, infinite where nothing is known, and the coverage that it promises."""

from dataclasses import replace

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import filled, inpaint
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.restoration.methods import Restored, load_method, restore_observation
from sunpy_restore.core.uncertainty.predicted import find_model, standard_deviation
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.forward import draw_losses
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.task import TASK
from sunpy_restore.inpainting.uncertainty import BORDER, ENLARGED, FARTHEST, FEATURES, LONGER, STRATA, evidence

SHAPE = (224, 256)
CENTER = (-250.0, 100.0)  # at the edge of the image it is at 3.1 solar radii


def radius_and_azimuth():
    y, x = np.indices(SHAPE)
    dx, dy = x - CENTER[0], y - CENTER[1]
    return np.hypot(dx, dy), np.arctan2(dy, dx)


def observe(structure=0.0, place=np.s_[96:128, 96:128], unit=1.0, seed=0, **changes):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[place] = True
    image = 1000 * (1 + structure) + np.random.default_rng(seed).normal(0, 10, SHAPE)
    parts = {"image": unit * np.where(mask, 0, image), "mask": mask, "unobserved": np.zeros_like(mask)}
    return Observation(**parts | {"center": CENTER, "detector": "C2"} | changes)


def described(observation, method="radial", **options):
    method = load_method(TASK, method)
    return evidence(observation, restore_observation(observation, method, **options), method)


def kinds(found):
    return {STRATA[index] for index in np.unique(found.stratum)}


def test_features_are_finite_and_named():
    found = described(observe())
    assert tuple(found.features) == FEATURES
    assert len(set(FEATURES)) == len(FEATURES)
    assert found.matrix().shape == (32 * 32, len(FEATURES))
    assert np.isfinite(found.matrix()).all()
    assert (found.scale > 0).all()
    assert not found.unknown.any()


@pytest.mark.parametrize("unit", [1e-13, 7.0])
def test_features_do_not_depend_on_the_unit(unit):
    one, other = described(observe()), described(observe(unit=unit))
    np.testing.assert_allclose(other.scale, unit * one.scale, rtol=1e-3)
    np.testing.assert_allclose(other.matrix(), one.matrix(), atol=0.03)


def test_the_observed_share_of_a_ring_is_known():
    radius, azimuth = radius_and_azimuth()
    for place, expected in ((np.s_[96:104, 96:104], 0.95), (azimuth > 0, 0.45)):
        observation = observe(place=place)
        share = described(observation).features["ring"]
        middle = np.argmin(np.abs(radius[observation.mask] - 350))
        ring = np.abs(radius - radius[observation.mask][middle]) < 8
        assert share[middle] == pytest.approx(np.mean(~observation.mask[ring]), abs=0.07)
        assert share[middle] == pytest.approx(expected, abs=0.1)


def test_kinds_of_pixels():
    radius, azimuth = radius_and_azimuth()
    ray = 0.2 * np.exp(-0.5 * (azimuth / 0.03) ** 2)
    # The profile would contain an arc along the whole image
    arc = 0.2 * np.exp(-0.5 * ((radius - 360) / 8) ** 2) * (np.abs(azimuth) < 0.15)
    assert kinds(described(observe())) == {"quiet corona"}
    assert kinds(described(observe(ray))) == {"streamer"}
    assert kinds(described(observe(arc))) == {"front"}
    assert kinds(described(observe(center=(-80.0, 112.0)))) == {"occulter's edge"}
    assert kinds(described(observe(place=np.s_[96:128, 64:128]))) == {"quiet corona"}
    assert kinds(described(observe(place=np.s_[32:160, 64:192]))) == {"quiet corona"}
    assert kinds(described(observe(place=np.s_[100:102, 90]))) == {"quiet corona"}


def test_nothing_is_known_far_from_valid_pixels():
    place = np.s_[:, : FARTHEST + 40]
    found = described(observe(place=place))
    distance = FARTHEST + 40 - np.nonzero(observe(place=place).mask)[1]
    np.testing.assert_array_equal(found.unknown, distance > FARTHEST)


@pytest.mark.parametrize("place", [np.s_[64:128], np.s_[:64], np.s_[:, 96:160], np.s_[96:104, 96:104]])
def test_the_uncertainty_of_holes_as_in_the_calibration_is_the_calibrated_one(place, recwarn):
    """Up to 8 telemetry blocks, of which each has 8 x 8 pixels here."""
    found = described(one := observe(place=place, binning=4))
    np.testing.assert_array_equal(found.scale, one.without_outliers.surroundings.noise)
    assert found.magnification == 1
    assert not [warning for warning in recwarn if issubclass(warning.category, RestoreWarning)]


@pytest.mark.parametrize(("place", "share"), [(np.s_[64:136], 0.5), (np.s_[:80], 1), (np.s_[:, 100:], 1)])
def test_the_uncertainty_is_larger_in_holes_that_are_wider(place, share):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[place] = True
    mask[200:208, 40:48] = True
    one = observe(place=mask, binning=4)
    with pytest.warns(RestoreWarning, match=r"a hole [\d.]+ telemetry blocks wide; expected at most 8"):
        found = described(one)
    ratio = found.scale / one.without_outliers.surroundings.noise
    rows, columns = np.nonzero(mask)
    small = (rows >= 200) & (columns >= 40) & (columns < 48)
    np.testing.assert_array_equal(ratio[small], 1)
    np.testing.assert_allclose(ratio[~small], 1 + share * (ENLARGED - 1))
    assert found.magnification == pytest.approx(1 + share * (LONGER - 1))


@pytest.mark.parametrize("binning", [1, 2])
def test_nothing_is_known_at_the_border_of_the_detector(binning, make_lasco):
    side = 1024 // binning
    mask = np.zeros((side, side), dtype=bool)
    mask[256 // binning : 320 // binning, : 32 // binning] = True
    smap = make_lasco("C2", binning=binning)
    found = described(Observation.from_map(smap, mask=mask), "harmonic")
    np.testing.assert_array_equal(found.unknown, binning * np.nonzero(mask)[1] < BORDER)


def test_nothing_is_known_at_the_border_of_the_detector_in_cutouts(make_lasco):
    smap = make_lasco("C2").submap((0, 100) * u.pix, top_right=(599, 799) * u.pix)
    mask = np.zeros(smap.data.shape, dtype=bool)
    mask[256:320, :32] = mask[-20:, 300:332] = True
    found = described(Observation.from_map(smap, mask=mask), "harmonic")
    np.testing.assert_array_equal(found.unknown, np.nonzero(mask)[1] < BORDER)


def test_nothing_is_known_in_pixels_that_are_never_sent_or_without_valid_cells():
    never = np.zeros(SHAPE, dtype=bool)
    never[:16, :16] = True
    found = described(observe(never_sent=never, unobserved=never, empty_value=0.0))
    np.testing.assert_array_equal(found.unknown, never[found.where])
    mask = np.ones(SHAPE, dtype=bool)
    mask[::8, ::8] = False
    sparse = replace(observe(), mask=mask)
    found = evidence(sparse, Restored(data=sparse.image, filled=mask), None)
    assert tuple(found.features) == FEATURES
    assert found.unknown.all()


def test_neighbours_are_used_where_they_are_known():
    neighbours = np.full(SHAPE, 1000.0)
    neighbours[:, 112:] = np.nan
    names = [name for name in FEATURES if "neighbours" in name]
    without = described(observe())
    assert all((without.features[name] == 0).all() for name in names)
    found = described(observe(neighbours=neighbours))
    column = np.nonzero(found.where)[1]
    share = found.features["neighbours"]
    assert (share[column < 108] == 1).all()
    assert (share[column > 115] == 0).all()
    assert (found.features["mismatch of neighbours"][column < 108] < 0).all()
    for name in set(FEATURES) - set(names):
        np.testing.assert_array_equal(found.features[name], without.features[name])


def test_texture_adds_its_noise_and_nothing_else():
    one = observe()
    plain, rough = described(one), described(one, texture=True)
    assert plain.added is None
    np.testing.assert_allclose(rough.matrix(), plain.matrix(), atol=2e-3)
    np.testing.assert_allclose(rough.added, 10, rtol=0.15)
    method = load_method(TASK, "radial")
    sigma = []
    for texture in (False, True):
        restored = restore_observation(one, method, texture=texture)
        sigma.append(standard_deviation(one, restored, method, find_model(method, restored))[0][one.mask])
    np.testing.assert_allclose(sigma[1] ** 2 - sigma[0] ** 2, rough.added**2, rtol=1e-3)


@pytest.mark.parametrize("method", ["network", "radial"])
def test_the_truth_is_covered(method):
    """Blocks of the sample, quiet and not."""
    complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
    mask = draw_losses(complete.data.shape, np.random.default_rng(4), 0.02, kinds={"single": 1.0})
    # Neither unobserved pixels nor the border, where nothing is known
    mask[:160], mask[-160:], mask[:, :160], mask[:, -160:] = False, False, False, False
    mask &= complete.data > 0
    mask[448:608, 448:608] = False
    result = inpaint(complete, mask=mask, method=method, uncertainty=True)
    sigma = result.uncertainty.array
    np.testing.assert_array_equal(np.isfinite(sigma), filled(result))
    error = np.abs(result.data - complete.data.astype(float))[mask] / sigma[mask]
    assert 0.58 < np.mean(error < 1) < 0.78
    assert 0.86 < np.mean(error < 1.96) < 0.985
