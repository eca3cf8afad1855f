"""The mixture of two networks that fill damaged pixels."""

import numpy as np
import pytest
import torch

from sunpy_restore.networks.mixture import FillMixture

SMALL = {"widths": [4, 6]}
GENERAL = SMALL | {"others": 1, "brightest": "channel"}


@pytest.fixture
def mixture():
    torch.manual_seed(0)
    network = FillMixture(SMALL | {"brightest": "level"}, GENERAL, features=5, hidden=8)
    for expert in (network.general, network.saturated):
        torch.nn.init.normal_(expert.leave.weight, std=0.1)
    return network.eval()


@pytest.mark.parametrize("fills", [2, 3])
@pytest.mark.parametrize("size", [0.1, 1.0, 1e6])
def test_shares_are_those_of_an_average(size, fills):
    mixture = FillMixture(SMALL | {"brightest": "level"}, GENERAL, features=5, hidden=8, fills=fills)
    features = size * np.random.default_rng(1).standard_normal((20, 5))
    shares = mixture.weights(features)
    assert shares.shape == (20, fills)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_forward_is_the_network_for_saturated_pixels(mixture):
    channels = torch.rand(2, 5, 24, 32)
    channels[:, 1] = (channels[:, 1] > 0.5).float()
    torch.testing.assert_close(mixture(channels), mixture.saturated(channels))
    assert not torch.equal(mixture(channels), mixture.general(channels))
    assert mixture.receptive_radius == mixture.saturated.receptive_radius
    assert mixture.stride == mixture.saturated.stride


def test_brightest_value_stands_for_an_unknown_level(mixture):
    channels = torch.rand(1, 5, 16, 16)
    channels[:, 1] = 1
    unknown, known = channels.clone(), channels.clone()
    unknown[:, 2], unknown[:, 3] = 0, 0.7
    known[:, 2], known[:, 3] = 0.7, 0
    torch.testing.assert_close(mixture(unknown), mixture(known))
    assert not torch.equal(mixture.general(unknown), mixture.general(known))
