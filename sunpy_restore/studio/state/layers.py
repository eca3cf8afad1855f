"""Layers of the images that a tab has opened and restored."""

import numpy as np

from sunpy_restore.studio.display.compare import Difference
from sunpy_restore.studio.display.view import Layer, MapFrame
from sunpy_restore.studio.state.restoration import ORIGINAL

__all__ = ["LayerStore"]

DIFFERENCE = "difference"
UNCERTAINTY = ": uncertainty"
UNCERTAIN = "most uncertain tenth"
"""Name of the overlay of the pixels with the largest uncertainty."""


class LayerStore:
    """Makes the layers of opened files, and keeps them."""

    def __init__(self):
        self._kept = {}

    @staticmethod
    def names(opened):
        """
        Names of the layers of a file.

        Parameters
        ----------
        opened : `~sunpy_restore.studio.state.restoration.Opened`
            The file.

        Returns
        -------
        `list` of `str`
        """
        names = list(opened.layers)
        for name, result in opened.results.items():
            if result.smap.uncertainty is not None:
                names.append(name + UNCERTAINTY)
        return [*names, DIFFERENCE] if opened.results else names

    def layer(self, opened, name, other=None):
        """
        Make a layer.

        Parameters
        ----------
        opened : `~sunpy_restore.studio.state.restoration.Opened`
            The file.
        name : `str`
            One of `names`.
        other : `str`, optional
            For ``"difference"``: the result from which the original is subtracted, by default the newest.

        Returns
        -------
        `~sunpy_restore.studio.display.view.Layer` or `~sunpy_restore.studio.display.compare.Difference`
        """
        if name == DIFFERENCE:
            if other is None or other not in opened.results:
                other = list(opened.results)[-1]
            return Difference(self.layer(opened, other), self.layer(opened, ORIGINAL))
        smap = opened.image(name.removesuffix(UNCERTAINTY))
        # A new restoration by the same method replaces the layer
        kept = self._kept.get((id(opened), name))
        if kept is None or kept[0] is not smap:
            make = self._uncertainty if name.endswith(UNCERTAINTY) else self._image
            kept = self._kept[id(opened), name] = (smap, make(name, smap))
        return kept[1]

    @staticmethod
    def _image(name, smap):
        from sunpy_restore import filled

        flags = {}
        if smap.mask is not None:
            flags["masked"] = np.broadcast_to(smap.mask, smap.data.shape)
        if "rsttask" in smap.meta:
            flags["filled"] = filled(smap)
        if smap.uncertainty is not None:
            sigma = np.asarray(smap.uncertainty.array, dtype=float)
            known = np.isfinite(sigma) & (sigma > 0)
            if known.any():
                flags[UNCERTAIN] = known & (sigma >= np.percentile(sigma[known], 90))
        flags = {key: value for key, value in flags.items() if value.any()}
        return Layer.of_map(name, smap, flags)

    @staticmethod
    def _uncertainty(name, smap):
        unit = smap.uncertainty.unit or smap.unit
        sigma = np.asarray(smap.uncertainty.array)
        sigma = np.where(sigma > 0, sigma, np.nan) if (sigma > 0).any() else sigma
        return Layer(name, sigma, MapFrame(smap), "" if unit is None else unit.to_string(), None, "viridis")
