"""Scores of textures: statistics beside those of the part of the physics that was kept back."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.granulation.generators import load_generator, load_texture
from sunpy_restore.granulation.recipe.textures import read_texture
from sunpy_restore.granulation.statistics import compare, diversity
from sunpy_restore.granulation.tiles import mosaic_of

__all__ = ["Made", "Request", "evaluation_pairs", "measure", "restorers"]

_SIDE = 1024  # pixels of a texture that is scored
_REFINED = 416  # of one whose tiles evolve, each of which takes a thousand others
_SEEDS = (1, 2, 3)
_KEPT = (
    "contrast_ratio",
    "histogram_ks",
    "spectrum_worst",
    "spectrum_chi2",
    "granules_ks",
    "granules_density_ratio",
    "repetition",
    "seam_ratio",
    "nearest_copy",
)


class Request(NamedTuple):
    """
    What to make, and what it was learned from.

    Parameters
    ----------
    seed : `int`
        Seed.
    training : `numpy.ndarray`
        What the generator has seen, in relative intensity.
    pixel : `float`
        Side of a pixel in km.
    """

    seed: int
    training: np.ndarray
    pixel: float


class Made(NamedTuple):
    """
    A texture.

    Parameters
    ----------
    image : `numpy.ndarray`
        Relative intensity.
    other : `numpy.ndarray`, optional
        That of another seed.
    rows, columns : `numpy.ndarray` of `int`
        Where tiles are joined.
    period : `int`, optional
        Pixels from one tile to the next.
    """

    image: np.ndarray
    other: np.ndarray | None = None
    rows: np.ndarray = ()
    columns: np.ndarray = ()
    period: int | None = None


def evaluation_pairs(task, directory):
    """
    Seeds, each with the part of the image that was kept back.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Folder of the training data.

    Yields
    ------
    source : `str`
        Name of the image.
    request : `Request`
        What to make.
    truth : `numpy.ndarray`
        The part kept back.
    """
    seen, kept = (read_texture(directory, split) for split in ("train", "validation"))
    for seed in _SEEDS:
        yield "MURaM", Request(seed, seen.images[0], seen.pixel), kept.images[0]


def restorers(task, methods=None, *, weights=None, device=None):
    """
    What makes textures, by name.

    Parameters
    ----------
    task : `str`
        Name of the task.
    methods : iterable of `str`, optional
        ``"network"``, for tiles also ``"network, greedy"``, ``"network, latent"`` and ``"network, genetic"``, beside
        ``"spectrum"`` and ``"physics"``, what was learned itself. By default all.
    weights, device
        See `sunpy_restore.synthesize_granulation`.

    Returns
    -------
    `dict`
        Functions ``restorer(request) -> Made``. That of evolved tiles makes a small texture of the first seed alone.

    Raises
    ------
    ValueError
        No such method.
    """
    kind = task.removeprefix("synthesize-")
    known = {"spectrum": _by_method("spectrum"), "physics": _physics}
    if kind == "convolutional":
        known = {"network": _by_method(kind, weights, device)} | known
    else:
        network = load_generator(kind, weights)[0]
        ways = {"network": "seam"} | {f"network, {way}": way for way in ("greedy", "latent", "genetic")}
        known = {name: _by_tiles(network, way, device) for name, way in ways.items()} | known
    unknown = set(methods or ()) - set(known)
    if unknown:
        raise ValueError(f"Found the method {unknown.pop()!r}, expected one of {', '.join(known)}.")
    return known if methods is None else {name: known[name] for name in methods}


def _by_method(method, weights=None, device=None):
    def restorer(request):
        whole = slice(0, _SIDE)
        images = [
            load_texture(method, seed, weights=weights, device=device)[0]((_SIDE, _SIDE)).window(whole, whole)
            for seed in (request.seed, request.seed + 100)
        ]
        return Made(*images)

    return restorer


def _by_tiles(network, stitching, device):
    def drawn(side, seed):
        texture = mosaic_of(network, (side, side), stitching=stitching, seed=seed, device=device)
        return texture.window(slice(0, side), slice(0, side)), texture.mosaic

    def restorer(request):
        if stitching == "genetic" and request.seed != _SEEDS[0]:
            return None
        side = _REFINED if stitching == "genetic" else _SIDE
        image, mosaic = drawn(side, request.seed)
        other = None if stitching == "genetic" else drawn(side, request.seed + 100)[0]
        seams = mosaic.seams()
        return Made(image, other, seams.rows, seams.columns, mosaic.layout.side - mosaic.layout.overlap)

    return restorer


def _physics(request):
    """The part that was learned, which shows how far two parts of the same image differ; it is but one."""
    return Made(request.training) if request.seed == _SEEDS[0] else None


def measure(task, observed, restored, truth):
    """
    Scores of a texture.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `Request`
        What was asked for.
    restored : `Made`
        The texture.
    truth : `numpy.ndarray`
        The part of the image that was kept back.

    Returns
    -------
    `dict` of `float`
        Of `~sunpy_restore.granulation.statistics.compare`, and as ``seeds_apart`` the distance of patches of two
        textures over that of two halves of the part kept back, which is small if a generator knows few textures.
    """
    training = None if restored.image is observed.training else observed.training
    figures = compare(
        restored.image, truth, observed.pixel, training=training, rows=restored.rows, columns=restored.columns,
        period=restored.period,
    )  # fmt: skip
    result = {name: figures[name] for name in _KEPT if name in figures}
    if restored.other is not None:
        result["seeds_apart"] = diversity([restored.image, restored.other], truth)["ratio"]
    return result
