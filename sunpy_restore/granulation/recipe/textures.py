"""Images that generators are trained on, and the parts of them that are kept back."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage.io import imread

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.datasets.imax import deconvolve
from sunpy_restore.core.datasets.listrules import positive
from sunpy_restore.core.datasets.manifest import has_manifest, read_manifest
from sunpy_restore.core.datasets.samples import KM_PER_ARCSEC
from sunpy_restore.granulation.regrid import Regridded
from sunpy_restore.granulation.texture import Texture

__all__ = ["DATA", "LISTS", "OPTIONS", "SIDE", "UNUSED", "TrainingTexture", "listed_images", "read_texture"]

SIDE = 128
"""Side of a tile in pixels."""

LISTS = Path(__file__).with_name("data")
"""Folder with the lists of the package."""

UNUSED = ("frames", "cadence", "weight")
"""Parameters of entries that are refused: each file is one image, and images are drawn equally often."""

OPTIONS = dict.fromkeys(("contrast", "resampled_km"), (positive, "a positive number"))
"""
Options of the entries of a list.

Granulation of IMaX is deconvolved to the ``contrast`` (`~sunpy_restore.core.datasets.imax.deconvolve`).
``resampled_km`` of the first entry is the size of the pixels that all images are resampled to, by default that of its
own pixels.
"""

SPLIT = 0.75
"""Fraction of the columns of an image in ``files`` that is used for training; the others are kept back."""

DATA = "synthesize"
"""What own images are for; all generators are trained on the same ones."""


class TrainingTexture(NamedTuple):
    """
    A texture that a generator is trained on.

    Parameters
    ----------
    images : `list` of `numpy.ndarray`
        Relative intensities with the same pixel size, each divided by the mean over the training part of its image.
    pixel : `float`
        Side of a pixel on the Sun in km.
    span : pair of `float`
        Smallest and largest intensity in the training part of the first image: -1 and 1 in normalised units.
    """

    images: list
    pixel: float
    span: tuple[float, float]

    def normalised(self, image):
        """Convert relative intensity to normalised units."""
        low, high = self.span
        return 2 * (image - low) / (high - low) - 1


def listed_images(directory, name=DATA):
    """
    Read the list of the training images.

    Parameters
    ----------
    directory : path-like
        Folder of the data. A list of that name in it replaces that of the package.
    name : `str`
        Name of the list, without ``.toml``: ``"synthesize"``, or ``"synthesize-clean"``.

    Returns
    -------
    `~sunpy_restore.core.datasets.imagelist.ImageList`

    Raises
    ------
    ValueError
        See `~sunpy_restore.core.datasets.imagelist.read_list`; or an entry has no pixel size.
    """
    images = read_list(find_list(name, LISTS, directory), OPTIONS, unused=UNUSED)
    for entry in images.entries:
        if _pixel_of(entry) is None:
            raise ValueError(
                f"Found no pixel_km or pixel_scale of {entry.name!r} in {images.path}; expected the size of the pixels."
            )
    return images


def _pixel_of(entry):
    if entry.pixel_km is not None or entry.pixel_scale is None:
        return entry.pixel_km
    return entry.pixel_scale * KM_PER_ARCSEC


def read_texture(directory, split="train", files=None, name=DATA):
    """
    Read the images of a texture.

    Parameters
    ----------
    directory : path-like
        Folder of the training data. If it has a manifest, this is the list of the images.
    split : ``"train"`` or ``"validation"``
        The split of the manifest or of the list; for ``files`` the first three quarters of the columns of each image,
        or the rest.
    files : sequence of pairs or triples, optional
        Names of images (``.npy``, FITS or 8-bit), the sides of their pixels in km, and the number of pixels that are
        cut off along each edge, by default 0. All are resampled to the pixel size of the first one. By default the
        images of the list.
    name : `str`
        Name of the list, see `listed_images`.

    Returns
    -------
    `TrainingTexture`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        A file does not contain an image with finite values, positive mean and structure, or an image is too small for
        tiles in both parts; or the list is invalid, see `listed_images`.
    """
    if has_manifest(directory):
        return _own_texture(directory, split)
    if files is None:
        return _listed_texture(directory, split, listed_images(directory, name))
    pixel = files[0][1]
    parts = [_parts(Path(directory) / name, pixel / size, *margin) for name, size, *margin in files]
    # The range must not depend on the part that is kept back either
    seen = parts[0][0]
    span = (float(seen.min()), float(seen.max()))
    return TrainingTexture([part[split != "train"] for part in parts], pixel, span)


def _listed_texture(directory, split, images):
    """The images of a list, with the pixel size that the first training image has or is resampled to."""
    first = images.split("train")[0]
    pixel = first.options.get("resampled_km", _pixel_of(first))

    train = [(path, entry) for entry in images.split("train") for path in images.paths(entry, directory)]

    def parts(entry):
        for path in images.paths(entry, directory):
            image = _checked(path, entry.trim)
            # The mean must not depend on the part that is kept back
            seen = next((own for found, own in train if found == path), entry)
            image = image / seen.part(image).mean()
            part = entry.part(image)
            if "contrast" in entry.options:
                part = deconvolve(part - 1, entry.options["contrast"])
            part = _regridded(part, pixel / _pixel_of(entry))
            if min(part.shape) < SIDE:
                raise ValueError(
                    f"Found a part of shape {part.shape} in {path}, with pixels of {pixel:g} km; expected at least "
                    f"{SIDE} pixels along each axis. Use a larger image."
                )
            yield part

    seen = next(parts(first))
    span = (float(seen.min()), float(seen.max()))
    return TrainingTexture([part for entry in images.split(split) for part in parts(entry)], pixel, span)


def _own_texture(directory, split):
    """The images of a manifest, with the median pixel size of those for training."""
    manifest = read_manifest(directory, DATA)
    train = manifest.split("train")
    scale = sorted(item.pixel_scale for item in train)[len(train) // 2]

    def usable(items):
        for item in items:
            image = _regridded(manifest.read(item), scale / item.pixel_scale)
            if min(image.shape) >= SIDE:
                yield image

    images = list(usable(manifest.split(split)))
    seen = images[:1] if split == "train" else list(itertools.islice(usable(train), 1))
    if not (images and seen):
        raise ValueError(
            f"Found no image for {split} with at least {SIDE} pixels of {scale:.3g} arcsec along each axis in "
            f"{directory}; expected one. Use larger images, or images of one pixel size."
        )
    span = (float(seen[0].min()), float(seen[0].max()))
    return TrainingTexture(images, scale * KM_PER_ARCSEC, span)


def _parts(path, ratio, margin=0):
    """The training part of an image and the part kept back, on pixels that are ``ratio`` times as large."""
    image = _checked(path, margin)
    cut = round(SPLIT * image.shape[1])
    image = image / image[:, :cut].mean()
    seen, kept = (_regridded(part, ratio) for part in (image[:, :cut], image[:, cut:]))
    if min(seen.shape[0], seen.shape[1] - 2 * SIDE, kept.shape[1]) < SIDE:
        found = seen.shape[0], seen.shape[1] + kept.shape[1]
        raise ValueError(
            f"Found an image of shape {found} in {path}, with the pixel size of the first image; expected at least "
            f"{(SIDE, 4 * SIDE)}. Use a larger image."
        )
    return seen, kept


def _checked(path, margin):
    """The image of a file without its edges."""
    image = _read(path)
    if not 0 <= 2 * margin < min(image.shape):
        raise ValueError(f"Found a margin of {margin} pixels for {path}; expected less than half of {image.shape}.")
    return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]


def _read(path):
    if not path.exists():
        raise FileNotFoundError(f"Found no file {path}; expected an image to train on.")
    if path.suffix == ".npy":
        image = np.load(path)
    elif path.suffix in (".png", ".jpg", ".tif", ".tiff"):
        image = imread(path, as_gray=True)
    else:
        image = fits.getdata(path)
    image = np.asarray(image, dtype=np.float32)
    if image.ndim != 2 or not np.isfinite(image).all() or not image.mean() > 0 or image.min() == image.max():
        raise ValueError(f"Expected a 2-D image with finite values, positive mean and structure in {path}.")
    return image


def _regridded(image, ratio):
    if ratio == 1:
        return image
    shape = tuple(max(1, int(length / ratio + 1e-6)) for length in image.shape)
    return Regridded(lambda _: _ImageTexture(image), shape, ratio).image()


class _ImageTexture(Texture):
    """An image as a texture, with pixels as the unit of length."""

    def __init__(self, image):
        super().__init__(image.shape, 1.0)
        self._image = image

    def window(self, rows, columns):
        return self._image[rows, columns]
