"""Fixtures for the tests of textures."""

import pytest
import torch

from sunpy_restore.granulation.stitching import genetic


@pytest.fixture(scope="session")
def with_all_weights():
    """A function that draws the weights of a network that start at zero, so that its tiles have structure."""

    def draw(network):
        for parameter in network.parameters():
            if parameter.ndim > 1 and not parameter.any():
                torch.nn.init.normal_(parameter)
        return network

    return draw


@pytest.fixture
def short_evolution(monkeypatch):
    """Generate few tiles, and not a thousand, to refine one."""
    for name, value in {"population": 20, "generations": 3}.items():
        monkeypatch.setitem(genetic.refine.__kwdefaults__, name, value)


@pytest.fixture
def one_thread():
    """Run PyTorch on one thread: small tensors are not faster on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
