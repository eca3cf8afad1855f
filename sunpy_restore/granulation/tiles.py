"""Tiles that a network draws, and mosaics of them."""

import numpy as np

from sunpy_restore.granulation.stitching.stitch import stitch

__all__ = ["CalibratedMosaic", "TileSource", "mosaic_of"]

_BATCH = 16


class TileSource:
    """
    A network as a source of tiles, as `~sunpy_restore.granulation.stitching.stitch.stitch` takes it.

    Parameters
    ----------
    network : `torch.nn.Module`
        A generator or an autoencoder of tiles, see `~sunpy_restore.networks.granulation_gan.TileGenerator`.
    device : `str`, optional
        See `sunpy_restore.synthesize_granulation`.
    """

    def __init__(self, network, device=None):
        from sunpy_restore.core.inference import choose_device

        self.device = choose_device(device)
        self.network = network.eval().to(self.device)
        self.latent, self.side = network.latent, network.side
        self.stride, self.receptive_radius = network.stride, network.receptive_radius

    def tiles(self, z):
        """Tiles ``(n, side, side)`` of latent vectors ``(n, latent)``, in normalised units."""
        return self._called(self.network.draw_tiles, z)[:, 0]

    def features(self, z):
        """Features ``(n, channels, side / stride, side / stride)`` of latent vectors."""
        return self._called(self.network.head, z)

    def draw(self, features):
        """Image ``(stride h, stride w)`` of features ``(channels, h, w)``."""
        return self._called(self.network.tail, features[np.newaxis])[0, 0]

    def _called(self, function, values):
        import torch

        values = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        with torch.inference_mode():
            parts = [function(part.to(self.device)).float().cpu() for part in values.split(_BATCH)]
        return torch.cat(parts).numpy()


class CalibratedMosaic:
    """
    A mosaic as intensities.

    Parameters
    ----------
    mosaic : `~sunpy_restore.granulation.stitching.mosaic.Mosaic`
        The mosaic, in normalised units.
    calibration : `~sunpy_restore.networks.calibration.Calibration`
        A curve alone, which needs no neighbours.
    """

    def __init__(self, mosaic, calibration):
        self.mosaic, self.calibration, self.shape = mosaic, calibration.cpu(), mosaic.shape

    def window(self, rows, columns):
        """A part of the texture, see `~sunpy_restore.granulation.fields.ConvolutionalField.window`."""
        import torch

        image = np.ascontiguousarray(self.mosaic.window(rows, columns), dtype=np.float32)
        with torch.inference_mode():
            return self.calibration(torch.from_numpy(image)[None, None])[0, 0].numpy()


def mosaic_of(network, shape, *, stitching, seed, device=None, refine_worst=0, progress=False):
    """
    A mosaic of a network's tiles.

    Parameters
    ----------
    network : `torch.nn.Module`
        See `TileSource`.
    shape : `tuple` of `int`
        Pixels.
    stitching, seed, device, refine_worst, progress
        See `sunpy_restore.synthesize_granulation`.

    Returns
    -------
    `CalibratedMosaic`
    """
    mosaic = stitch(TileSource(network, device), shape, stitching=stitching, seed=seed, progress=progress)
    if refine_worst:
        mosaic.refine_worst(refine_worst, seed=seed, progress=progress)
    return CalibratedMosaic(mosaic, network.calibration)
