import numpy as np
import pytest
import torch
from torch import nn

from sunpy_restore.core.inference.function import _full_precision, choose_device, network_function


def random_image(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_network_function_leaves_the_network_alone():
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(inplace=True)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    function = network_function(network, "cpu")
    tiles = random_image(2, 1, 8, 8)
    first = function(tiles)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    with torch.no_grad():
        network[0].weight.zero_()
    np.testing.assert_array_equal(function(tiles), first)


def test_network_function_takes_any_array_and_leaves_it_alone():
    function = network_function(nn.ReLU(inplace=True), "cpu")
    tiles = random_image(2, 3, 8, 8).astype(">f8")[:, ::-1]
    tiles.flags.writeable = False
    result = function(tiles)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, np.maximum(tiles, 0).astype(np.float32))
    tiles = random_image(1, 1, 4, 4)
    before = tiles.copy()
    function(tiles)
    np.testing.assert_array_equal(tiles, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_network_of_another_precision_runs_in_single_precision(dtype):
    network = nn.Conv2d(1, 1, 3, padding=1).to(dtype)
    tiles = random_image(1, 1, 6, 6)
    expected = network.float()(torch.from_numpy(tiles)).detach().numpy()
    np.testing.assert_allclose(network_function(network.to(dtype), "cpu")(tiles), expected, atol=1e-6)


def test_convolutions_on_cuda_keep_single_precision():
    before = torch.backends.cudnn.allow_tf32
    with _full_precision(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.enabled
    assert torch.backends.cudnn.allow_tf32 == before
    with _full_precision(torch.device("cpu")):
        assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_default_device(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device() == torch.device(expected)


def test_device_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "meta", 3.5])
def test_devices_that_cannot_be_used_are_refused(device):
    with pytest.raises(ValueError, match=r"Found device=.*cannot be used") as error:
        choose_device(device)
    assert repr(device) in str(error.value)
