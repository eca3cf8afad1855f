"""Real coronal images as scenes, and simulated flares to inject into them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.recipe.own import own_images
from sunpy_restore.desaturation.task import DESATURATE

__all__ = [
    "EIGHT_BIT", "LISTS", "OPTIONS", "UNUSED", "Disk", "crop", "flare", "places_of_any_image", "read_disks",
    "read_images",
]  # fmt: skip

LISTS = Path(__file__).with_name("data")
"""Folder with the list of the package."""

EIGHT_BIT = "8-bit"
"""Unit of the images of a list in the scaling of Helioviewer; other images are exposures in DN."""

OPTIONS = {
    "channels": (
        lambda value: isinstance(value, list) and value and all(channel in EUV_CHANNELS for channel in value),
        f"a list of some of {', '.join(map(str, EUV_CHANNELS))}",
    )
}
"""Options of the entries of a list, see `read_images`."""

UNUSED = ("rows", "columns", "frames", "cadence", "trim", "weight")
"""Parameters of entries that are refused: whole images are read, and drawn equally often."""
_BLOCK, _EDGE = 16, 176  # pixels of the blocks whose brightness is compared, and at the edges of the image


@dataclass(frozen=True)
class Disk:
    """
    A full-disk AIA image in the 8-bit scaling of Helioviewer.

    Parameters
    ----------
    name, date : `str`
        File name and time of the observation.
    image : `numpy.ndarray` of ``uint8``
        Shape ``(4096, 4096)``.
    places : `dict`
        Brightness level to the rows and columns, shape ``(n, 2)``, around which the mean of the image exceeds it.
    """

    name: str
    date: str
    image: np.ndarray
    places: dict


def read_images(directory):
    """
    Read the list of the training images, ``desaturate.toml``.

    Parameters
    ----------
    directory : path-like
        Folder of the data. A list of that name in it replaces that of the package.

    Returns
    -------
    `~sunpy_restore.core.datasets.imagelist.ImageList`
        Entries with the unit ``"8-bit"`` are images of Helioviewer. Others are level-1 images of ``channels``, their
        option, into which flares are injected to score the networks.

    Raises
    ------
    ValueError
        See `~sunpy_restore.core.datasets.imagelist.read_list`; or an entry has another unit, or no channels.
    """
    images = read_list(find_list(DESATURATE.name, LISTS, directory), OPTIONS, unused=UNUSED)
    for entry in images.entries:
        if entry.unit != EIGHT_BIT and (entry.unit != "DN" or "channels" not in entry.options):
            raise ValueError(
                f"Found the unit {entry.unit!r} of {entry.name!r} in {images.path}; expected {EIGHT_BIT!r} for images "
                "of Helioviewer, or 'DN' and the option channels for level-1 images."
            )
    return images


def read_disks(directory, split="train"):
    """
    Read the full-disk images of a split.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list, see `read_images`.
    split : ``"train"`` or ``"validation"``
        The split of the manifest or of the list.

    Returns
    -------
    `list` of `Disk` or `~sunpy_restore.desaturation.recipe.own.OwnDisk`

    Raises
    ------
    FileNotFoundError
        A file of the list is missing.
    ValueError
        An image has no date, or another one than in the list; see also
        `~sunpy_restore.core.datasets.imagelist.ImageList.paths`.
    """
    if has_manifest(directory):
        return own_images(directory, split, places_of_any_image)
    images = read_images(directory)
    entries = [entry for entry in images.split(split) if entry.unit == EIGHT_BIT]
    return [_disk(path, entry) for entry in entries for path in images.paths(entry, directory)]


def _disk(path, entry):
    # The header is XML text in the first kilobytes of the file
    with path.open("rb") as file:
        found = re.search(rb"<DATE[-_]OBS>([^<]+)<", file.read(20_000))
    if found is None:
        raise ValueError(f"Found no DATE-OBS in the header of {path}; expected a Helioviewer image.")
    date = found[1].decode()
    entry.check_time(date, path)
    image = np.asarray(Image.open(path))
    return Disk(path.stem, date, image, _bright_places(image))


def _bright_places(image, levels=(204, 150, 110), block=_BLOCK, edge=_EDGE):
    """Centres of blocks whose mean exceeds a level, away from the edges of the image."""
    ny, nx = (n // block for n in image.shape)
    means = image[: ny * block, : nx * block].reshape(ny, block, nx, block).mean(axis=(1, 3))
    places = {}
    for level in levels:
        centres = np.argwhere(means > level) * block + block // 2
        inside = ((centres >= edge) & (centres < np.array(image.shape) - edge)).all(axis=1)
        if inside.any():
            places[level] = centres[inside]
    return places


def places_of_any_image(image):
    """
    Bright places of an image that may be a cutout, or of the quiet Sun.

    Parameters
    ----------
    image : `numpy.ndarray`
        On a display scale of 0 to 255, shape ``(ny, nx)``.

    Returns
    -------
    `dict`
        See `Disk`.
    """
    edge = min(_EDGE, min(image.shape) // 2 - _BLOCK)
    places = _bright_places(image, edge=edge)
    if not places:
        inner = image[edge:-edge, edge:-edge]
        places = {0: np.array([np.unravel_index(inner.argmax(), inner.shape)]) + edge}
    return places


def crop(disk, rng, side, level=None, *, anywhere=False):
    """
    Cut a random square, by default around a bright place, which half of the time is rotated, sheared and stretched.

    Parameters
    ----------
    disk : `Disk`
        The full-disk image.
    rng : `numpy.random.Generator`
        Random number generator.
    side : `int`
        Side of the square in pixels.
    level : `int`, optional
        A brightness level of the places of the disk; by default a random one.
    anywhere : `bool`
        Whether to choose a place without regard to the brightness.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(side, side)``, values from 0 to 1.
    """
    if anywhere:
        offset = rng.uniform(-0.42, 0.42, size=2) * disk.image.shape
        centre = np.array(disk.image.shape) // 2 + np.round(offset).astype(int)
    else:
        level = rng.choice(list(disk.places)) if level is None else level
        centre = rng.permuted(disk.places[level], axis=0)[0] + rng.integers(-side // 4, side // 4 + 1, size=2)
    centre = np.clip(centre, side // 2, np.array(disk.image.shape) - side // 2)
    if rng.random() < 0.5:
        top, left = centre - side // 2
        square = disk.image[top : top + side, left : left + side] / 255.0
        square = np.rot90(square, rng.integers(4))
        return square[:, ::-1] if rng.integers(2) else square
    angle, axis = rng.uniform(0, 2 * np.pi, size=2)
    turn, tilt = (np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (angle, axis))
    stretch = np.exp(rng.uniform(-0.3, 0.2) + np.array([1, -1]) * rng.uniform(0, 0.15))
    matrix = tilt @ np.diag(stretch) @ tilt.T @ turn
    offsets = np.stack(np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing="ij"))
    rows, columns = np.tensordot(matrix, offsets, axes=1) + centre[:, None, None]
    first = np.floor([rows.min(), columns.min()]).astype(int) - 2
    last = np.ceil([rows.max(), columns.max()]).astype(int) + 3
    first, last = np.maximum(first, 0), np.minimum(last, disk.image.shape)
    part = disk.image[first[0] : last[0], first[1] : last[1]] / 255.0
    square = ndimage.map_coordinates(part, [rows - first[0], columns - first[1]], order=3, mode="mirror")
    return np.clip(square, 0, 1)


def flare(shape, rng):
    """
    Simulate the core of a flare: kernels, ribbons and loops.

    Parameters
    ----------
    shape : tuple of `int`
        Shape ``(ny, nx)`` of the image; the flare lies near its middle.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray`
        The image, whose brightest pixel is 1.
    """
    size = min(shape)
    centre = np.array(shape) / 2 + rng.uniform(-0.12, 0.12, size=2) * size
    image = np.zeros(shape)
    for _ in range(rng.integers(1, 5)):
        knots = _knots(rng, centre + rng.normal(0, 0.05, size=2) * size, size)
        weights = np.exp(rng.normal(0, 0.5, size=len(knots)))
        part = np.zeros(shape)
        places = np.round(knots).astype(int)
        inside = ((places >= 0) & (places < np.array(shape))).all(axis=1)
        np.add.at(part, tuple(places[inside].T), weights[inside])
        part = ndimage.gaussian_filter(part, np.exp(rng.uniform(np.log(0.9), np.log(5.0))))
        # Halo of the optics, and fainter plasma around the core
        part += rng.uniform(0, 0.4) * ndimage.gaussian_filter(part, rng.uniform(3, 12))
        image += part / max(part.max(), 1e-30) * np.exp(rng.normal(0, 0.7))
    return image / image.max()


def _knots(rng, centre, size):
    """Points along a kernel, a ribbon or a loop, shape ``(n, 2)``."""
    kind = rng.integers(3)
    if kind == 0:
        return centre + rng.normal(0, rng.uniform(0.3, 3), size=(rng.integers(1, 5), 2))
    along = np.linspace(-1, 1, rng.integers(20, 60))
    length, bend = rng.uniform(0.03, 0.16) * size, rng.normal(0, 0.4)
    if kind == 1:
        curve = np.stack([along * length, bend * length * along**2 + np.cumsum(rng.normal(0, 0.4, len(along)))], axis=1)
    else:
        phase = along * rng.uniform(0.6, 2.6)
        curve = length * np.stack([np.sin(phase), rng.uniform(0.3, 1.5) * np.cos(phase)], axis=1)
    angle = rng.uniform(0, 2 * np.pi)
    return centre + curve @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
