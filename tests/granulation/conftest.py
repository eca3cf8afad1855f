"""What tests of textures have in common."""

import pytest
import torch


@pytest.fixture(scope="session")
def with_all_weights():
    """A function that draws the weights of a network that start at zero, so that its tiles have structure."""

    def drawn(network):
        for parameter in network.parameters():
            if parameter.ndim > 1 and not parameter.any():
                torch.nn.init.normal_(parameter)
        return network

    return drawn
