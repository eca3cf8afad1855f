"""
Attitude of STIX, and helioprojective headers of its images.

The x axis of the STIX frame is along the rows of the detectors' pixels and the y axis along their columns, both in
arcsec. The instrument is mounted at 90 deg: a source at (x, y) in the STIX frame is at (-y, x) in the spacecraft frame,
whose x axis points west and whose y axis points north for a roll of zero. The pointing is added to that position, and
the roll rotates the sum to solar north.
"""

from typing import NamedTuple

import numpy as np

import astropy.units as u
from astropy.coordinates import CartesianRepresentation, SkyCoord
from astropy.coordinates.matrix_utilities import rotation_matrix
from astropy.io import fits
from astropy.time import Time

from sunpy.coordinates import HeliographicStonyhurst, Helioprojective
from sunpy.map.header_helper import make_fitswcs_header
from sunpy.time import TimeRange

__all__ = ["Attitude", "attitude_of", "in_stix", "observer_at", "sky_header"]

_STIX_TO_SPACECRAFT = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
# The offsets are those of STIX-GSW and stixpy for 2021 and later
_MOUNTING = np.array([26.1, 58.2])
"""Pointing of STIX relative to that of the spacecraft in arcsec."""
_ASPECT_OFFSET = np.array([60.0, 8.0])
"""Offset of the aspect system in arcsec."""
_LARGEST_ASPECT_DIFFERENCE = 200
"""Difference in arcsec from the pointing of the spacecraft above which that of the aspect system is rejected."""
_HALF_BIN = 32 * u.s
"""Delay of the time stamps in ephemeris files with respect to the centres of the time bins."""


class Attitude(NamedTuple):
    """
    Position and attitude of STIX.

    Parameters
    ----------
    roll : `~astropy.units.Quantity`
        Angle from solar north to the north of the spacecraft, counterclockwise.
    pointing : `~astropy.units.Quantity`
        Coordinates x and y of the optical axis of STIX in the spacecraft frame, shape ``(2,)``.
    observer : `~astropy.coordinates.SkyCoord`
        Solar Orbiter in Stonyhurst heliographic coordinates.
    """

    roll: u.Quantity
    pointing: u.Quantity
    observer: SkyCoord

    @property
    def sky(self):
        """Helioprojective frame."""
        return Helioprojective(observer=self.observer, obstime=self.observer.obstime)

    @property
    def matrix(self):
        """Rotation of vectors from the STIX frame to the helioprojective frame, shape ``(3, 3)``."""
        x, y = self.pointing
        return (
            rotation_matrix(-self.roll, "x") @ rotation_matrix(y, "y") @ rotation_matrix(-x, "z") @ _STIX_TO_SPACECRAFT
        )


def attitude_of(ephemeris, start, end):
    """
    Mean attitude of STIX in a time range.

    Parameters
    ----------
    ephemeris : path-like
        Auxiliary file of STIX, ``solo_L2_stix-aux-ephemeris_*.fits`` or the same of level ``ANC``; it may be gzipped.
    start, end : `~astropy.time.Time`
        Time range at the spacecraft.

    Returns
    -------
    `Attitude`
        With the pointing of the aspect system, or with that of the spacecraft if the aspect system has no solution or
        one that differs by more than 200 arcsec.

    Raises
    ------
    ValueError
        The file is not an ephemeris, or does not cover the time range.
    """
    with fits.open(ephemeris) as hdus:
        names = [] if len(hdus) < 3 or hdus[2].data is None else hdus[2].data.names
        if "roll_angle_rpy" not in names:
            raise ValueError(f"Found no table of attitudes in {ephemeris}; expected solo_*_stix-aux-ephemeris_*.fits.")
        table = {name: np.array(hdus[2].data[name], dtype=float) for name in names if name not in ("time_utc",)}
        unit = u.Unit(hdus[2].columns["time"].unit)
        times = Time(hdus[0].header["DATE-BEG"]) + table["time"] * unit - _HALF_BIN
    if end < times[0] - 2 * _HALF_BIN or start > times[-1] + 2 * _HALF_BIN:
        raise ValueError(
            f"Found an ephemeris from {times[0].isot} to {times[-1].isot} in {ephemeris}; expected one of {start.isot}."
        )
    mean = _averager(times, start, end)
    roll, pitch, yaw = mean(table["roll_angle_rpy"])
    across, along = 3600 * -yaw, 3600 * pitch
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    pointing = np.add(_MOUNTING, [cosine * across + sine * along, cosine * along - sine * across])
    aspect = mean(np.stack([table["y_srf"], -table["z_srf"]], axis=1), table.get("sas_ok")) + _ASPECT_OFFSET
    if np.hypot(*(aspect - pointing)) < _LARGEST_ASPECT_DIFFERENCE:  # False if it is not finite
        pointing = aspect
    observer = observer_at(mean(table["solo_loc_heeq_zxy"]) * u.km, start, end)
    return Attitude(roll * u.deg, pointing * u.arcsec, observer)


def _averager(times, start, end):
    """``mean(values, good)`` over the time range; interpolated if it contains fewer than two samples."""
    seconds, middle = (times - start).to_value(u.s), (end - start).to_value(u.s) / 2
    inside = (seconds >= 0) & (seconds <= 2 * middle)

    def mean(values, good=None):
        valid = np.isfinite(values).all(axis=1) & (True if good is None else good == 1)
        if (inside & valid).sum() >= 2:
            return values[inside & valid].mean(axis=0)
        around = np.abs(seconds - middle) < 4 * _HALF_BIN.to_value(u.s)
        if not (valid & around).any():
            return np.full(values.shape[1], np.nan)
        return np.array([np.interp(middle, seconds[valid], column[valid]) for column in values.T])

    return mean


def sky_header(visibilities, shape, pixel):
    """
    Header of an image that was made from STIX visibilities in the instrument frame.

    Parameters
    ----------
    visibilities : ``xrayvision.visibility.Visibilities``
        Result of ``observations.visibilities_of`` with an ephemeris.
    shape : pair of `int`
        Rows and columns of the image; the phase centre is at its centre.
    pixel : `float`
        Pixel size in arcsec.

    Returns
    -------
    `~sunpy.util.MetaDict`
        Header for `sunpy.map.Map`: helioprojective, as seen from Solar Orbiter. ``PCi_j`` rotate the axes of the
        instrument to those of the Sun, by 90 deg and the roll. The unit is that of the visibilities.

    Raises
    ------
    ValueError
        The visibilities have no attitude.
    """
    meta = visibilities.meta
    if meta.get("roll") is None:
        raise ValueError("Found visibilities without an attitude; expected those of visibilities_of(ephemeris=...).")
    attitude = Attitude(meta["roll"], meta["pointing"], meta["observer_coordinate"])
    start, end = meta["time_range"]
    turn = np.pi / 2 + attitude.roll.to_value(u.rad)
    header = make_fitswcs_header(
        tuple(shape),
        SkyCoord(*_rotated(attitude.matrix, meta["offset"]), frame=attitude.sky),
        scale=[pixel, pixel] * u.arcsec / u.pix,
        rotation_matrix=np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]),
        telescope="SOLO/STIX",
        instrument="STIX",
        observatory="Solar Orbiter",
        exposure=round((end - start).to(u.s), 3),
        unit=visibilities.visibilities.unit,
    )
    dates = {"date-obs": start, "date-beg": start, "date-avg": attitude.sky.obstime, "date-end": end}
    header.update({key: date.utc.isot for key, date in dates.items()})
    header["timesys"] = "UTC"
    header["energy_l"], header["energy_h"] = u.Quantity(meta["spectral_range"]).to_value(u.keV)
    return header


def observer_at(place, start, end):
    """
    The spacecraft as an observer.

    Parameters
    ----------
    place : `~astropy.units.Quantity`
        Stonyhurst heliographic x, y and z.
    start, end : `~astropy.time.Time`
        Time range; the observer gets the time of its centre.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
    """
    frame = HeliographicStonyhurst(CartesianRepresentation(place), obstime=TimeRange(start, end).center)
    return SkyCoord(frame.spherical, frame=frame.replicate_without_data())


def in_stix(place, attitude):
    """
    Transform a position to the STIX frame.

    Parameters
    ----------
    place : `~astropy.coordinates.SkyCoord`
        Position on the sky.
    attitude : `Attitude`
        Attitude of STIX.

    Returns
    -------
    `~astropy.units.Quantity`
        Coordinates x and y, shape ``(2,)``.
    """
    return _rotated(attitude.matrix.T, place.transform_to(attitude.sky))


def _rotated(matrix, place):
    """Coordinates x and y of a direction in another frame."""
    x, y = place.Tx.to_value(u.rad), place.Ty.to_value(u.rad)
    x, y, z = matrix @ [np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)]
    return u.Quantity([np.arctan2(y, x), np.arcsin(z)], u.rad).to(u.arcsec)
