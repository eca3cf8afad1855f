"""Enhance an observation: normalise it, apply a method, and convert the result to the unit of the observation."""

from dataclasses import replace
from functools import partial

import numpy as np

from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.task import resolve
from sunpy_restore.core.tiles.local import apply_tiled
from sunpy_restore.enhancement.deconvolution.classical import bicubic, richardson_lucy, richardson_lucy_signed
from sunpy_restore.enhancement.deconvolution.linear import CONTINUUM_RADIUS, apply_filter, continuum_filter
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE
from sunpy_restore.enhancement.optics.telescope import HMI

__all__ = [
    "restore",
    "with_bicubic",
    "with_network",
    "with_richardson_lucy",
    "with_richardson_lucy_signed",
    "with_wiener",
]

_NOISE_REDUCED = ("network", "richardson-lucy", "wiener")
"""Methods for continuum images that restore an image with the noise of the training images."""

_MOST_NOISE = 0.015
"""White noise of a continuum image, in units of the quiet-Sun intensity; the uncertainty is calibrated up to 0.01."""

_ROWS = 512
"""Rows of the input that are converted together; it bounds the memory for temporary arrays."""

_MARGIN = 4
"""Rows above and below them that the interpolation needs."""

_BICUBIC_RADIUS = 3
_RICHARDSON_LUCY_RADIUS = 64
"""Pixels. Richardson-Lucy has no finite receptive radius; contributions from beyond are smaller than the noise."""


def restore(observation, method, *, progress=False):
    """
    Enhance an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation, shape ``(ny, nx)``.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method, which restores the normalised image.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.core.restoration.methods.Restored`
        Shape ``(2 * ny, 2 * nx)``, in the unit of the observation: restored on the disk, interpolated off the disk and
        in masked pixels and outliers, and NaN in other pixels without a value.
    """
    restored = method(observation, progress=progress)
    untrusted = observation.untrusted
    mask = repeated(untrusted, 2) if untrusted is not None and untrusted.any() else None
    return Restored(data=_denormalised(restored, observation), mask=mask, cards=_cards(observation, method))


def _cards(observation, method):
    """Header cards of the noise that a method used, in Gauss or per cent of the quiet-Sun intensity."""
    if observation.noise is not None:
        return {"RSTNOISE": round(1e3 * observation.noise, 2)} if method.name == "network" else {}
    noise = observation.white_noise if method.name in _NOISE_REDUCED else 0.0
    if noise > _MOST_NOISE:
        warn_user(
            f"Found white noise of {100 * noise:.2g} % of the quiet-Sun intensity; expected at most "
            f"{100 * _MOST_NOISE:g} %. The image is smoothed before it is restored, and its uncertainty is not "
            "calibrated for so much noise. Average several images, or check their calibration."
        )
    return {"RSTNOISE": round(100 * noise, 3)} if noise > CONTINUUM_NOISE else {}


def with_network(observation, network, *, progress=False):
    """
    Enhance the normalised image with a network.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation, shape ``(ny, nx)``.
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        The network.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``; NaN in tiles without any pixel on the disk.
    """
    if observation.telescope != HMI:
        consistent = partial(resolve(network.task.data_consistency), telescope=observation.telescope)
        network = TiledNetwork.of(replace(network.task, data_consistency=consistent), network.module, network.device)
    return network(observation.channels(), active=observation.on_disk, progress=progress)


def with_bicubic(observation, *, progress=False):
    """
    Interpolate the normalised image with `~sunpy_restore.enhancement.deconvolution.classical.bicubic`.

    Parameters
    ----------
    observation, progress
        As for `with_network`.
    """
    return _tiled(bicubic, _BICUBIC_RADIUS, observation, progress)


def with_richardson_lucy(observation, *, progress=False):
    """
    Deconvolve the normalised image with `~sunpy_restore.enhancement.deconvolution.classical.richardson_lucy`.

    Parameters
    ----------
    observation, progress
        As for `with_network`.
    """
    kernel = observation.telescope.transfer_kernel()
    function = partial(richardson_lucy, kernel=kernel)
    return _tiled(function, _RICHARDSON_LUCY_RADIUS, observation, progress, observation.denoised())


def with_wiener(observation, *, progress=False):
    """
    Filter the normalised image with `~sunpy_restore.enhancement.deconvolution.linear.continuum_filter`.

    Parameters
    ----------
    observation, progress
        As for `with_network`.
    """
    filters = continuum_filter(observation.white_noise, observation.telescope)
    function = partial(apply_filter, filters=filters)
    return _tiled(function, CONTINUUM_RADIUS, observation, progress, observation.denoised())


def with_richardson_lucy_signed(observation, *, progress=False):
    """
    Deconvolve a magnetogram with `~sunpy_restore.enhancement.deconvolution.classical.richardson_lucy_signed`.

    Parameters
    ----------
    observation, progress
        As for `with_network`.
    """
    kernel = observation.telescope.transfer_kernel()
    return _tiled(partial(richardson_lucy_signed, kernel=kernel), _RICHARDSON_LUCY_RADIUS, observation, progress)


def _tiled(function, radius, observation, progress, image=None):
    """Apply a function of an image, with a receptive radius in pixels, to the normalised image or another one."""
    image = observation.normalised() if image is None else image
    return apply_tiled(
        lambda batch: np.stack([function(tile[0])[None] for tile in batch]), image, scale=2,
        halo=radius, tile=384, batch=1, active=observation.on_disk, progress=progress, description="enhance",
    )  # fmt: skip


def _denormalised(restored, observation):
    """Restored values on the disk and interpolated ones elsewhere, in the unit of the data; NaN in gaps."""
    data, gaps, on_disk = observation.data, observation.gaps, observation.on_disk
    kind = np.result_type(data.dtype, np.float32)
    result = restored if restored.dtype == kind else restored.astype(kind)
    ny = data.shape[0]
    for first in range(0, ny, _ROWS):
        last = min(first + _ROWS, ny)
        rows, around = slice(2 * first, 2 * last), slice(max(first - _MARGIN, 0), min(last + _MARGIN, ny))
        inner = slice(2 * (first - around.start), 2 * (last - around.start))
        disk = repeated(on_disk[first:last], 2)
        quiet_sun = observation.level * bicubic(observation.limb_darkening[around])[inner]
        block = result[rows] * quiet_sun.astype(kind)
        if not disk.all():
            block = np.where(disk, block, bicubic(data[around])[inner])
            if gaps is not None:
                block[repeated(gaps[first:last], 2)] = np.nan
        result[rows] = block
    return result
