"""The function `sunpy_restore.synthesize_granulation` and its tasks, one for each kind of generator."""

from sunpy_restore.core.task import Function, Task, network_builder

__all__ = ["GENERATORS", "METHODS", "STITCHINGS", "SYNTHESIZE_GRANULATION", "generator_of"]

METHODS = ("convolutional", "gan", "vae", "spectrum")
"""Methods of the verb: kinds of generators, the default first, and a random field that needs no network."""

STITCHINGS = ("seam", "greedy", "latent", "genetic")
"""
Ways of stitching tiles, the default of the verb first.

``greedy``
    Tiles chosen row by row, blended by weights.
``seam``
    Tiles chosen row by row, cut where they differ least.
``latent``
    Tiles chosen row by row, their features blended by weights.
``genetic``
    Tiles chosen row by row and refined by evolution, blended by weights.
"""


def _generator(kind, title, doi, **architectures):
    return Task(
        name=f"synthesize-{kind}",
        title=title,
        doi=doi,
        unit="range of intensities of the texture that was learned, as -1 to 1",
        build_network=network_builder(**architectures),
        network_method="sunpy_restore.granulation.restore:with_network",
        classical={"spectrum": "sunpy_restore.granulation.restore:with_spectrum"},
        restore="sunpy_restore.granulation.restore:restore",
        recipe="sunpy_restore.granulation.recipe:GranulationRecipe",
    )


GENERATORS = (
    _generator(
        "convolutional",
        "photospheric textures of any size by a spatial GAN",
        "10.48550/arXiv.1611.08207",
        SpatialGenerator="spatial",
    ),
    _generator(
        "gan",
        "tiles of photospheric texture by a GAN, stitched",
        "10.48550/arXiv.1710.10196",
        TileGenerator="granulation_gan",
    ),
    _generator(
        "vae",
        "tiles of photospheric texture by a variational autoencoder, stitched",
        "10.48550/arXiv.1312.6114",
        TileVAE="granulation_vae",
    ),
)
"""Tasks, by the method of the verb that uses them, which is the second part of their names."""


def generator_of(method):
    """The task of a method."""
    return next(task for task in GENERATORS if task.name == f"synthesize-{method}")


SYNTHESIZE_GRANULATION = Function(
    name="synthesize_granulation",
    module="sunpy_restore.granulation.verb",
    summary="make photospheric texture of any size",
    tasks=GENERATORS,
)
