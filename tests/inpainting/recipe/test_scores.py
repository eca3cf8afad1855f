"""Scores: zero for a perfect fill and known values for known errors; evaluation pairs have one hole each."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.recipe import scores
from sunpy_restore.inpainting.recipe.scores import measure, with_hole
from sunpy_restore.inpainting.task import TASK


@pytest.fixture(scope="module")
def recipe():
    return recipe_of(TASK)


@pytest.fixture(scope="module")
def pair(make_exposure):
    return with_hole(make_exposure("C3"), None, np.s_[64:128, 160:224])


def measured(pair, change):
    observation, truth = pair
    return measure(observation, truth + change, truth)


def noise(pair):
    observation, truth = pair
    return find_noise(truth.astype(np.float32), ~observation.unobserved, order=3)


def test_perfect_fills_have_no_error(pair, recipe):
    found = measured(pair, 0)
    assert set(found) == set(recipe.score_columns)
    for name in set(found) - {"noise_floor"}:
        assert found[name] == 0, name
    assert found["noise_floor"] > 0


def test_only_holes_are_scored(pair):
    observation, _ = pair
    assert measured(pair, 1e6 * ~observation.mask) == measured(pair, 0)


@pytest.mark.parametrize("size", [-3.0, 0.5, 20.0])
def test_offsets_have_their_size_in_units_of_the_noise(pair, size):
    observation, truth = pair
    found = measured(pair, size * noise(pair))
    assert found["border_jump"] == pytest.approx(size, rel=1e-4)
    assert found["border_step"] == pytest.approx(np.clip(size, -3, 3), rel=1e-4)
    assert found["profile_error"] == found["median_profile_error"] == pytest.approx(abs(size), rel=1e-4)
    typical = np.median(truth[~observation.unobserved]) - observation.bias
    expected = abs(size) * np.sqrt(np.mean(noise(pair)[observation.mask] ** 2)) / typical
    assert found["hole_error"] == found["median_hole_error"] == pytest.approx(expected, rel=1e-4)


def test_a_star_at_the_border_is_not_a_step(pair):
    change = np.zeros(pair[1].shape)
    change[64, 190] = -1e5 * noise(pair)[64, 190]
    found = measured(pair, change)
    rim = 4 * 63
    assert found["border_jump"] == pytest.approx(-1e5 / rim, rel=1e-3)
    assert found["border_step"] == pytest.approx(-3 / rim, rel=1e-3)


def test_errors_inside_are_no_jump(pair):
    change = np.zeros(pair[1].shape)
    change[80:112, 176:208] = 100
    found = measured(pair, change)
    assert found["border_jump"] == 0
    assert found["hole_error"] > 0


def test_white_noise_hardly_affects_the_profile(pair):
    rng = np.random.default_rng(0)
    found = measured(pair, noise(pair) * rng.standard_normal(pair[1].shape))
    assert found["profile_error"] < 0.3
    assert abs(found["border_jump"]) < 0.3


def test_noise_floor_is_the_noise_of_the_truth(pair):
    observation, truth = pair
    flat = observation.bias + 1000 + np.random.default_rng(0).normal(0, 20, truth.shape)
    found = measure(replace(observation, unobserved=np.zeros(truth.shape, dtype=bool)), flat, flat)
    assert found["noise_floor"] == pytest.approx(0.02, rel=0.05)
    assert found["hole_error"] == 0


def test_scores_do_not_depend_on_the_unit(pair):
    observation, truth = pair
    change = 5 * np.random.default_rng(0).normal(size=truth.shape)
    one = measured(pair, change)
    other = measure(replace(observation, bias=1e-12 * observation.bias), 1e-12 * (truth + change), 1e-12 * truth)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-3), name


def test_with_hole_removes_observed_pixels(make_exposure, pair):
    exposure = make_exposure("C3")
    observation, truth = pair
    np.testing.assert_array_equal(truth, exposure.image)
    expected = np.zeros(truth.shape, dtype=bool)
    expected[64:128, 160:224] = True
    np.testing.assert_array_equal(observation.mask, expected)
    np.testing.assert_array_equal(observation.image, np.where(expected, 0, exposure.image))
    assert (observation.bias, observation.level, observation.center) == (exposure.bias, 0.5, exposure.center)
    corner, _ = with_hole(exposure, None, np.s_[0:64, 0:64])
    assert not (corner.mask & exposure.unobserved).any()
    assert corner.mask.sum() == 64**2 - exposure.unobserved[:64, :64].sum()


@pytest.fixture(scope="module")
def pairs(folder, recipe):
    """All evaluation pairs of small images, without the flat field of the package, which has another shape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "flat_field", lambda shape, lasco: None)
        patch.setattr(scores, "_HOLES", 6)
        patch.setattr(scores, "_SIZES", {"32 px": (1, 1), "64 px": (2, 2), "32 x 128 px": (1, 4)})
        # The images are a quarter as large
        radii = {name: radius / 4 for name, radius in scores.SOLAR_RADIUS.items()}
        patch.setattr(scores, "SOLAR_RADIUS", radii)
        return list(recipe.evaluation_pairs(folder))


def test_evaluation_pairs_have_one_hole_each(pairs):
    assert len(pairs) > 60
    for source, observation, truth in pairs:
        rows, columns = np.nonzero(observation.mask)
        assert observation.mask.any(), source
        assert not (observation.mask & observation.unobserved).any()
        np.testing.assert_array_equal(observation.image[~observation.mask], truth[~observation.mask])
        assert not observation.image[observation.mask].any()
        assert np.isfinite(truth).all()
        box = (rows.max() // 32 - rows.min() // 32 + 1) * (columns.max() // 32 - columns.min() // 32 + 1)
        assert observation.mask.sum() >= 0.75 * 1024 * box


def test_sources_name_detector_and_size(pairs):
    sources = {source for source, *_ in pairs}
    for name in ("C2, level 0.5", "C3, level 0.5", "C3, level 1"):
        assert {f"{name}: {size}" for size in ("32 px", "64 px", "32 x 128 px")} <= sources
    for detector in ("C2", "C3"):
        assert {f"{detector}: {what} across" for what in ("streamer", "front")} <= sources
    sizes = {source: observation.mask.sum() for source, observation, _ in pairs if source.endswith("32 px")}
    assert max(sizes.values()) == 1024


def test_structure_crosses_its_hole(pairs):
    for source, observation, truth in pairs:
        if source.endswith(("streamer across", "front across")):
            kind = f"{observation.detector}, level {observation.level:g}"
            hole = observation.mask
            plain = [other[hole] for name, _, other in pairs if name.startswith(kind)]
            change = min(np.abs(truth[hole] - other).max() for other in plain)
            assert change > 1e-3 * np.median(truth), source


def test_variants_fill_evaluation_pairs(pairs, recipe):
    """All methods but the one that needs neighbours, as users call them."""
    variants = recipe.variants()
    assert list(variants) == [method for method in TASK.methods if method != "temporal"]
    _, observation, truth = pairs[0]
    for name, options in (variants[name] for name in ("harmonic", "radial")):
        restored = recipe.restored(observation, load_method(TASK, name), options)
        found = recipe.measure(observation, restored, truth)
        assert 0 < found["hole_error"] < 0.5
