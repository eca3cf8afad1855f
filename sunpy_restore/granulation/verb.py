"""The verb: photospheric texture of any size."""

from numbers import Integral

import numpy as np

import astropy.units as u

from sunpy_restore.core.header import Provenance
from sunpy_restore.core.maps import new_map
from sunpy_restore.granulation.generators import load_texture
from sunpy_restore.granulation.output import KM_PER_ARCSEC, checked_target, drawn, synthetic_header
from sunpy_restore.granulation.regrid import Regridded
from sunpy_restore.granulation.task import METHODS, STITCHINGS

__all__ = ["synthesize_granulation"]

_FINEST, _COARSEST = 0.1, 100.0  # pixels of a result in those of a generator


def synthesize_granulation(
    shape,
    *,
    method="convolutional",
    stitching=None,
    seed=None,
    scale=None,
    weights=None,
    device=None,
    refine_worst=0,
    out=None,
    progress=False,
):
    """
    Make a photospheric texture of any size.

    It looks like the granulation of the quiet Sun that its generator has learned, and shows no place on the Sun. A
    convolutional generator makes the image of a field of noise, without tiles, so that there is no seam, and images of
    the same seed are parts of one another. The other generators make tiles of 128 pixels, which are chosen and
    stitched.

    Parameters
    ----------
    shape : pair of `int`
        Pixels ``(ny, nx)``.
    method : ``"convolutional"``, ``"gan"``, ``"vae"`` or ``"spectrum"``
        Spatial GAN; tiles of a GAN or of a variational autoencoder; or a Gaussian random field with the power spectrum
        of granulation, which has no granules.
    stitching : ``"seam"``, ``"greedy"``, ``"latent"`` or ``"genetic"``, optional
        How tiles are put together, by default ``"seam"``: see `sunpy_restore.granulation.stitching.stitch`.
    seed : `int`, optional
        Texture of the same shape and seed are the same. By default it is drawn; the header tells it.
    scale : `~astropy.units.Quantity`, optional
        Side of a pixel, in km on the Sun, or in arcsec as seen from 1 au at the centre of the disk. By default that
        of the generator, 48 km (0.0662 arcsec). Larger pixels hold the mean of what they cover; smaller ones are
        interpolated, and show nothing smaller.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file, of a generator of the method, also one trained on
        another texture. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    refine_worst : `int`
        Of how many tiles that fit their neighbours worst to look for better ones.
    out : path-like, optional
        A file ``.fits`` or ``.zarr`` to write, band by band, for images that are larger than memory. The data of the
        result then lie on disk.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy.map.GenericMap`
        Intensity relative to its mean, ``float32``, no unit. Its mean is that of the texture learned, 1, over
        infinitely many pixels, and near to it over few.

    Raises
    ------
    TypeError
        The shape is no pair of numbers, the seed no number, or the scale no `~astropy.units.Quantity`.
    ValueError
        A shape, seed or scale out of range; no such method or stitching, or one that the method does not have.
    FileExistsError
        The file to write exists.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Notes
    -----
    Header keywords: ``SYNTHETIC`` is T, and so is ``RSTSYNTH``, because sunpy saves no keyword of more than eight
    letters; ``RSTSEED`` is the seed; ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY``
    line say how it was made. Coordinates are helioprojective about the middle of the disk, from 1 au, at a reference
    epoch.

    References
    ----------
    * Sierra Acosta 2020, thesis
    * Jetchev et al. 2016, https://doi.org/10.48550/arXiv.1611.08207
    * Karras et al. 2018, https://doi.org/10.48550/arXiv.1710.10196
    * Kingma & Welling 2014, https://doi.org/10.48550/arXiv.1312.6114

    Examples
    --------
    >>> from sunpy_restore import synthesize_granulation
    >>> granules = synthesize_granulation((64, 96), method="spectrum", seed=1)
    >>> granules.data.shape, granules.meta["synthetic"], round(float(granules.scale.axis1.value), 4)
    ((64, 96), True, 0.0662)
    """
    shape, seed = _shape(shape), _seed(seed)
    path = checked_target(out)
    _check_method(method, stitching, weights, refine_worst)
    wanted = _pixel(scale)
    draw, pixel, named = load_texture(
        method, seed, stitching=stitching, weights=weights, device=device, refine_worst=refine_worst, progress=progress
    )
    ratio = 1.0 if wanted is None else wanted / pixel
    if not _FINEST <= ratio <= _COARSEST:
        raise ValueError(
            f"Found a scale of {wanted:.4g} km, expected {_FINEST * pixel:.4g} to {_COARSEST * pixel:.4g} km for a "
            f"texture learned at {pixel:.4g} km."
        )
    texture = draw(shape) if ratio == 1 else Regridded(draw, shape, ratio)
    provenance = Provenance(task=f"synthesize-{method}", method=named.pop("method", method), **named)
    header = synthetic_header(shape, ratio * pixel, _cards(provenance, seed))
    return new_map(drawn(texture, header, path, progress=progress, description="granulation"), header)


def _cards(provenance, seed):
    """What the header says of how it was made, of which nothing was restored."""
    cards = {key: value for key, value in provenance.cards().items() if key != "RESTORED"}
    return {"SYNTHETIC": True, "RSTSYNTH": True, "RSTSEED": seed} | cards | {"HISTORY": "\n".join(provenance.history())}


def _shape(shape):
    try:
        ny, nx = shape
    except (TypeError, ValueError):
        raise TypeError(f"Found the shape {shape!r}, expected two numbers of pixels (ny, nx).") from None
    for length in (ny, nx):
        if not isinstance(length, Integral) or isinstance(length, bool | np.bool_):
            raise TypeError(f"Found the shape {shape!r}, expected two whole numbers of pixels (ny, nx).")
        if length < 1:
            raise ValueError(f"Found the shape {shape!r}, expected at least one pixel along each axis.")
    return int(ny), int(nx)


def _seed(seed):
    if seed is None:
        return int(np.random.default_rng().integers(2**31))
    if not isinstance(seed, Integral) or isinstance(seed, bool | np.bool_):
        raise TypeError(f"Found the seed {seed!r}, expected a whole number.")
    if not 0 <= seed < 2**63:
        raise ValueError(f"Found the seed {seed}, expected a number from 0 to {2**63 - 1}.")
    return int(seed)


def _pixel(scale):
    """Side of a pixel in km."""
    if scale is None:
        return None
    if not isinstance(scale, u.Quantity) or not scale.isscalar:
        raise TypeError(f"Found the scale {scale!r}, expected a quantity such as 48 * u.km or 0.1 * u.arcsec.")
    unit = scale.unit * u.pix if u.pix in scale.unit.bases else scale.unit
    value = u.Quantity(scale.value, unit)
    if unit.is_equivalent(u.km):
        return float(value.to_value(u.km))
    if unit.is_equivalent(u.arcsec):
        return float(value.to_value(u.arcsec)) * KM_PER_ARCSEC
    raise TypeError(f"Found the scale {scale}, expected a length on the Sun or an angle, such as 48 * u.km.")


def _check_method(method, stitching, weights, refine_worst):
    if method not in METHODS:
        raise ValueError(f"Found the method {method!r}, expected one of {', '.join(METHODS)}.")
    tiled = method in ("gan", "vae")
    if stitching is not None and not tiled:
        raise ValueError(
            f"Found the stitching {stitching!r} for the method {method!r}, which has no tiles. Leave it out."
        )
    if stitching is not None and stitching not in STITCHINGS:
        raise ValueError(f"Found the stitching {stitching!r}, expected one of {', '.join(STITCHINGS)}.")
    if weights is not None and method == "spectrum":
        raise ValueError("Found weights for the method 'spectrum', which has none. Leave them out.")
    if not isinstance(refine_worst, Integral) or refine_worst < 0:
        raise ValueError(f"Found refine_worst={refine_worst!r}, expected a number of tiles.")
    if refine_worst and not tiled:
        raise ValueError(f"Found refine_worst for the method {method!r}, which has no tiles. Leave it out.")
