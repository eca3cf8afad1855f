"""Rows of the table of scores, and the loss."""

import numpy as np
import pytest
import torch

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.task import TASK
from sunpy_restore.training.summary import together


@pytest.fixture(scope="module")
def recipe():
    return recipe_of(TASK)


@pytest.fixture(scope="module")
def crop():
    """An 8-bit crop, which has neither a full well nor a diffraction pattern."""
    truth = np.random.default_rng(0).uniform(0.2, 0.7, (60, 64))
    mask = np.zeros(truth.shape, dtype=bool)
    mask[20:30, 25:40] = True
    return Observation(image=np.where(mask, 1, truth), mask=mask), truth


def test_rows_are_the_network_with_and_without_correction_and_the_classical_methods(recipe):
    assert list(recipe.variants()) == ["network", "network+diffraction", "biharmonic", "diffraction"]
    assert {variant.method for variant in recipe.variants().values()} == set(TASK.methods)


@pytest.mark.parametrize(
    "label", [pytest.param("network", marks=pytest.mark.slow), "network+diffraction", "biharmonic", "diffraction"]
)
def test_rows_that_need_fringes_do_not_apply_to_crops(recipe, crop, label):
    observation, truth = crop
    variant = recipe.variants()[label]
    restored = recipe.restored(observation, load_method(TASK, variant.method, device="cpu"), variant.options)
    if "diffraction" in label:
        assert restored is None
    else:
        np.testing.assert_array_equal(restored[~observation.mask], truth[~observation.mask])
        scores = recipe.measure(observation, restored, truth)
        assert scores.keys() <= recipe.score_columns.keys()
        assert 10 < scores["psnr"] < scores["psnr_whole"]


def test_flares_have_scores_of_the_hidden_flux(recipe, make_flare):
    image, truth = make_flare()
    observation = Observation.from_exposure(image, 193)
    scores = recipe.measure(observation, truth, truth)
    assert scores.keys() <= recipe.score_columns.keys()
    assert scores == dict.fromkeys(scores, 0)
    brighter = recipe.measure(observation, 1.1 * truth, truth)
    assert brighter["flux_error"] == pytest.approx(0.1)
    assert brighter["log_error"] == pytest.approx(np.log(1.1))
    assert brighter["median_hidden_flux_error"] > 0.1


def test_loss_depends_on_masked_pixels_only(recipe):
    observed = torch.rand(2, 3, 8, 8)
    observed[:, 1] = 0
    observed[:, 1, 2:5, 3:6] = 1
    truth = torch.rand(2, 1, 8, 8)
    restored = torch.rand(2, 1, 8, 8, requires_grad=True)
    recipe.loss(lambda _: restored, (observed, truth), None).backward()
    assert torch.equal(restored.grad != 0, observed[:, 1:2] > 0)
    assert torch.equal(recipe.scored_pixels(observed, truth), observed[:, 1:2] > 0)


def test_black_masks_have_no_score_of_the_flux_and_keep_the_others(recipe):
    image = np.zeros((60, 64))
    image[:, 40:] = 0.5
    mask = np.zeros(image.shape, dtype=bool)
    mask[20:30, 5:20] = True
    observation = Observation(image=np.where(mask, 1, image), mask=mask)
    exact = recipe.measure(observation, image, image)
    assert exact["ssim"] == pytest.approx(1)
    assert [exact[name] for name in ("flux_error", "median_flux_error", "psnr", "psnr_whole")] == [None] * 4
    wrong = recipe.measure(observation, np.where(mask, 0.1, image), image)
    assert wrong["flux_error"] is None
    assert wrong["psnr"] == pytest.approx(20)
    other = recipe.measure(observation, np.where(mask, 0.55, image + 0.5), image + 0.5)
    assert together([wrong, other])["flux_error"] == pytest.approx(0.1)
