"""Small textures."""

import numpy as np
import pytest
import torch
from scipy import ndimage


def grains(shape, seed=0):
    """A skewed random field of mean 1 and contrast 0.16, with structure of about 20 pixels."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    field = ndimage.gaussian_filter(noise, 3, mode="wrap")
    field = np.exp(0.4 * field / field.std())
    return (1 + 0.16 * (field - field.mean()) / field.std()).astype(np.float32)


@pytest.fixture(scope="session", name="grains")
def _grains():
    return grains


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    """Run PyTorch on one thread: small tensors are not faster on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
