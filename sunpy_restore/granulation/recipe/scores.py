"""Scores of textures: statistics compared with those of the part of the simulation that was kept back."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sunpy_restore.core.datasets.manifest import has_manifest, read_manifest
from sunpy_restore.core.recipes.recipe import ScoreColumn
from sunpy_restore.core.restoration.methods import restore_observation
from sunpy_restore.granulation.recipe.textures import listed_images, read_texture
from sunpy_restore.granulation.request import Request
from sunpy_restore.granulation.statistics import compare, diversity

__all__ = ["COLUMNS", "ScoredRequest", "Synthesized", "evaluation_pairs", "measure", "synthesize"]

COLUMNS = {
    "contrast_ratio": ScoreColumn("contrast / simulation", "{:.3f}"),
    "histogram_ks": ScoreColumn("KS distance of intensities", "{:.4f}"),
    "spectrum_worst": ScoreColumn("largest error of power spectrum [%]", "{:.1%}"),
    "spectrum_chi2": ScoreColumn("reduced chi square of power spectrum", "{:.2f}"),
    "granules_ks": ScoreColumn("KS distance of granule areas", "{:.3f}"),
    "granules_density_ratio": ScoreColumn("granules per area / simulation", "{:.3f}"),
    "repetition": ScoreColumn("autocorrelation at tile period [%]", "{:.2%}"),
    "seam_ratio": ScoreColumn("gradient at seams / elsewhere", "{:.3f}"),
    "nearest_copy": ScoreColumn("distance to training data / kept back", "{:.2f}"),
    "seeds_apart": ScoreColumn("distance between seeds / kept back", "{:.2f}"),
}
"""Columns of the table of scores."""

_SIDE = 1024  # pixels of a scored texture
_GENETIC_SIDE = 416  # pixels, with stitching="genetic"
_SEEDS = (1, 2, 3)
_SEED_STEP = 100  # from the seed of a texture to that of the texture it is compared with


@dataclass(frozen=True, kw_only=True)
class ScoredRequest(Request):
    """
    A texture to generate and score.

    Parameters
    ----------
    shape, seed, pixel, stitching, refine_worst
        See `~sunpy_restore.granulation.request.Request`; ``pixel`` is that of the simulation.
    training : `numpy.ndarray`
        Part of the simulation that the generator was trained on, in relative intensity.
    """

    training: np.ndarray


class Synthesized(NamedTuple):
    """
    A texture to score.

    Parameters
    ----------
    image : `numpy.ndarray`
        Relative intensity.
    other : `numpy.ndarray`, optional
        Texture of the same method with another seed.
    rows, columns : `numpy.ndarray` of `int`
        Positions of the seams, see `~sunpy_restore.granulation.stitching.layout.Seams`.
    period : `int`, optional
        Pixels from one tile to the next.
    """

    image: np.ndarray
    other: np.ndarray | None = None
    rows: np.ndarray = ()
    columns: np.ndarray = ()
    period: int | None = None


def evaluation_pairs(directory):
    """
    Textures to generate, with the part of the simulation that was kept back.

    Parameters
    ----------
    directory : path-like
        Folder of the training data.

    Yields
    ------
    source : `str`
        Name of the simulation.
    request : `ScoredRequest`
        The texture to generate; one for each of three seeds.
    truth : `numpy.ndarray`
        The part kept back, in relative intensity.
    """
    seen, kept = (read_texture(directory, split) for split in ("train", "validation"))
    if has_manifest(directory):
        source = read_manifest(directory).split("validation")[0].group
    else:
        source = listed_images(directory).split("validation")[0].name
    for seed in _SEEDS:
        request = ScoredRequest(shape=(_SIDE, _SIDE), seed=seed, pixel=seen.pixel, training=seen.images[0])
        yield source, request, kept.images[0]


def synthesize(request, method, options):
    """
    Generate a texture and what its scores need.

    Parameters
    ----------
    request : `ScoredRequest`
        The request.
    method : `~sunpy_restore.core.restoration.methods.Method` or `None`
        The method; `None` for the training data themselves.
    options : mapping
        Fields of the request that are replaced, see `sunpy_restore.granulation.restore.restore`.

    Returns
    -------
    `Synthesized` or `None`
        The training data are scored for the first seed only. The same holds for ``stitching="genetic"``, of which a
        smaller texture without a second seed is generated, because each of its tiles requires a thousand others.
    """
    first = request.seed == _SEEDS[0]
    if method is None:
        return Synthesized(request.training) if first else None
    if options.get("stitching") == "genetic":
        if not first:
            return None
        texture, other = _texture(request, method, options, shape=(_GENETIC_SIDE, _GENETIC_SIDE)), None
    else:
        texture, other = (
            _texture(request, method, options, seed=seed) for seed in (request.seed, request.seed + _SEED_STEP)
        )
    image, other = texture.image(), None if other is None else other.image()
    if texture.layout is None:
        return Synthesized(image, other)
    seams = texture.layout.seams()
    return Synthesized(image, other, seams.rows, seams.columns, texture.layout.step)


def _texture(request, method, options, **changes):
    return restore_observation(request, method, **options, **changes).data


def measure(request, synthesized, truth):
    """
    Scores of a texture.

    Parameters
    ----------
    request : `ScoredRequest`
        The request.
    synthesized : `Synthesized`
        The texture.
    truth : `numpy.ndarray`
        The part of the simulation that was kept back.

    Returns
    -------
    `dict` of `float`
        Scores of `~sunpy_restore.granulation.statistics.compare`, and ``seeds_apart``: the distance between patches of
        two textures divided by that between the two halves of the part kept back. It is small if the generator makes
        few different textures.
    """
    training = None if synthesized.image is request.training else request.training
    figures = compare(
        synthesized.image, truth, request.pixel, training=training, rows=synthesized.rows,
        columns=synthesized.columns, period=synthesized.period,
    )  # fmt: skip
    result = {name: figures[name] for name in COLUMNS if name in figures}
    if synthesized.other is not None:
        result["seeds_apart"] = diversity([synthesized.image, synthesized.other], truth)["ratio"]
    return result
