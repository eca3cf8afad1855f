"""Good images of the corona, by which an unusual one is told: full frames, cutouts, binned ones, and other noise."""

from functools import partial

import numpy as np

from sunpy_restore.core.numerics.cells import cell_sums
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.geometry import OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS, Lasco
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.recipe.pairs import STRENGTHS
from sunpy_restore.inpainting.recipe.scenes import read_exposures
from sunpy_restore.inpainting.recipe.structure import structure

__all__ = ["good_images"]

_CUTOUTS = 6  # of each image
_SIDES = (160, 900)  # pixels
_MOST_UNOBSERVED = 0.5  # of a cutout
_TRIES = 50
_FIELD = {"C2": 7.0, "C3": 30.0}  # solar radii; there is no corona outside
_MORE_NOISE = (0.3, 1.2)  # relative to that of the image
_LOST = (0.002, 0.1)  # share of missing pixels


def good_images(directory):
    """
    Real images, and what users cut, bin and observe otherwise.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Returns
    -------
    `list` of ``(name, make)``
        ``make()`` returns the `~sunpy_restore.inpainting.observation.Observation`.
    """
    found = []
    for split in ("train", "validation"):
        for number, exposure in enumerate(read_exposures(directory, split)):
            kinds = ["whole", "binned", "noisier", "other structure", *(f"part {part}" for part in range(_CUTOUTS))]
            for index, kind in enumerate(kinds):
                seed = [number, index, split == "train"]
                found.append((f"{exposure.name}, {kind}", partial(_make, exposure, kind.split()[0], seed)))
    return found


def _make(exposure, kind, seed):
    """The observation of one kind."""
    rng = np.random.default_rng(seed)
    known, binning, center = ~exposure.unobserved, 1, exposure.center
    image = np.where(known, exposure.image - exposure.bias, 0)
    if kind == "noisier":
        noise = 2 * np.sqrt(np.maximum(image, 0)) * find_noise(np.sqrt(np.maximum(image, 0)), known, order=3)
        image = image + rng.uniform(*_MORE_NOISE) * noise * rng.standard_normal(image.shape)
    elif kind == "other":
        strength = STRENGTHS[exposure.detector] * rng.uniform(0.5, 2)
        image = image * (1 + structure(image.shape, center, rng, strength))
    elif kind == "binned":
        binning = 2
        share = cell_sums(known, binning) / binning**2
        image, known = cell_sums(image, binning) / binning**2, share == 1
        center = tuple((place + 0.5) / binning - 0.5 for place in center)
    elif kind == "part":
        y, x = np.indices(known.shape, sparse=True)
        radius = np.hypot(x - center[0], y - center[1]) / SOLAR_RADIUS[exposure.detector]
        inside = (radius > OCCULTER_EDGE[exposure.detector][0]) & (radius < _FIELD[exposure.detector])
        rows, columns = _place(known & inside, rng)
        image, known = image[rows, columns], known[rows, columns]
        center = center[0] - columns.start, center[1] - rows.start
    mask = draw_losses(image.shape, rng, np.exp(rng.uniform(*np.log(_LOST))), block=32 // binning) & known
    if mask[known].mean() > 0.5:
        mask &= False
    lasco = Lasco(
        detector=exposure.detector, level=exposure.level, center=center, bias=exposure.bias, binning=binning
    )  # fmt: skip
    return Observation(
        image=lose(np.where(known, image + exposure.bias, 0), mask), mask=mask, unobserved=~known, center=center,
        detector=exposure.detector, level=exposure.level, bias=exposure.bias, binning=binning,
        flat_field=flat_field(image.shape, lasco, ~known),
    )  # fmt: skip


def _place(known, rng):
    """Rows and columns of a cutout that is mostly observed."""
    place = np.s_[:, :]
    for _ in range(_TRIES):
        sides = np.exp(rng.uniform(*np.log(_SIDES), 2)).astype(int)
        corner = [rng.integers(0, length - side + 1) for length, side in zip(known.shape, sides, strict=True)]
        place = tuple(slice(low, low + side) for low, side in zip(corner, sides, strict=True))
        if known[place].mean() > 1 - _MOST_UNOBSERVED:
            break
    return place
