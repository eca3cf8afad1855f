"""Cases for the calibration: holes of all sizes in the sectors of their part, whose truth are the observed pixels."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.recipe import calibration as module
from sunpy_restore.inpainting.recipe.calibration import NOISES, make_case
from sunpy_restore.inpainting.task import TASK
from sunpy_restore.inpainting.uncertainty import evidence

PARTS = ("first", "second", "third")


@pytest.fixture(scope="module")
def exposure(make_exposure):
    return make_exposure("C3")


@pytest.fixture(scope="module")
def made(exposure):
    return {part: make_case(exposure, part, 3, 1.0) for part in PARTS}


def test_cases_are_of_all_parts_images_and_kinds_of_noise(folder, names):
    cases = recipe_of(TASK).calibration(folder)
    kept = {name for group in names("validation").values() for name in group}
    first = cases[: 3 * 12]
    for part in PARTS:
        own = [case for case in first if case.part == part]
        assert {case.group for case in own} == set(NOISES)
        assert {case.name.split(",")[0] for case in own} == kept
    assert len({case.name for case in cases}) == len(cases)


def test_truth_is_the_image_and_holes_are_lost(made):
    for observation, truth in made.values():
        known = np.isfinite(truth) & ~observation.mask & ~observation.unobserved
        np.testing.assert_array_equal(observation.image[known], truth[known])
        assert (observation.image[observation.mask] == 0).all()
        assert not (observation.mask & observation.unobserved).any()
        assert observation.mask.any()


def test_some_cases_have_bands_through_the_whole_frame(exposure):
    found = []
    for index in range(8):
        mask = make_case(exposure, "first", index, 1.0)[0].mask | exposure.unobserved
        found.append(max(np.count_nonzero(mask.mean(axis=axis) > 0.99) for axis in (0, 1)))
    assert 0 < np.count_nonzero(found) < 8
    assert max(found) > 64


def test_parts_have_no_pixel_in_common(made):
    known = [np.isfinite(truth) for _, truth in made.values()]
    assert not (known[0] & known[1]).any()
    assert (sum(part.astype(int) for part in known) <= 1).all()


def test_cases_are_the_same_in_every_run(exposure, made):
    again, truth = make_case(exposure, "first", 3, 1.0)
    np.testing.assert_array_equal(again.image, made["first"][0].image)
    np.testing.assert_array_equal(truth, made["first"][1])
    other, _ = make_case(exposure, "first", 5, 1.0)
    assert (other.mask != again.mask).any()


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_noise_is_changed_as_the_name_says(exposure, noise):
    known = ~exposure.unobserved
    image = np.where(known, exposure.image - exposure.bias, 0)
    changed = module._with_noise(image, exposure, noise, np.random.default_rng(1))
    before, after = (np.median(find_noise(part, known, order=3)[known]) for part in (image, changed))
    assert after / before == pytest.approx(noise, rel=0.15)


def test_half_of_the_cases_have_neighbours(exposure):
    predicted = np.where(exposure.unobserved, np.nan, exposure.image)
    given = [make_case(exposure, "third", index, 1.0, lambda name: predicted)[0].neighbours for index in range(4)]
    assert sum(part is not None for part in given) == 2
    for part in given:
        assert part is None or not np.isfinite(part[exposure.unobserved]).any()


def test_only_cases_with_neighbours_are_for_temporal(made, exposure):
    recipe = recipe_of(TASK)
    observation = replace(made["first"][0], neighbours=None)
    for name, expected in (("temporal", False), ("radial", True)):
        method = type("Method", (), {"name": name})
        assert recipe.applies(observation, method, {}) is expected
    assert recipe.applies(replace(observation, neighbours=exposure.image), type("Method", (), {"name": "temporal"}), {})


def test_evidence_can_be_had_for_a_case(made):
    observation, truth = made["second"]
    method = load_method(TASK, "harmonic")
    restored = restore_observation(observation, method)
    found = evidence(observation, restored, method)
    error = (restored.data - truth)[found.where] / found.scale
    assert np.isfinite(error).sum() > 1000
    assert np.isfinite(found.matrix()).all()
    # A larger error is expected where the fills differ more
    known = np.isfinite(error) & ~found.unknown
    place = np.argsort(found.features["radial - harmonic"][known])
    first, last = np.array_split(np.abs(error[known][place]), 2)
    assert np.median(last) > np.median(first)
