"""Generators of tiles without networks."""

import numpy as np
import pytest
from scipy import ndimage

SIDE, STRIDE, CHANNELS = 32, 4, 3


def draw(features):
    """Nearest-neighbour upsampling and a filter of 5 px, so that the receptive radius is one feature."""
    fine = np.kron(features, np.ones((STRIDE, STRIDE)))
    filtered = ndimage.uniform_filter(fine, size=(0, 5, 5), mode="constant")
    return (1 + filtered.sum(axis=0)).astype(np.float32)


class Source:
    """A generator that draws tiles from features, one by one, and counts them."""

    side, stride, receptive_radius = SIDE, STRIDE, 1

    def __init__(self):
        self.generated = 0

    def tiles(self, z):
        self.generated += len(z)
        return np.stack([draw(one) for one in self.features(z)])

    def draw(self, features):
        return draw(features)


class LinearSource(Source):
    """Features are smooth noise: a fixed linear map of the latent vector."""

    latent = 12

    def __init__(self, seed=0):
        super().__init__()
        size = SIDE // STRIDE
        noise = np.random.default_rng(seed).standard_normal((self.latent, CHANNELS, size, size))
        self.maps = ndimage.gaussian_filter(noise, (0, 0, 0.7, 0.7)) / 10

    def features(self, z):
        return np.tensordot(z, self.maps, axes=1)


class CropSource(Source):
    """Tiles are cut from one large image; the latent vector is the position in features."""

    latent = 2

    def __init__(self, grid, overlap):
        super().__init__()
        self.step = (SIDE - overlap) // STRIDE
        size = [count * self.step + overlap // STRIDE for count in grid]
        noise = np.random.default_rng(1).standard_normal((CHANNELS, *size))
        self.map = ndimage.gaussian_filter(noise, (0, 1, 1)) / 10
        self.image = draw(self.map)
        self.z = self.step * np.moveaxis(np.indices(grid), 0, -1).astype(np.float32)

    def features(self, z):
        size = SIDE // STRIDE
        return np.stack([self.map[:, y : y + size, x : x + size] for y, x in z.astype(int)])

    def tiles(self, z):
        starts = STRIDE * z.astype(int)
        return np.stack([self.image[y : y + SIDE, x : x + SIDE] for y, x in starts])


class NoiseSource:
    """Independent tiles of smooth noise; the latent vector is a seed."""

    side, latent = 64, 1

    def tiles(self, z):
        noise = np.stack([np.random.default_rng(int(seed)).standard_normal((64, 64)) for seed in z[:, 0]])
        return (5 + 0.8 * ndimage.gaussian_filter(noise, (0, 2, 2), mode="wrap") * 7).astype(np.float32)


@pytest.fixture
def source():
    return LinearSource()


@pytest.fixture
def other():
    """Another generator with the same side and latent length."""
    return LinearSource(seed=9)


@pytest.fixture
def crops():
    return CropSource


@pytest.fixture
def noise():
    return NoiseSource()
