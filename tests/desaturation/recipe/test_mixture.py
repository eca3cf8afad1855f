"""The fit of the weights of several fills."""

import numpy as np
import pytest
import torch

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.desaturation.filling.mixture import FEATURES, FILLS
from sunpy_restore.desaturation.recipe.mixture import fit_shares, mixture_of, statistics
from sunpy_restore.desaturation.task import CHANNELS, TASK
from sunpy_restore.networks.unet import FillingUNet

SATURATED = {"architecture": "FillingUNet", "widths": [4, 6]}
GENERAL = SATURATED | {"others": 1, "brightest": "channel"}


def built(hyperparameters, seed):
    torch.manual_seed(seed)
    network = TASK.build_network(hyperparameters)
    torch.nn.init.normal_(network.leave.weight, std=0.1)
    return network


@pytest.fixture
def mixture():
    networks = [built(SATURATED, 1), built(GENERAL, 2)]
    return mixture_of(*zip((SATURATED, GENERAL), (network.state_dict() for network in networks), strict=True))[1]


def simulated(count, rng):
    """Regions of which the signs of two features tell which fill is exact; others are wrong by 50 %."""
    features = rng.standard_normal((count, FEATURES))
    best = (features[:, 0] > 0) * (1 + (features[:, 1] > 0))
    fills = np.arange(1 + FILLS)
    errors = rng.standard_normal((count, 1 + FILLS, 20)) * np.where(fills == best[:, None], 0.01, 0.5)[..., None]
    return best, {
        "features": features,
        "products": errors @ errors.swapaxes(1, 2),
        "fluxes": errors.sum(axis=2),
        "truth": np.tile([20.0, 20.0], (count, 1)),
        "view": np.arange(count) // 3,
    }


def test_shares_prefer_the_better_fill(mixture):
    rng = np.random.default_rng(0)
    _, found = simulated(600, rng)
    fit_shares(mixture, found)
    best, other = simulated(300, rng)
    shares = mixture.weights(other["features"])
    assert np.mean(shares.argmax(axis=1) == best) > 0.85


def test_statistics_are_errors_of_the_fills(mixture):
    rng = np.random.default_rng(1)
    truth = rng.uniform(1, 2, (48, 48)).astype(np.float32)
    channels = np.zeros((len(CHANNELS), 48, 48), dtype=np.float32)
    channels[0] = channels[4] = truth
    channels[1, 20:26, 20:30] = 1
    channels[4, 20:26, 20:30] += 0.5
    found = statistics(mixture, [(channels, truth)] * 2)
    assert found["features"].shape == (2, FEATURES)
    np.testing.assert_allclose(found["products"][:, 0, 0], 60 * 0.25, rtol=1e-5)
    np.testing.assert_allclose(found["fluxes"][:, 0], 60 * 0.5, rtol=1e-5)
    np.testing.assert_allclose(found["truth"][:, 0], truth[20:26, 20:30].sum(), rtol=1e-5)
    np.testing.assert_array_equal(found["view"], [0, 1])


def test_other_numbers_of_features_are_refused(mixture):
    _, found = simulated(12, np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"Found 3 features; expected {FEATURES}"):
        fit_shares(mixture, found | {"features": found["features"][:, :3]})


def test_a_mixture_can_be_made_of_another_one_and_starts_training(mixture):
    hyperparameters, other = mixture_of(
        *[({"architecture": "FillMixture", "saturated": {"widths": [4, 6]}, "general": {k: v for k, v in GENERAL.items()
          if k != "architecture"}}, mixture.state_dict())] * 2
    )  # fmt: skip
    for name, part in mixture.saturated.state_dict().items():
        torch.testing.assert_close(other.state_dict()[f"saturated.{name}"], part)
    assert TASK.build_network(hyperparameters).state_dict().keys() == other.state_dict().keys()
    network = FillingUNet(widths=[4, 6], others=1, brightest="channel")
    network.load_state_dict(recipe_of(TASK).starting_weights(network, mixture.state_dict()))
    torch.testing.assert_close(network.enter.weight, mixture.general.enter.weight)
