"""Errors in training images: of the images and holes that are scored, and those of the network that is given."""

import numpy as np
import pytest
import torch

from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.inpainting.filling.fills import FILLS
from sunpy_restore.inpainting.recipe import blending, scores
from sunpy_restore.inpainting.recipe.blending import mean_products, trials_in_training_images
from sunpy_restore.inpainting.task import CHANNELS, TASK
from sunpy_restore.networks.unet import CoronaUNet

RAYS = CHANNELS.index("rays")


@pytest.fixture
def few(monkeypatch, make_exposure):
    """A training image with a few small holes."""
    exposures = [make_exposure("C3")]
    monkeypatch.setattr(blending, "read_exposures", lambda directory: exposures)
    monkeypatch.setattr(blending, "flat_fields_of", lambda exposures: {})
    monkeypatch.setattr(scores, "_SIZES", {"32 px": (1, 1)})
    monkeypatch.setattr(scores, "_HOLES", 1)
    monkeypatch.setattr(scores, "_LEAST_CROSSED", 1)


def test_all_kinds_of_holes_are_tried(few, tmp_path):
    found = list(trials_in_training_images(lambda channels: channels[RAYS], tmp_path))
    kinds = {"C3, level 0.5: 32 px", "C3: streamer across", "C3: front across", "C3: occulter's edge across"}
    assert {kind for kind, _ in found} == kinds
    for _, trial in found:
        same = trial.products[0], trial.products[1 + FILLS.index("rays")]
        np.testing.assert_allclose(*same, rtol=1e-6)


@pytest.mark.parametrize(
    ("number", "used"), [(1, [0]), (12, [*range(12)]), (100, [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99])]
)
def test_not_all_of_many_images_are_tried(monkeypatch, tmp_path, number, used):
    """The calibration after a training takes some minutes, not hours."""
    tried = []
    monkeypatch.setattr(blending, "read_exposures", lambda directory: [None] * number)
    monkeypatch.setattr(blending, "flat_fields_of", lambda exposures: {})
    monkeypatch.setattr(blending, "holes_of", lambda exposures, index: tried.append(int(index)) or ())
    assert list(trials_in_training_images(None, tmp_path)) == []
    assert tried == used


def test_calibration_keeps_the_errors_with_the_network(few, tmp_path):
    recipe = recipe_of(TASK)
    config = recipe.configs()["compact"]
    network = CoronaUNet(widths=[4, 6], others=7, base=7, blended=9)
    with torch.no_grad():
        recipe.calibrate(network, tmp_path, config)
    products = network.products.numpy()
    assert network.gate == config.options["gate"]
    np.testing.assert_allclose(products, mean_products(TiledNetwork.of(TASK, network, "cpu"), tmp_path), rtol=1e-4)
    # An untrained network returns the fill that it corrects
    np.testing.assert_allclose(products[0], products[1 + FILLS.index("edge_enhancing_diffusion")], rtol=1e-3)
    assert np.linalg.eigvalsh(products).min() > -1e-4


def test_training_starts_from_weights_with_and_without_errors():
    recipe = recipe_of(TASK)
    plain, blended = (CoronaUNet(widths=[4, 6], others=7, base=7, blended=count) for count in (0, 9))
    for network in (plain, blended):
        for other in (plain, blended):
            network.load_state_dict(recipe.starting_weights(network, other.state_dict()))
