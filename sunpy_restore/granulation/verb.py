"""The function `sunpy_restore.synthesize_granulation`."""

import math

from sunpy_restore.core.images.maps import new_map
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.core.system.memory import enough_memory
from sunpy_restore.granulation.output import checked_target, texture_header, write_texture
from sunpy_restore.granulation.request import Request
from sunpy_restore.granulation.task import METHODS

__all__ = ["synthesize_granulation"]


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
    replace=None,
    overlap=None,
    pool=None,
    pool_size=None,
    population=None,
    generations=None,
    mutation_rate=None,
    goal=None,
    out=None,
    progress=False,
):
    """
    Generate a photospheric texture of any size.

    The texture has the statistics of the quiet-Sun granulation that the generator was trained on. It does not show any
    place on the Sun. The convolutional generator makes the image from a noise field, without tiles: there are no seams,
    and images with the same seed are parts of one another. The other generators make tiles of 128 x 128 pixels, which
    are selected and stitched.

    Parameters
    ----------
    shape : pair of `int`
        Pixels ``(ny, nx)``.
    method : ``"convolutional"``, ``"gan"``, ``"vae"`` or ``"spectrum"``
        Spatial GAN; tiles of a GAN or of a variational autoencoder; or a Gaussian random field with the power spectrum
        of granulation, which has no granules.
    stitching : ``"seam"``, ``"greedy"``, ``"latent"`` or ``"genetic"``, optional
        How tiles are combined, by default ``"seam"``: see `sunpy_restore.granulation.task.STITCHINGS`.
    seed : `int`, optional
        Textures with the same shape and seed are equal. By default the seed is drawn; it is in the header.
    scale : `~astropy.units.Quantity`, optional
        Side of a pixel: a length on the Sun, or an angle at disk centre seen from 1 au. By default that of the
        generator, 48 km (0.0662 arcsec). Larger pixels contain the mean over their area. Smaller ones are interpolated
        and contain no finer structure. With the same seed, the same structure is at the same coordinates.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file, of a generator of this kind. By default those of
        the registry, which come with the package except for ``"vae"``: these are downloaded, or found in a clone of the
        repository.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    refine_worst : `int`
        Number of tiles to replace by better matching ones, the worst first, by an evolutionary search.
    replace : iterable of pairs of `int`, optional
        Rows and columns of tiles that are replaced by other ones, counted from 0 at the first pixel, before the worst
        ones are refined.
    overlap : `int`, optional
        Pixels that neighbouring tiles share, 1 to half the side of a tile, by default 32; a multiple of 8 for
        ``stitching="latent"``. The thesis compares 10, 15 and 20.
    pool : path-like, optional
        A file ``.npz`` of tiles. It is made if it does not exist, and saves the time to make the tiles in later calls.
        The image depends on it: with a file that was made with another seed, size or shape, a seed gives another image.
    pool_size : `int`, optional
        Number of tiles to select from, by default ten per position. From a file with more tiles, as many are drawn at
        random; one with fewer is an error.
    population, generations : `int`, optional
        Latent vectors in a generation of the evolutionary search, at least 10, by default 50, and number of
        generations, by default 20.
    mutation_rate : `float`, optional
        Fraction of the components of a child that are mutated, by default 0.1.
    goal : `float`, optional
        Distance to the neighbours, in the squared range of the tiles, at which the search stops and below which a tile
        is not refined; by default 0.
    out : path-like, optional
        A file ``.fits``, ``.zarr`` or ``.tif``, which is written in bands of rows, for images larger than memory. The
        data of the result then stay on disk. Or a file ``.png`` of 16 bits, in which 0 to 65535 are the intensities 0
        to 2.
    progress : `bool`
        Show progress bars.

    Returns
    -------
    `~sunpy.map.GenericMap`
        Intensity relative to the mean of the training texture, ``float32``, shape ``(ny, nx)``, without unit. The mean
        of a large image is close to 1.

    Raises
    ------
    TypeError
        The shape is not a pair of integers, the seed not an integer, or the scale not a `~astropy.units.Quantity` of
        length or angle.
    ValueError
        Unknown method or stitching; options of tiles or weights for a method that does not use them; a value out of
        range; a pool of another generator, or with fewer tiles than positions; a shape beyond the memory without
        ``out``; an output of another kind; or no such device.
    FileExistsError
        The output exists.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.

    Notes
    -----
    Header keywords: ``SYNTHETIC`` is T, and so is ``RSTSYNTH``, because sunpy does not save keywords of more than eight
    characters. ``RSTSEED`` is the seed, ``RSTREPL`` the number of tiles that the evolutionary search replaced.
    ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and ``HISTORY`` lines describe the method. The
    coordinates are helioprojective, for an observer at 1 au and a reference epoch. The outer corner of the first pixel
    is at disk centre.

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
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"Unknown method {method!r}; expected one of {', '.join(METHODS)}.")
    tiling = {
        "replace": replace, "overlap": overlap, "pool": pool, "pool_size": pool_size, "population": population,
        "generations": generations, "mutation_rate": mutation_rate, "goal": goal,
    }  # fmt: skip
    _check_use(method, weights, {"stitching": stitching, "refine_worst": refine_worst or None} | tiling)
    request = Request.from_arguments(
        shape, seed=seed, scale=scale, stitching=stitching, refine_worst=refine_worst, **tiling
    )
    path = checked_target(out)
    what = f"the shape {request.shape}"
    with enough_memory(
        0 if path else 4 * math.prod(request.shape), what, "Pass out= to write a file in bands of rows."
    ):
        return _synthesized(method, request, path, weights, device, progress)


def _synthesized(method, request, path, weights, device, progress):
    task, name = METHODS[method]
    loaded = load_method(task, name, weights=weights, device=device, progress=progress)
    restored = restore_observation(request, loaded, progress=progress)
    texture = restored.data
    header = texture_header(texture, method, restored.method, loaded, request.seed)
    return new_map(write_texture(texture, header, path, progress=progress, description="granulation"), header)


def _check_use(method, weights, tiling):
    """Refuse arguments that the method does not use."""
    task, name = METHODS[method]
    if not task.stitchings:
        for argument, value in tiling.items():
            if value is not None:
                raise ValueError(
                    f"Found {argument}={value!r} for method={method!r}, which has no tiles; expected none. Leave "
                    f"{argument} out, or choose method='gan' or method='vae'."
                )
    if weights is not None and name in task.classical:
        raise ValueError(f"Found weights for method={method!r}, which uses none; expected none. Leave them out.")
