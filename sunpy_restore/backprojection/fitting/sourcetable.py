"""Parameters of fitted sources, in headers and as a table."""

import numpy as np

import astropy.units as u
from astropy.stats import gaussian_sigma_to_fwhm
from astropy.table import QTable

__all__ = ["source_cards", "source_table"]

_COLUMNS = {
    "flux": "FLUX", "flux_error": "EFLX", "x": "X", "x_error": "EX", "y": "Y", "y_error": "EY", "fwhm_major": "MAJ",
    "fwhm_major_error": "EMAJ", "fwhm_minor": "MIN", "fwhm_minor_error": "EMIN", "position_angle": "PA",
    "position_angle_error": "EPA",
}  # fmt: skip
"""Columns of the table and the ends of their header keywords, which begin with SRC and the number of the source."""
_COUNT = "rstnsrc"


def source_table(smap):
    """
    Parameters of the sources that ``backproj_to_clean(..., method="forward-fit")`` found.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        A Map restored with ``method="forward-fit"``, also after saving and loading.

    Returns
    -------
    `~astropy.table.QTable`
        One row per source, in order of decreasing flux: ``flux`` in the unit of the visibilities; ``x`` and ``y`` in
        the Map's coordinates, in arcsec; ``fwhm_major`` and ``fwhm_minor`` of the source without the clean beam, in
        arcsec; and ``position_angle`` of its major axis in degrees, counterclockwise from the y axis, NaN for a
        circular source. Each has a column with its standard deviation, such as ``flux_error``, which does not include
        errors of the model.

    Raises
    ------
    ValueError
        The header contains no sources.

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import backproj_to_clean
    >>> from sunpy_restore.backprojection.fitting.sourcetable import source_table
    >>> from sunpy_restore.data import sample_path
    >>> flare = backproj_to_clean(sunpy.map.Map(sample_path("stix_flare")), method="forward-fit")
    >>> source_table(flare).colnames[:4]
    ['flux', 'flux_error', 'x', 'x_error']
    """
    if _COUNT not in smap.meta:
        raise ValueError("Found no RSTNSRC in the header; expected a Map restored with method='forward-fit'.")
    flux = (smap.unit or u.dimensionless_unscaled) * u.arcsec**2
    table = QTable()
    for name, end in _COLUMNS.items():
        unit = flux if "flux" in name else u.deg if "angle" in name else u.arcsec
        values = [smap.meta.get(f"src{number}{end}".lower(), np.nan) for number in range(1, smap.meta[_COUNT] + 1)]
        table[name] = np.array(values, dtype=float) * unit
    return table


def source_cards(sources, observation):
    """
    Header keywords with the parameters of sources.

    Parameters
    ----------
    sources : `~sunpy_restore.backprojection.fitting.sources.FittedSources`
        Sources along the axes of the image.
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation that they were fitted to.

    Returns
    -------
    `dict`
        ``RSTNSRC``, the number of sources, and for the first one ``SRC1FLUX``, ``SRC1X``, ``SRC1Y`` and the full widths
        at half maximum ``SRC1MAJ`` and ``SRC1MIN`` (all in arcsec), with standard deviations ``SRC1EFLX``, ``SRC1EX``,
        ``SRC1EY``, ``SRC1EMAJ`` and ``SRC1EMIN``; for elliptical sources also the position angle ``SRC1PA`` in degrees
        and ``SRC1EPA``.
    """
    world = observation.matrix if observation.world is None else observation.world
    axes = world / np.linalg.norm(world, axis=0)
    cards = {_COUNT: len(sources.circular)}
    for index, (source, covariance, circular) in enumerate(
        zip(zip(*sources.scene, strict=True), sources.covariances, sources.circular, strict=True)
    ):
        values = _in_coordinates(source, covariance, axes, circular)
        values["x"] += observation.center[0]
        values["y"] += observation.center[1]
        cards |= {f"src{index + 1}{_COLUMNS[name]}".lower(): float(value) for name, value in values.items()}
    return cards


def _in_coordinates(source, covariance, axes, circular):
    """Parameters of a source along the axes of the coordinates, with their errors."""
    flux, x, y, major, minor, angle = source
    place, spread = axes @ [x, y], axes @ covariance[1:3, 1:3] @ axes.T
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    values = {
        "flux": flux, "flux_error": np.sqrt(covariance[0, 0]),
        "x": place[0], "x_error": np.sqrt(spread[0, 0]), "y": place[1], "y_error": np.sqrt(spread[1, 1]),
    }  # fmt: skip
    for name, width, axis in (("fwhm_major", major, along), ("fwhm_minor", minor, across)):
        error = _error(covariance, axis, axis)
        # The error of the squared width is also that of a point source
        values[name] = gaussian_sigma_to_fwhm * width
        values[f"{name}_error"] = gaussian_sigma_to_fwhm * (np.sqrt(width**2 + error) - width)
    if not circular:
        direction = axes @ along
        values["position_angle"] = np.degrees(np.arctan2(-direction[0], direction[1])) % 180
        difference = max(major**2 - minor**2, np.finfo(float).tiny)
        values["position_angle_error"] = min(np.degrees(_error(covariance, along, across) / difference), 90.0)
    return values


def _error(covariance, one, other):
    """Standard deviation of one^T S other for the matrix S of squared widths."""
    slope = np.array([one[0] * other[0], one[0] * other[1] + one[1] * other[0], one[1] * other[1]])
    return np.sqrt(slope @ covariance[3:, 3:] @ slope)
