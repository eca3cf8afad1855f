"""Records of `sunpy_restore.enhance` and its tasks: continuum images and line-of-sight magnetograms."""

from sunpy_restore.core.task import MapFunction, Option, Restoration, network_builder

__all__ = ["CONTINUUM", "ENHANCE", "MAGNETOGRAM", "PRODUCTS", "TELESCOPE"]

TELESCOPE = "telescope"
"""Hyperparameter of networks for other telescopes, see `~sunpy_restore.enhancement.optics.telescope.Telescope`."""

_build = network_builder(Enhance="papers.enhance", ResidualRestorer="residual")

_FILTER = ("noise_to_signal", "power", "spectral_index")
"""Hyperparameters of the linear filters of residual networks."""


def _build_network(hyperparameters):
    """Build a network from its hyperparameters."""
    given = {key: value for key, value in hyperparameters.items() if key in _FILTER}
    own = {key: value for key, value in hyperparameters.items() if key not in (*given, TELESCOPE)}
    network = _build(own)
    if given:
        import numpy as np

        from sunpy_restore.enhancement.deconvolution.linear import wiener_filter
        from sunpy_restore.enhancement.optics.telescope import Telescope

        telescope = Telescope.from_description(hyperparameters.get(TELESCOPE))
        ratios = [given["noise_to_signal"]] if "power" not in given else [n**2 / given["power"] for n in network.levels]
        size, index = network.filter.shape[-1], given["spectral_index"]
        filters = [wiener_filter(ratio, index, size, telescope=telescope) for ratio in ratios]
        network.set_filter(np.concatenate(filters))
    return network


_COMMON = {
    "doi": "10.1051/0004-6361/201731344",
    "scale": 2,
    "consistency_radius": "sunpy_restore.enhancement.deconvolution.linear:CONSISTENCY_RADIUS",
    "build_network": _build_network,
    "network_method": "sunpy_restore.enhancement.restore:with_network",
    "restore": "sunpy_restore.enhancement.restore:restore",
    "recipe": "sunpy_restore.enhancement.recipe:EnhancementRecipe",
    "checks": "sunpy_restore.enhancement.checks:checks",
    "evidence": "sunpy_restore.enhancement.uncertainty:evidence",
    "fingerprint": "sunpy_restore.enhancement.likeness:fingerprint",
}

CONTINUUM = Restoration(
    name="enhance-continuum",
    title="Deconvolution and x2 super-resolution of HMI continuum images",
    unit="quiet-Sun intensity",
    channels=("image", "noise"),
    classical={
        "bicubic": "sunpy_restore.enhancement.restore:with_bicubic",
        "richardson-lucy": "sunpy_restore.enhancement.restore:with_richardson_lucy",
        "wiener": "sunpy_restore.enhancement.restore:with_wiener",
    },
    data_consistency="sunpy_restore.enhancement.deconvolution.linear:consistent_continuum",
    **_COMMON,
)

MAGNETOGRAM = Restoration(
    name="enhance-magnetogram",
    title="Deconvolution and x2 super-resolution of HMI line-of-sight magnetograms",
    unit="kG",
    channels=("image", "noise"),
    classical={
        "bicubic": "sunpy_restore.enhancement.restore:with_bicubic",
        "richardson-lucy": "sunpy_restore.enhancement.restore:with_richardson_lucy_signed",
    },
    data_consistency="sunpy_restore.enhancement.deconvolution.linear:consistent_magnetogram",
    **_COMMON,
)

PRODUCTS = {"continuum": CONTINUUM, "magnetogram": MAGNETOGRAM}
"""Products that `sunpy_restore.enhance` restores, and their tasks."""

ENHANCE = MapFunction(
    name="enhance",
    module="sunpy_restore.enhancement.verb",
    summary="deconvolve SDO/HMI images and magnetograms and double their sampling",
    tasks=(CONTINUUM, MAGNETOGRAM),
    observation="sunpy_restore.enhancement.observation:Observation",
    options=(
        Option(
            "product",
            "product of a file whose CONTENT does not tell it, such as a SHARP segment",
            choices=tuple(PRODUCTS),
            in_report=True,
        ),
        Option(
            "noise",
            "1-sigma noise of a magnetogram, such as '10 G'; by default it is measured in the image",
            metavar="FIELD",
            read="astropy.units:Quantity",
            in_report=True,
        ),
    ),
)
