"""Tiles of the images that generators are trained on."""

import numpy as np
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.granulation.recipe.textures import SIDE

__all__ = ["TileDataset", "tile_positions"]


def tile_positions(image):
    """
    Find all tiles in an image and in the image rotated by 45 degrees.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `list` of pairs
        An image and the first pixels ``(row, column)`` of the tiles of 128 x 128 pixels that lie inside it, shape
        ``(n, 2)``. The rotated image is left out if it contains no tile.
    """
    result = []
    for angle in (0, 45):
        rotated = ndimage.rotate(image, angle, order=5, mode="reflect") if angle else image
        inside = np.ones(image.shape, bool)
        if angle:
            inside = ndimage.rotate(inside.astype(float), angle, order=1, mode="constant") > 0.999
        # True where a tile starts that has no pixel outside
        free = ndimage.minimum_filter(inside, SIDE, origin=-(SIDE // 2), mode="constant")
        corners = np.argwhere(free[: 1 - SIDE, : 1 - SIDE])
        if len(corners):
            result.append((rotated, corners))
    return result


class TileDataset(Dataset):
    """
    Tiles at random positions, mirrored and rotated by multiples of 45 degrees.

    Item ``i`` is the same in every run.

    Parameters
    ----------
    texture : `~sunpy_restore.granulation.recipe.textures.TrainingTexture`
        The texture.
    length : `int`
        Number of items.
    seed : `int`
        Seed of the random numbers.
    noise : `tuple` of `int`, optional
        Shape of the noise of a tile. By default the tile itself is in its place.
    """

    def __init__(self, texture, length, *, seed, noise=None):
        self.images = [pair for image in texture.images for pair in tile_positions(texture.normalised(image))]
        self.length, self.seed, self.noise = length, seed, noise

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        image, corners = self.images[rng.integers(len(self.images))]
        row, column = corners[rng.integers(len(corners))]
        tile = np.rot90(image[row : row + SIDE, column : column + SIDE], rng.integers(4))[:: rng.choice([1, -1])]
        tile = np.ascontiguousarray(tile[np.newaxis], dtype=np.float32)
        return (tile if self.noise is None else rng.standard_normal(self.noise, dtype=np.float32)), tile
