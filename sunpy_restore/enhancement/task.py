"""The two tasks of `sunpy_restore.enhance`: continuum and line-of-sight magnetogram."""

from sunpy_restore.core.pixels import repeated
from sunpy_restore.core.task import Restoration
from sunpy_restore.enhancement.classical import CONTINUUM_METHODS, MAGNETOGRAM_METHODS, bicubic
from sunpy_restore.enhancement.forward import MAGNETOGRAM_NOISE, transfer_kernel
from sunpy_restore.enhancement.linear import FILTER_SIZE, SMOOTHING, data_consistency, significance, wiener_filter

__all__ = ["CONTINUUM", "MAGNETOGRAM"]

_FIELD_DIAMETER = 0.4
"""
Aperture in metres by which the consistency of magnetograms is judged.

Between the target's own 0.28 m, and none, which would take the result as the Sun itself: users convolve it with HMI's
point spread function, and should find their magnetogram again within 5 %, its unsigned flux within 4 %.
"""


def _build_network(hyperparameters):
    """The network of a configuration or of a weights file."""
    from sunpy_restore.networks.papers.enhance import Enhance
    from sunpy_restore.networks.residual import ResidualRestorer

    options = dict(hyperparameters)
    architecture = options.pop("architecture", None)
    if architecture == "Enhance":
        return Enhance(**options)
    if architecture == "ResidualRestorer":
        filter_options = {key: options.pop(key) for key in ("noise_to_signal", "spectral_index")}
        network = ResidualRestorer(filter_size=FILTER_SIZE, **options)
        network.set_filter(wiener_filter(**filter_options))
        return network
    raise ValueError(f"Found the architecture {architecture!r}, expected 'Enhance' or 'ResidualRestorer'.")


def _consistent_continuum(restored, observed):
    return data_consistency(restored, observed, wiener_filter(0.3, 1.0))


def _consistent_magnetogram(restored, observed):
    """Sharpened where there is field above the noise, interpolated where there is none, and consistent everywhere."""
    weight = repeated(significance(observed, 2 * MAGNETOGRAM_NOISE), 2)
    restored = weight * restored + (1 - weight) * bicubic(observed)
    filters, kernel = wiener_filter(0.015, 1.0, diameter=_FIELD_DIAMETER), transfer_kernel(diameter=_FIELD_DIAMETER)
    return data_consistency(restored, observed, filters, kernel, noise=MAGNETOGRAM_NOISE)


_COMMON = {
    "verb": "enhance",
    "doi": "10.1051/0004-6361/201731344",
    "scale": 2,
    "finish_reach": 2 * (FILTER_SIZE // 2 + 1) + 3 * SMOOTHING,
    "build_network": _build_network,
    "recipe": "sunpy_restore.enhancement.recipe",
}

CONTINUUM = Restoration(
    name="enhance-continuum",
    title="Deconvolution and x2 super-resolution of HMI continuum images",
    unit="quiet-Sun intensity",
    classical=CONTINUUM_METHODS,
    finish=_consistent_continuum,
    **_COMMON,
)

MAGNETOGRAM = Restoration(
    name="enhance-magnetogram",
    title="Deconvolution and x2 super-resolution of HMI line-of-sight magnetograms",
    unit="kG",
    classical=MAGNETOGRAM_METHODS,
    finish=_consistent_magnetogram,
    **_COMMON,
)
