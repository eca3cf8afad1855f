"""Splits: training pairs do not depend on the images that are kept back."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.inpainting import forward
from sunpy_restore.inpainting.recipe import datasets as module
from sunpy_restore.inpainting.recipe import pairs
from sunpy_restore.inpainting.recipe.scenes import read_exposures
from sunpy_restore.inpainting.task import CHANNELS, TASK

LEFT_OUT = ("planet_32219521", "Venus_22322625")
MASK, UNOBSERVED = CHANNELS.index("mask"), CHANNELS.index("unobserved")


def mean_structure(exposures):
    """A fast replacement of the flat field, which has its own tests."""
    images = [np.where(exposure.unobserved, 1, exposure.image - exposure.bias) for exposure in exposures]
    logarithm = np.mean(np.log(np.maximum(images, 1)), axis=0)
    return (logarithm - ndimage.uniform_filter(logarithm, 9)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def small(waves):
    """Few pairs, and losses for images a quarter as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward, "_LARGEST_SQUARE", 3)
        patch.setattr(pairs, "structure", waves)
        patch.setattr(module, "_VALIDATION_PAIRS", 1)
        patch.setattr(pairs, "make_flat_field", mean_structure)
        yield


@pytest.fixture(scope="module")
def recipe():
    return recipe_of(TASK)


@pytest.fixture(scope="module")
def config(recipe):
    """A small network, few small patches, and the view that is computed fastest."""
    compact = recipe.configs()["compact"]
    network = {**compact.network, "widths": [4, 6], "view": "equalized"}
    return replace(
        compact, patch_size=64, batch_size=2, steps=4, network=network, options={"views": 30, "without": LEFT_OUT}
    )


@pytest.fixture(scope="module")
def made(folder, config, recipe):
    return recipe.datasets(folder, config)


@pytest.fixture
def without_validation(monkeypatch):
    """Data sets for training only."""
    monkeypatch.setattr(module, "_validation", lambda *arguments: None)


def brighter(exposure):
    light = np.roll(exposure.image - exposure.bias, 9)
    return exposure._replace(image=np.where(exposure.unobserved, 0, exposure.bias + 1.5 * light))


def same(one, other):
    return all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(one, other, strict=True))


def test_splits_share_no_image_and_no_day(dates, names):
    names = [{name for group in names(split).values() for name in group} for split in ("train", "validation")]
    assert not names[0] & names[1]
    days = [{np.datetime64(dates[name].replace("/", "-")) for name in split} for split in names]
    apart = min(abs(one - other) for one in days[0] for other in days[1])
    assert apart > np.timedelta64(1, "D")


def test_dates_of_the_files_differ_between_the_splits(folder):
    days = [{exposure.date for exposure in read_exposures(folder, split)} for split in ("train", "validation")]
    assert not days[0] & days[1]


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_both_coronagraphs_are_in_both_splits(made, names, detector):
    assert names("train")[detector]
    assert names("validation")[detector]
    assert len(made[1][detector]) > 0


def test_training_does_not_depend_on_images_kept_back_or_left_out(
    exposures_folder, config, made, recipe, names, without_validation
):
    names = [*(name for group in names("validation").values() for name in group), *LEFT_OUT]
    training, _ = recipe.datasets(exposures_folder(**dict.fromkeys(names, brighter)), config)
    assert all(same(training[index], made[0][index]) for index in range(len(training)))


def test_training_depends_on_its_own_images(exposures_folder, config, made, recipe, names, without_validation):
    names = [name for group in names("train").values() for name in group if name not in LEFT_OUT]
    training, _ = recipe.datasets(exposures_folder(**dict.fromkeys(names, brighter)), config)
    assert not any(same(training[index], made[0][index]) for index in range(len(training)))


def test_training_pairs_are_reproducible(folder, config, made, recipe, without_validation):
    """In any order: a resumed training continues with the next pair."""
    training, _ = recipe.datasets(folder, config)
    assert len(training) == len(made[0]) == 8
    for index in (6, 1, 3):
        assert same(training[index], made[0][index])
    assert not same(training[0], training[1])


@pytest.mark.slow
def test_validation_pairs_are_reproducible(folder, config, made, recipe):
    _, validation = recipe.datasets(folder, config)
    for name, kept in validation.items():
        assert all(same(one, other) for one, other in zip(kept, made[1][name], strict=True))


def check_shapes(channels, truth):
    side = channels.shape[-1]
    assert channels.shape == (len(CHANNELS), side, side)
    assert truth.shape == (1, side, side)
    assert channels.dtype == truth.dtype == torch.float32
    assert torch.isfinite(channels).all()
    valid = (channels[MASK] == 0) & (channels[UNOBSERVED] == 0)
    torch.testing.assert_close(channels[0][valid], truth[0][valid], rtol=1e-2, atol=1e-2)


def test_pairs_have_the_shapes_of_the_task(made):
    for pair in [made[0][index] for index in range(8)] + [made[1][name][0] for name in ("C2", "C3")]:
        check_shapes(*pair)


@pytest.mark.slow
def test_polar_pairs_have_the_shapes_of_the_task(folder, config, recipe, monkeypatch):
    monkeypatch.setattr("sunpy_restore.inpainting.filling.polar.ROWS", 260)
    training, _ = recipe.datasets(folder, replace(config, network=config.network | {"view": "polar"}))
    for index in range(8):
        check_shapes(*training[index])


def test_loss_is_that_of_pixels_to_fill_with_known_truth(made, config, recipe):
    """Other pixels have no gradient."""
    channels, truth = (torch.stack(part) for part in zip(*(made[0][index] for index in range(4)), strict=True))
    network = TASK.build_network(config.network)
    scored = recipe.scored_pixels(channels, truth)
    assert scored.any()
    assert torch.equal(scored, (channels[:, MASK : MASK + 1] > 0) & torch.isfinite(truth))
    found = recipe.loss(network, (channels, truth), config)
    elsewhere = torch.where(scored, truth, torch.nan)
    torch.testing.assert_close(recipe.loss(network, (channels, elsewhere), config), found)
    perfect = torch.where(scored, recipe.predict(network, channels, config), torch.nan).detach()
    assert recipe.loss(network, (channels, perfect), config) == 0
    found.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)


def test_no_more_pairs_are_made_for_validation_than_are_used(monkeypatch):
    made = []
    monkeypatch.setattr(module, "simulate_pair", lambda exposure, *_: made.append(exposure))
    monkeypatch.setattr(module, "patches_of", lambda *_, **__: [(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))] * 8)
    exposures = [SimpleNamespace(name=f"{number}") for number in range(30)]
    assert len(module._validation(exposures, {}, "polar")) == 96
    assert made == exposures[:12]
