"""Restoration of the saturated pixels of an observation."""

import numpy as np

from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.desaturation.filling.channels import MARGIN
from sunpy_restore.desaturation.filling.classical import diffraction
from sunpy_restore.desaturation.filling.mixture import limited, mixed, with_kriging
from sunpy_restore.desaturation.fringes.correction import correct_fill
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.fringes.significance import evident_cores
from sunpy_restore.networks.mixture import FillMixture

__all__ = ["needs_fringes", "restore", "with_network"]


def restore(observation, method, *, consistency=None, progress=False):
    """
    Fill the damaged pixels, and correct the fill with the diffraction fringes and the charge.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation, shape ``(ny, nx)``.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    consistency : ``"diffraction"`` or ``"none"``, optional
        See `sunpy_restore.desaturate`.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.core.restoration.methods.Restored`
        The filled image, shape ``(ny, nx)``. The method is, for example, ``"network+diffraction"`` if its fill was
        corrected.

    Raises
    ------
    ValueError
        Unknown consistency, one that contradicts the method, or one that the channel does not allow.
    """
    corrected = _is_corrected(observation, method, consistency)
    filled = method(observation, progress=progress)
    where = observation.mask
    if corrected and consistency is None and observation.level is None:
        # Of masked pixels nothing is known: without a bright core, structures of the corona would be taken for fringes
        where = evident_cores(observation, filled)
    if not (corrected and where.any()):
        return Restored(data=filled, filled=observation.mask)
    # Classical fills contain no information on the core: their correction is not damped where the corona hides fringes
    filled = correct_fill(observation, filled, where=where, damping=method.is_network)
    return Restored(data=filled, filled=observation.mask, method=f"{method.name}+diffraction")


def needs_fringes(method, consistency):
    """
    Whether a restoration needs to know the diffraction pattern.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    consistency : `str`, optional
        See `sunpy_restore.desaturate`.

    Returns
    -------
    `bool`
    """
    return method.function is diffraction or consistency == "diffraction"


def with_network(observation, network, *, progress=False):
    """
    Fill the damaged pixels by a network.

    The result of a network that downsamples depends slightly on the origin of its sampling grid and on the orientation
    of the image. The origin is therefore placed at a fixed distance from the damage, so that cutouts agree with the
    whole image, and the results of the four mirror images are averaged.

    Of a `~sunpy_restore.networks.mixture.FillMixture`, one network is used where a saturation level is known: that for
    saturated pixels on a linear scale, and the general one in display images. Otherwise the fill of the general one,
    `~sunpy_restore.desaturation.filling.mixture.limited` by the surroundings, the biharmonic one and kriging are
    averaged, see `~sunpy_restore.desaturation.filling.mixture.mixed`.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        The network.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Filled image, shape ``(ny, nx)``.
    """

    def applied(expert):
        return TiledNetwork.of(network.task, expert, network.device)

    def alone(chosen):
        return observation.fill(lambda window: _filled(chosen, window, progress))

    mixture = network.module
    if not isinstance(mixture, FillMixture):
        return alone(network)
    if observation.level is not None:
        return alone(applied(mixture.general if observation.channel is None else mixture.saturated))
    networks = [applied(expert) for expert in mixture.experts]

    def method(window):
        fills = [limited(window, _filled(expert, window, progress)) for expert in networks]
        return mixed(window, with_kriging(window, fills), mixture.weights)

    return observation.fill(method)


def _filled(network, window, progress):
    if network.receptive_radius is None:
        return network(window.channels, active=window.own, progress=progress)
    return _mean_of_mirrored(network, window, progress)


def _mean_of_mirrored(network, window, progress):
    """Mean result of a network for the mirror images of a window, which is padded to `MARGIN` around the damage."""
    where = np.argwhere(window.own)
    pads = [
        (max(MARGIN - low, 0), max(MARGIN - (length - 1 - high), 0))
        for low, high, length in zip(where.min(axis=0), where.max(axis=0), window.own.shape, strict=True)
    ]
    channels, own = (
        np.pad(image, [(0, 0)] * (image.ndim - 2) + pads, mode="symmetric") for image in (window.channels, window.own)
    )
    mirrored = [np.s_[..., ::up, ::left] for up in (1, -1) for left in (1, -1)]
    images = network.several([(channels[view], own[view]) for view in mirrored], progress=progress)
    images = [image[view] for image, view in zip(images, mirrored, strict=True)]
    inner = tuple(slice(before, length - after) for (before, after), length in zip(pads, own.shape, strict=True))
    return np.mean(images, axis=0)[inner]


def _is_corrected(observation, method, consistency):
    """Whether to correct the fill of a method with the fringes and the charge; refuses what is not possible."""
    if consistency not in (None, "diffraction", "none"):
        raise ValueError(f"Unknown consistency {consistency!r}; expected 'diffraction', 'none' or None.")
    if method.function is diffraction and consistency == "none":
        raise ValueError(
            f"Found consistency='none' with method={method.name!r}, which consists of this correction. Leave it out."
        )
    if needs_fringes(method, consistency) and observation.channel is None:
        raise ValueError(
            "Found an image whose diffraction pattern is not known; expected one of the channels "
            f"{', '.join(map(str, EUV_CHANNELS))} angstrom on a linear intensity scale, not an 8-bit or a "
            "rotated image. Use another method with consistency='none'."
        )
    if method.function is diffraction:
        return False
    return consistency == "diffraction" or (
        consistency is None and method.is_network and observation.channel is not None
    )
