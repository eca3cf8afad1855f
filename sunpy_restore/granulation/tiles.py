"""Networks as sources of tiles, and mosaics of tiles as intensities."""

import copy

import numpy as np

from sunpy_restore.granulation.texture import Texture

__all__ = ["CalibratedMosaic", "TileSource"]

_BATCH = 16


class TileSource:
    """
    A network as the source of tiles for `~sunpy_restore.granulation.stitching.stitch.stitch`.

    Parameters
    ----------
    network : `torch.nn.Module`
        A generator or an autoencoder of tiles, see `~sunpy_restore.networks.granulation_gan.TileGenerator`. It is set
        to evaluation mode and moved to the device.
    device : `str` or `torch.device`, optional
        See `sunpy_restore.synthesize_granulation`.

    Attributes
    ----------
    latent, side, stride, receptive_radius : `int`
        Length of the latent vectors; side of a tile in pixels; pixels per feature; receptive radius of `draw` in
        features.
    """

    def __init__(self, network, device=None):
        from sunpy_restore.core.inference.function import choose_device

        self.device = choose_device(device)
        self.network = network.eval().to(self.device)
        self.latent, self.side = network.latent, network.side
        self.stride, self.receptive_radius = network.stride, network.receptive_radius

    def tiles(self, z):
        """Tiles ``(n, side, side)`` of latent vectors ``(n, latent)``, in normalised units."""
        return self._apply(self.network.draw_tiles, z)[:, 0]

    def features(self, z):
        """Features ``(n, channels, side / stride, side / stride)`` of latent vectors ``(n, latent)``."""
        return self._apply(self.network.head, z)

    def draw(self, features):
        """Image ``(stride * h, stride * w)`` of features ``(channels, h, w)``."""
        return self._apply(self.network.tail, features[np.newaxis])[0, 0]

    def _apply(self, function, values):
        import torch

        values = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        with torch.inference_mode():
            parts = [function(part.to(self.device)).float().cpu() for part in values.split(_BATCH)]
        return torch.cat(parts).numpy()


class CalibratedMosaic(Texture):
    """
    A mosaic as intensities.

    Parameters
    ----------
    mosaic : `~sunpy_restore.granulation.stitching.mosaic.Mosaic`
        The mosaic, in normalised units.
    calibration : `~sunpy_restore.networks.calibration.Calibration`
        Calibration without a filter, so that it acts on each pixel alone.
    """

    def __init__(self, mosaic, calibration):
        super().__init__(mosaic.shape, float(calibration.pixel))
        self.mosaic, self.calibration = mosaic, copy.deepcopy(calibration).cpu()

    @property
    def layout(self):
        """Positions of the tiles."""
        return self.mosaic.layout

    @property
    def refinements(self):
        """Evolutionary searches for better matching tiles."""
        return self.mosaic.refinements

    def window(self, rows, columns):
        """See `~sunpy_restore.granulation.texture.Texture.window`."""
        import torch

        image = np.ascontiguousarray(self.mosaic.window(rows, columns), dtype=np.float32)
        with torch.inference_mode():
            return self.calibration(torch.from_numpy(image)[None, None])[0, 0].numpy()
