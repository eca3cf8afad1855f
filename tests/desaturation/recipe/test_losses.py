"""Losses and configurations of the adversarial training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.desaturation.forward import edge_mask
from sunpy_restore.desaturation.recipe.losses import edge_band, edge_l1, l1, masked_l1, weighted_l1
from sunpy_restore.desaturation.task import TASK
from sunpy_restore.networks.papers.pix2pix import MaskDiscriminator, MaskPix2Pix

CONFIGS = {name: config for name, config in recipe_of(TASK).configs().items() if name != "compact"}

SEEDS = st.integers(0, 2**32 - 1)


def scene(seed):
    """A restored image, a true one, and a mask of a few rectangles."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((3, 1, 40, 33), dtype=np.float32)
    for image in mask[:, 0]:
        for _ in range(3):
            (top, left), (height, width) = rng.integers(-5, 35, 2), rng.integers(1, 25, 2)
            image[max(top, 0) : top + height, max(left, 0) : left + width] = 1
    restored, truth = rng.random((2, *mask.shape), dtype=np.float32)
    return tuple(map(torch.from_numpy, (restored, truth, mask)))


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_edge_band_is_that_of_the_forward_model(seed):
    _, _, mask = scene(seed)
    for found, image in zip(edge_band(mask), mask, strict=True):
        np.testing.assert_array_equal(found[0].numpy(), edge_mask(image[0].numpy() > 0))
    assert edge_band(mask.bfloat16()).float().equal(edge_band(mask))


def test_edge_band_of_a_straight_border_has_five_pixels():
    mask = torch.zeros(1, 1, 30, 30)
    mask[..., :12] = 1
    assert edge_band(mask).sum(dim=-1).unique().tolist() == [5]
    assert not edge_band(torch.ones(1, 1, 9, 9)).any()
    assert not edge_band(torch.zeros(1, 1, 9, 9)).any()


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, factor=st.floats(0, 5))
def test_losses_are_norms(seed, factor):
    restored, truth, mask = scene(seed)
    everywhere = torch.ones_like(mask)
    error = (restored - truth).abs()
    torch.testing.assert_close(l1(restored, truth), error.sum() / 3)
    torch.testing.assert_close(masked_l1(restored, truth, everywhere), l1(restored, truth))
    torch.testing.assert_close(masked_l1(restored, truth, mask), error[mask > 0].sum() / 3)
    torch.testing.assert_close(edge_l1(restored, truth, mask), masked_l1(restored, truth, edge_band(mask)))
    assert masked_l1(truth, truth, mask) == 0
    torch.testing.assert_close(
        masked_l1(factor * restored, factor * truth, mask), factor * masked_l1(restored, truth, mask)
    )
    torch.testing.assert_close(
        masked_l1(restored, truth, mask) + masked_l1(restored, truth, 1 - mask), l1(restored, truth)
    )


@given(seed=SEEDS)
@settings(deadline=None, max_examples=10)
def test_masked_losses_depend_on_masked_pixels_only(seed):
    restored, truth, mask = scene(seed)
    for loss, seen in ((masked_l1, mask), (edge_l1, edge_band(mask))):
        guess = restored.clone().requires_grad_()
        loss(guess, truth, mask).backward()
        assert torch.equal(guess.grad != 0, seen > 0)


def test_weighted_losses():
    restored, truth, mask = scene(0)
    expected = 0.5 * l1(restored, truth) + 2 * masked_l1(restored, truth, mask) + 3 * edge_l1(restored, truth, mask)
    torch.testing.assert_close(weighted_l1(restored, truth, mask, {"l1": 0.5, "masked": 2.0, "edge": 3.0}), expected)
    torch.testing.assert_close(weighted_l1(restored, truth, mask, {"edge": 0.1}), 0.1 * edge_l1(restored, truth, mask))
    for weights in ({}, {"l2": 1.0}):
        with pytest.raises(ValueError, match="expected some of l1, masked, edge"):
            weighted_l1(restored, truth, mask, weights)


def test_paper_configuration_is_the_published_one():
    paper = CONFIGS["paper"]
    assert (paper.patch_size, paper.batch_size, paper.learning_rate, paper.betas) == (256, 16, 2e-4, (0.5, 0.999))
    assert (paper.network["width"], paper.network["norm"]) == (64, "switch")
    assert paper.options["loss"] == {"masked": 0.1, "edge": 0.1}
    # 100 epochs, without the incomplete last batch
    assert paper.halving == 100 * (paper.options["patches"] // paper.batch_size)
    assert (paper.schedule, paper.ema_decay, paper.weight_decay, paper.gradient_clip) == ("halving", 0, 0, 0)


def test_rows_of_the_ablation_differ_in_normalisation_and_loss_only():
    configs = CONFIGS
    rows = {name: config for name, config in configs.items() if name.startswith("table3-")}
    assert [(row.network["norm"], *row.options["loss"]) for row in rows.values()] == [
        ("batch", "l1"),
        ("switch", "l1"),
        ("switch", "masked"),
        ("switch", "masked", "edge"),
    ]
    first = configs["table3-batch-l1"]
    for row in rows.values():
        same = {"norm": "batch"}
        assert first == replace(
            row,
            name=first.name,
            network={**row.network, **same},
            adversary={**row.adversary, **same},
            options={**row.options, "loss": first.options["loss"]},
        )


@pytest.mark.parametrize(
    "name", [name if name != "paper" else pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS]
)
def test_configurations_build_their_networks(name):
    kinds = {"MaskPix2Pix": MaskPix2Pix, "MaskDiscriminator": MaskDiscriminator}
    config = CONFIGS[name]
    assert config.name == name
    assert config.options["data"] == "paper"
    with torch.device("meta"):
        for hyperparameters in (config.network, config.adversary):
            values = dict(hyperparameters)
            assert kinds[values.pop("architecture")](**values).ceiling == 2
