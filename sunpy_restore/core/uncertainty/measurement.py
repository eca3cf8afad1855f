"""Record of what was measured in a region of a restored image."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord

__all__ = ["Measurement"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """
    Numbers derived from a region of a restored image, with 1-sigma errors.

    Parameters
    ----------
    flux, flux_error : `~astropy.units.Quantity`
        Sum of the values, times the area of a pixel if their unit is per solid angle; its error.
    mean, mean_error : `~astropy.units.Quantity`
        Mean of the values; its error.
    centroid : `~astropy.coordinates.SkyCoord`
        Mean position, weighted with the absolute values.
    centroid_error : `~astropy.units.Quantity`
        Its errors along both axes of the coordinate frame, shape ``(2,)``.
    pixels : `int`
        Number of pixels with a value.
    restored : `float`
        Share of them that were filled, or 1 if all of the image was restored.
    unknown : `int`
        Number of them whose uncertainty is infinite; if there are any, so are the errors.
    unstated : `int`
        Number of them that were observed and have no uncertainty; they count as exact. If no pixel of the region has
        one, the errors are NaN.
    """

    flux: u.Quantity
    flux_error: u.Quantity
    mean: u.Quantity
    mean_error: u.Quantity
    centroid: SkyCoord
    centroid_error: u.Quantity
    pixels: int
    restored: float
    unknown: int
    unstated: int = 0

    def __str__(self):
        unit = self.centroid_error.unit
        position = (self.centroid.spherical.lon.wrap_at("180d"), self.centroid.spherical.lat)
        centroid = ", ".join(f"{angle.to_value(unit):.3f}" for angle in position)
        lines = [
            f"flux      {_with_error(f'{self.flux.value:.5g}', self.flux_error)}",
            f"mean      {_with_error(f'{self.mean.value:.5g}', self.mean_error)}",
            f"centroid  {_with_error(centroid, self.centroid_error)}",
            f"pixels    {self.pixels}, {100 * self.restored:.0f} % of them restored",
        ]
        if self.unknown:
            lines.append(f"nothing is known about {self.unknown} pixels")
        if self.unstated:
            lines.append(f"{self.unstated} observed pixels have no uncertainty and count as exact")
        return "\n".join(lines)

    def to_table(self):
        """
        Make a table of the measurement.

        Returns
        -------
        `~astropy.table.QTable`
            One row, with a column for each number.
        """
        from astropy.table import QTable

        names = (
            "flux",
            "flux_error",
            "mean",
            "mean_error",
            "centroid",
            "centroid_error",
            "pixels",
            "restored",
            "unknown",
            "unstated",
        )
        columns = {}
        for name in names:
            value = getattr(self, name)
            columns[name] = (
                value.reshape(1)
                if isinstance(value, SkyCoord)
                else u.Quantity([value])
                if isinstance(value, u.Quantity)
                else [value]
            )
        return QTable(columns)


def _with_error(text, error):
    """A measured number, or several, with the errors, of which an infinite one or NaN is unknown."""
    *others, last = error.reshape(-1)
    if not all(np.isfinite(part) for part in (*others, last)):
        return f"{text} {error.unit}".rstrip() + " (error unknown)"
    return f"{text} +- {', '.join([*(f'{part.value:.2g}' for part in others), f'{last:.2g}'])}"
