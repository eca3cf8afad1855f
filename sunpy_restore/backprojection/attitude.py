"""
Where STIX was and where it looked, and where on the Sun its images are.

The frame of STIX has x along the rows of its detectors' pixels and y along their columns, both in arcsec. Solar Orbiter
carries the instrument turned by 90 deg: in the frame of the spacecraft (x to the west, y to the north for a roll of
zero) a source at (x, y) is at (-y, x). The pointing is to be added, and the roll turns the sum to solar north.
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

_AXES = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # from the frame of STIX to that of the spacecraft
_MOUNTING = np.array([26.1, 58.2])  # arcsec; pointing of STIX against that of the spacecraft
_ASPECT = np.array([60.0, 8.0])  # arcsec; of the aspect system. Both from STIX-GSW and stixpy, for 2021 and later
_DISAGREEMENT = 200  # arcsec between both, beyond which the aspect system is wrong
_CENTRE_OF_BIN = 32 * u.s  # time stamps of ephemerides are half a bin late


class Attitude(NamedTuple):
    """
    Where STIX was, and where it looked.

    Parameters
    ----------
    roll : `~astropy.units.Quantity`
        Angle from solar north to the spacecraft's, counterclockwise.
    pointing : `~astropy.units.Quantity`
        x and y of the optical axis of STIX in the frame of the spacecraft, shape ``(2,)``.
    observer : `~astropy.coordinates.SkyCoord`
        Solar Orbiter, Stonyhurst heliographic.
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
        """Rotation of vectors from the frame of STIX to the helioprojective one, shape ``(3, 3)``."""
        x, y = self.pointing
        return rotation_matrix(-self.roll, "x") @ rotation_matrix(y, "y") @ rotation_matrix(-x, "z") @ _AXES


def attitude_of(ephemeris, start, end):
    """
    Attitude of STIX, averaged over a time range.

    Parameters
    ----------
    ephemeris : path-like
        Auxiliary file of STIX, ``solo_L2_stix-aux-ephemeris_*.fits`` or the same of level ``ANC``; may be gzipped.
    start, end : `~astropy.time.Time`
        Time range at the spacecraft.

    Returns
    -------
    `Attitude`
        By the aspect system, or by the spacecraft where that gave no solution or one more than 200 arcsec off.

    Raises
    ------
    ValueError
        The file is no ephemeris, or of another time.
    """
    with fits.open(ephemeris) as hdus:
        names = [] if len(hdus) < 3 or hdus[2].data is None else hdus[2].data.names
        if "roll_angle_rpy" not in names:
            raise ValueError(f"Found no table of attitudes in {ephemeris}, expected solo_*_stix-aux-ephemeris_*.fits.")
        table = {name: np.array(hdus[2].data[name], dtype=float) for name in names if name not in ("time_utc",)}
        unit = u.Unit(hdus[2].columns["time"].unit)
        times = Time(hdus[0].header["DATE-BEG"]) + table["time"] * unit - _CENTRE_OF_BIN
    if end < times[0] - 2 * _CENTRE_OF_BIN or start > times[-1] + 2 * _CENTRE_OF_BIN:
        raise ValueError(
            f"Found an ephemeris from {times[0].isot} to {times[-1].isot} in {ephemeris}, expected one of {start.isot}."
        )
    mean = _averager(times, start, end)
    roll, pitch, yaw = mean(table["roll_angle_rpy"])
    across, along = 3600 * -yaw, 3600 * pitch
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    pointing = np.add(_MOUNTING, [cosine * across + sine * along, cosine * along - sine * across])
    seen = mean(np.stack([table["y_srf"], -table["z_srf"]], axis=1), table.get("sas_ok")) + _ASPECT
    if np.hypot(*(seen - pointing)) < _DISAGREEMENT:  # False where it isn't finite
        pointing = seen
    observer = observer_at(mean(table["solo_loc_heeq_zxy"]) * u.km, start, end)
    return Attitude(roll * u.deg, pointing * u.arcsec, observer)


def _averager(times, start, end):
    """``mean(values, good)`` over the time range, by interpolation where it has fewer than two samples."""
    seconds, middle = (times - start).to_value(u.s), (end - start).to_value(u.s) / 2
    inside = (seconds >= 0) & (seconds <= 2 * middle)

    def mean(values, good=None):
        fine = np.isfinite(values).all(axis=1) & (True if good is None else good == 1)
        if (inside & fine).sum() >= 2:
            return values[inside & fine].mean(axis=0)
        around = np.abs(seconds - middle) < 4 * _CENTRE_OF_BIN.to_value(u.s)
        if not (fine & around).any():
            return np.full(values.shape[1], np.nan)
        return np.array([np.interp(middle, seconds[fine], column[fine]) for column in values.T])

    return mean


def sky_header(visibilities, shape, pixel):
    """
    Header of an image that was made from visibilities of STIX in the instrument's frame.

    Parameters
    ----------
    visibilities : ``xrayvision.visibility.Visibilities``
        From `~sunpy_restore.backprojection.observations.visibilities_of`, with an ephemeris.
    shape : pair of `int`
        Rows and columns of the image; the phase centre is in its middle.
    pixel : `float`
        Size of a pixel in arcsec.

    Returns
    -------
    `~sunpy.util.MetaDict`
        For `sunpy.map.Map`: helioprojective, as seen by Solar Orbiter. ``PCi_j`` turn the axes of the instrument to
        those of the Sun, by 90 deg and the roll. The unit is that of the visibilities.

    Raises
    ------
    ValueError
        The visibilities don't say where Solar Orbiter was.
    """
    meta = visibilities.meta
    if meta.get("roll") is None:
        raise ValueError("Found visibilities without an attitude, expected those of visibilities_of(ephemeris=...).")
    attitude = Attitude(meta["roll"], meta["pointing"], meta["observer_coordinate"])
    start, end = meta["time_range"]
    turn = np.pi / 2 + attitude.roll.to_value(u.rad)
    header = make_fitswcs_header(
        tuple(shape),
        SkyCoord(*_turned(attitude.matrix, meta["offset"]), frame=attitude.sky),
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
        Time range, of which the middle counts.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
    """
    frame = HeliographicStonyhurst(CartesianRepresentation(place), obstime=TimeRange(start, end).center)
    return SkyCoord(frame.spherical, frame=frame.replicate_without_data())


def in_stix(place, attitude):
    """
    A place in the frame of STIX.

    Parameters
    ----------
    place : `~astropy.coordinates.SkyCoord`
        Place on the sky.
    attitude : `Attitude`
        That of STIX.

    Returns
    -------
    `~astropy.units.Quantity`
        x and y, shape ``(2,)``.
    """
    return _turned(attitude.matrix.T, place.transform_to(attitude.sky))


def _turned(matrix, place):
    """x and y of a direction in another frame."""
    x, y = place.Tx.to_value(u.rad), place.Ty.to_value(u.rad)
    x, y, z = matrix @ [np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)]
    return u.Quantity([np.arctan2(y, x), np.arcsin(z)], u.rad).to(u.arcsec)
