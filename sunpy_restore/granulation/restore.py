"""
Generate a requested texture by a method.

As for the functions that restore Maps, `restore` is what happens for any method, and the other functions are the
methods. The result is a `~sunpy_restore.granulation.texture.Texture` in place of an array, because it may be larger
than memory.
"""

from dataclasses import replace

from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.granulation.fields import ConvolutionalField
from sunpy_restore.granulation.regrid import at_pixel_size
from sunpy_restore.granulation.stitching.stitch import stitch
from sunpy_restore.granulation.tiles import CalibratedMosaic, TileSource
from sunpy_restore.granulation.tiling import pool_for

__all__ = ["restore", "with_convolutional_network", "with_tile_network"]


def restore(request, method, *, progress=False, **changes):
    """
    Generate a texture.

    Parameters
    ----------
    request : `~sunpy_restore.granulation.request.Request`
        The request.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    progress : `bool`
        Show progress bars.
    **changes
        Fields of the request that are replaced, such as ``stitching="latent"``.

    Returns
    -------
    `~sunpy_restore.core.restoration.methods.Restored`
        ``data`` is a `~sunpy_restore.granulation.texture.Texture`, ``method`` the name for the header.
    """
    request = replace(request, **changes)
    name = method.name
    if method.is_network:
        name = f"{method.task.kind}, {request.stitching}" if method.task.stitchings else method.task.kind
    return Restored(data=method(request, progress=progress), method=name)


def with_convolutional_network(request, network, *, progress=False):
    """
    Generate a texture from a noise field by a convolutional generator.

    Parameters
    ----------
    request : `~sunpy_restore.granulation.request.Request`
        The request.
    network : `~sunpy_restore.networks.spatial.SpatialGenerator`
        The generator, on its device.
    progress : `bool`
        Not used; the texture is computed on demand.

    Returns
    -------
    `~sunpy_restore.granulation.texture.Texture`
    """
    from sunpy_restore.core.inference.function import network_function
    from sunpy_restore.core.system.threads import workers_for
    from sunpy_restore.networks.calibration import Calibrated

    calibrated, device = Calibrated(network), _device(network)
    function, pixel = network_function(calibrated, device), float(network.calibration.pixel)
    options = {"latent": network.latent, "receptive_radius": calibrated.receptive_radius, "pixel": pixel}
    options["workers"] = workers_for(device)
    return at_pixel_size(lambda shape: ConvolutionalField(function, shape, request.seed, **options), request, pixel)


def with_tile_network(request, network, *, progress=False):
    """
    Stitch a texture from tiles.

    Parameters
    ----------
    request : `~sunpy_restore.granulation.request.Request`
        The request.
    network : `torch.nn.Module`
        A generator of tiles, see `~sunpy_restore.granulation.tiles.TileSource`, on its device.
    progress : `bool`
        Show progress bars of the selection and the refinement of tiles.

    Returns
    -------
    `~sunpy_restore.granulation.texture.Texture`
    """
    source = TileSource(network, _device(network))

    def generate(shape):
        tiles, options = request.tiles, {"seed": request.seed, "progress": progress}
        pool = pool_for(source, shape, tiles, request.seed, progress=progress)
        own = {} if tiles.overlap is None else {"overlap": tiles.overlap}
        mosaic = stitch(source, shape, stitching=request.stitching, pool=pool, genetic=tiles.genetic, **own, **options)
        if tiles.replace:
            mosaic.replace(tiles.replace, **options, **tiles.genetic)
        if request.refine_worst:
            mosaic.refine_worst(request.refine_worst, **options, **tiles.genetic)
        return CalibratedMosaic(mosaic, network.calibration)

    return at_pixel_size(generate, request, float(network.calibration.pixel))


def _device(network):
    return next(network.parameters()).device
