"""Enhance an observation: normalised, by a method, and back in its unit."""

from functools import partial

import numpy as np

from sunpy_restore.core.inference import apply_tiled
from sunpy_restore.core.methods import Restored
from sunpy_restore.core.pixels import repeated
from sunpy_restore.enhancement.classical import bicubic, richardson_lucy, richardson_lucy_signed

__all__ = ["restore", "with_bicubic", "with_network", "with_richardson_lucy", "with_richardson_lucy_signed"]

_ROWS = 512
"""Rows of the input that are put back at a time, which bounds the memory for temporaries."""


def restore(observation, method, *, progress=False):
    """
    Enhance an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation, shape ``(ny, nx)``.
    method : `~sunpy_restore.core.methods.Method`
        The method; it restores the normalised image.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.core.methods.Restored`
        Shape ``(2 * ny, 2 * nx)``, in the unit of the observation: restored on the disk, interpolated off the disk, NaN
        where the observation has no value.
    """
    restored = method(observation, progress=progress)
    untrusted = observation.untrusted
    mask = repeated(untrusted, 2) if untrusted is not None and untrusted.any() else None
    return Restored(data=_in_its_unit(restored, observation), mask=mask)


def with_network(observation, network, *, progress=False):
    """
    Enhance the normalised image by a network.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation.
    network : `~sunpy_restore.core.network.TiledNetwork`
        The network.
    progress : `bool`
        Show a progress bar.
    """
    return network(observation.normalised(), active=observation.on_disk, progress=progress)


def _tiled(function, radius, observation, *, progress=False):
    """The normalised image by a function of an image with a receptive radius."""
    return apply_tiled(
        lambda batch: np.stack([function(tile[0])[None] for tile in batch]), observation.normalised(), scale=2,
        halo=radius, tile=384, batch=1, active=observation.on_disk, progress=progress, description="enhance",
    )  # fmt: skip


with_bicubic = partial(_tiled, bicubic, 3)
# Richardson-Lucy has no receptive radius; beyond 64 pixels its result changes by less than the noise
with_richardson_lucy = partial(_tiled, richardson_lucy, 64)
with_richardson_lucy_signed = partial(_tiled, richardson_lucy_signed, 64)


def _in_its_unit(restored, observation):
    """Restored values in the unit of the data on the disk, interpolated ones elsewhere, NaN where nothing was known."""
    data, valid, on_disk, relative = (
        getattr(observation, name) for name in ("data", "valid", "on_disk", "limb_darkening")
    )
    kind = np.result_type(data.dtype, np.float32)
    result = restored if restored.dtype == kind else restored.astype(kind)
    ny = data.shape[0]
    for first in range(0, ny, _ROWS):
        last = min(first + _ROWS, ny)
        rows, around = slice(2 * first, 2 * last), slice(max(first - 4, 0), min(last + 4, ny))
        inner = slice(2 * (first - around.start), 2 * (last - around.start))
        on_here = repeated(on_disk[first:last], 2)
        here = result[rows] * (observation.level * bicubic(relative[around])[inner]).astype(kind)
        if not on_here.all():
            here = np.where(on_here, here, bicubic(data[around])[inner])
            here[repeated(~valid[first:last], 2)] = np.nan
        result[rows] = here
    return result
