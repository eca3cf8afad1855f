"""The function `sunpy_restore.synthesize_granulation` and its tasks, one for each kind of generator."""

from dataclasses import dataclass

from sunpy_restore.core.task import Function, Task, network_builder

__all__ = ["CONVOLUTIONAL", "GAN", "METHODS", "STITCHINGS", "SYNTHESIZE_GRANULATION", "VAE", "GeneratorTask"]

STITCHINGS = ("seam", "greedy", "latent", "genetic")
"""
Ways of combining tiles, the default first.

``seam``
    Tiles are selected row by row and cut along the line of the smallest difference.
``greedy``
    Tiles are selected row by row and blended with weights.
``latent``
    Tiles are selected row by row; their features inside the generator are blended with weights.
``genetic``
    Tiles are selected row by row, refined by an evolutionary search and blended with weights.
"""


@dataclass(frozen=True, kw_only=True)
class GeneratorTask(Task):
    """
    The task of a network that generates textures.

    Parameters
    ----------
    name, title, doi, unit, build_network, network_method, recipe, classical, restore
        See `~sunpy_restore.core.task.Task`.
    stitchings : `tuple` of `str`
        Ways of combining the tiles that the network generates; empty if it generates whole images.
    """

    stitchings: tuple[str, ...] = ()

    @property
    def kind(self):
        """Kind of the generator: the second part of the name of the task."""
        return self.name.removeprefix("synthesize-")


_COMMON = {
    "unit": "range of intensities of the training texture, as -1 to 1",
    "classical": {"spectrum": "sunpy_restore.granulation.classical:spectrum"},
    "restore": "sunpy_restore.granulation.restore:restore",
    "recipe": "sunpy_restore.granulation.recipe:GranulationRecipe",
}

CONVOLUTIONAL = GeneratorTask(
    name="synthesize-convolutional",
    title="Photospheric textures of any size by a spatial GAN",
    doi="10.48550/arXiv.1611.08207",
    build_network=network_builder(SpatialGenerator="spatial"),
    network_method="sunpy_restore.granulation.restore:with_convolutional_network",
    **_COMMON,
)

GAN = GeneratorTask(
    name="synthesize-gan",
    title="Photospheric textures stitched from the tiles of a GAN",
    doi="10.48550/arXiv.1710.10196",
    build_network=network_builder(TileGenerator="granulation_gan"),
    network_method="sunpy_restore.granulation.restore:with_tile_network",
    stitchings=STITCHINGS,
    **_COMMON,
)

VAE = GeneratorTask(
    name="synthesize-vae",
    title="Photospheric textures stitched from the tiles of a variational autoencoder",
    doi="10.48550/arXiv.1312.6114",
    build_network=network_builder(TileVAE="granulation_vae", ThesisVAE="papers.granulation_vae"),
    network_method="sunpy_restore.granulation.restore:with_tile_network",
    stitchings=STITCHINGS,
    **_COMMON,
)

METHODS = {
    "convolutional": (CONVOLUTIONAL, "network"),
    "gan": (GAN, "network"),
    "vae": (VAE, "network"),
    "spectrum": (CONVOLUTIONAL, "spectrum"),
}
"""Methods of `sunpy_restore.synthesize_granulation`, the default first: the task and the name of its method."""

SYNTHESIZE_GRANULATION = Function(
    name="synthesize_granulation",
    module="sunpy_restore.granulation.verb",
    summary="generate photospheric texture of any size",
    tasks=(CONVOLUTIONAL, GAN, VAE),
)
