"""Images that generators of textures are trained on, and the parts of them that training never sees."""

from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.io import imread
from torch.utils.data import Dataset

from astropy.io import fits

from sunpy_restore.granulation.regrid import Regridded

__all__ = ["SIDE", "SPLIT", "Texture", "TileDataset", "read_texture", "turned"]

SIDE = 128
"""Side of a tile in pixels."""

SPLIT = 0.75
"""Share of the columns of an image that training sees; the others are kept back."""

_FILES = (("photosphere/muram_intensity_48km.npy", 48.0),)


class Texture(NamedTuple):
    """
    A texture to learn.

    Parameters
    ----------
    images : `list` of `numpy.ndarray`
        Relative intensities on the same pixels, each with a mean of 1 over the part of its image that training sees.
    pixel : `float`
        Side of a pixel on the Sun in km.
    span : pair of `float`
        Least and greatest intensity of the first image, -1 and 1 in normalised units.
    """

    images: list
    pixel: float
    span: tuple[float, float]

    def normalised(self, image):
        """Relative intensity in normalised units."""
        low, high = self.span
        return 2 * (image - low) / (high - low) - 1


def read_texture(directory, split="train", files=None):
    """
    Read the images of a texture.

    Parameters
    ----------
    directory : path-like
        Folder of the training data.
    split : ``"train"`` or ``"validation"``
        The first three quarters of the columns of each image, or the others.
    files : sequence of pairs, optional
        Names of images (``.npy``, FITS or 8-bit) and their pixels in km. All are brought to the pixel of the first:
        larger ones hold the mean of what they cover. By default the emergent intensity of a MURaM simulation in
        ``photosphere/``.

    Returns
    -------
    `Texture`

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        What a file holds is no image of positive mean and with structure, or too small for tiles in both parts.
    """
    files = _FILES if files is None else files
    pixel = files[0][1]
    parts = [_parts(Path(directory) / name, pixel / size) for name, size in files]
    # The range, too, must not tell of what is kept back
    seen = parts[0][0]
    span = (float(seen.min()), float(seen.max()))
    return Texture([part[split != "train"] for part in parts], pixel, span)


def _parts(path, ratio):
    """The part of an image that training sees and the other, on pixels so many times as large."""
    image = _read(path)
    cut = round(SPLIT * image.shape[1])
    image = image / image[:, :cut].mean()
    seen, kept = (_regridded(part, ratio) for part in (image[:, :cut], image[:, cut:]))
    if min(seen.shape[0], seen.shape[1] - 2 * SIDE, kept.shape[1]) < SIDE:
        found = seen.shape[0], seen.shape[1] + kept.shape[1]
        raise ValueError(
            f"Found in {path} an image of shape {found} on the pixels of the first image, expected at least "
            f"{(SIDE, 4 * SIDE)}."
        )
    return seen, kept


def _read(path):
    if not path.exists():
        raise FileNotFoundError(f"Found no file {path}, expected an image to learn its texture.")
    if path.suffix == ".npy":
        image = np.load(path)
    elif path.suffix in (".png", ".jpg", ".tif", ".tiff"):
        image = imread(path, as_gray=True)
    else:
        image = fits.getdata(path)
    image = np.asarray(image, dtype=np.float32)
    if image.ndim != 2 or not np.isfinite(image).all() or not image.mean() > 0 or image.min() == image.max():
        raise ValueError(f"Found no image of finite values, positive mean and structure in {path}.")
    return image


def _regridded(image, ratio):
    if ratio == 1:
        return image
    # Its interpolation looks two pixels beyond the edges
    whole = np.pad(image, 2, mode="symmetric")
    shape = tuple(max(1, int(length / ratio + 1e-6)) for length in image.shape)
    texture = Regridded(lambda _: SimpleNamespace(window=lambda rows, columns: whole[rows, columns]), shape, ratio)
    return texture.window(*(slice(0, length) for length in shape))


def turned(image):
    """
    An image and the same turned by 45 degrees, with the places where tiles can be cut from them, if there are any.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `list` of pairs
        An image and the corners ``(row, column)`` of the tiles of `SIDE` pixels that lie in it, shape ``(n, 2)``.
    """
    result = []
    for angle in (0, 45):
        other = ndimage.rotate(image, angle, order=5, mode="reflect") if angle else image
        inside = np.ones(image.shape, bool)
        if angle:
            inside = ndimage.rotate(inside.astype(float), angle, order=1, mode="constant") > 0.999
        # What is not inside grows towards corners of tiles that touch it
        free = ndimage.minimum_filter(inside, SIDE, origin=-(SIDE // 2), mode="constant")
        corners = np.argwhere(free[: 1 - SIDE, : 1 - SIDE])
        if len(corners):
            result.append((other, corners))
    return result


class TileDataset(Dataset):
    """
    Tiles at random places, mirrored and turned by multiples of 45 degrees; item ``i`` is the same in every run.

    Parameters
    ----------
    texture : `Texture`
        The texture.
    length : `int`
        Number of items.
    seed : `int`
        Seed.
    noise : `tuple` of `int`, optional
        Shape of the noise that goes with a tile; by default the tile itself takes its place.
    """

    def __init__(self, texture, length, *, seed, noise=None):
        self.places = [pair for image in texture.images for pair in turned(texture.normalised(image))]
        self.length, self.seed, self.noise = length, seed, noise

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        image, corners = self.places[rng.integers(len(self.places))]
        row, column = corners[rng.integers(len(corners))]
        tile = np.rot90(image[row : row + SIDE, column : column + SIDE], rng.integers(4))[:: rng.choice([1, -1])]
        tile = np.ascontiguousarray(tile[np.newaxis], dtype=np.float32)
        return (tile if self.noise is None else rng.standard_normal(self.noise, dtype=np.float32)), tile
