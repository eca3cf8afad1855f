"""
Observations of STIX: from pixel data to visibilities, through `stixpy`, and to headers of Maps.

The frame of STIX has x along the rows of its detectors' pixels and y along their columns, both in arcsec. Solar Orbiter
carries the instrument turned by 90 deg: in the frame of the spacecraft (x to the west, y to the north for a roll of
zero) a source at (x, y) is at (-y, x). The pointing is to be added, and the roll turns the sum to solar north.
"""

import gzip
import shutil
import tempfile
import warnings
from pathlib import Path
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

__all__ = ["Attitude", "attitude_of", "sky_header", "visibilities_of"]

_AXES = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # from the frame of STIX to that of the spacecraft
_MOUNTING = np.array([26.1, 58.2])  # arcsec; pointing of STIX against that of the spacecraft
_ASPECT = np.array([60.0, 8.0])  # arcsec; of the aspect system. Both from STIX-GSW and stixpy, for 2021 and later
_DISAGREEMENT = 200  # arcsec between both, beyond which the aspect system is wrong
_CENTRE_OF_BIN = 32 * u.s  # time stamps of ephemerides are half a bin late
_EDGE = 0.05 * u.s  # stixpy also takes time bins that only touch the range
_DISK, _STEP = 1.1, 6.0  # where a flare is looked for: solar radii, arcsec
_AROUND, _FINE = 40.0, 1.0  # arcsec
_INTERVAL = 60 * u.s
_NO_STIXPY = "Found no stixpy, which turns pixel data into visibilities. Install it: pip install stixpy"


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
    observer = _observer(mean(table["solo_loc_heeq_zxy"]) * u.km, start, end)
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


def visibilities_of(
    pixel_file,
    *,
    time_range=None,
    energy_range=(6, 10) * u.keV,
    background=None,
    flare_location=None,
    subcollimators=range(3, 11),
    ephemeris=None,
):
    """
    Calibrated visibilities of a flare, from pixel data of STIX.

    Parameters
    ----------
    pixel_file : path-like
        Pixel data of level 1, ``solo_L1_stix-sci-xray-cpd_*.fits``; may be gzipped.
    time_range : pair of times, optional
        Start and end at the spacecraft; time bins that overlap it are taken as a whole. By default the minute around
        the brightest time bin.
    energy_range : `~astropy.units.Quantity`
        Lower and upper energy, edges of the instrument's channels.
    background : path-like, optional
        Pixel data of quiet times; their rates are subtracted. Visibilities are differences between pixels, so that
        without it a uniform background adds noise, and hardly more.
    flare_location : `~astropy.coordinates.SkyCoord`, optional
        Becomes the phase centre; in any frame of the Sun, or in ``STIXImaging``. By default the maximum of the
        back-projection.
    subcollimators : iterable of `int`
        Numbers from 1 (finest) to 10; the phases of 1 and 2 are not calibrated.
    ephemeris : path-like, optional
        Auxiliary file, see `attitude_of`. Without it `stixpy` downloads it, unless ``flare_location`` is in
        ``STIXImaging``.

    Returns
    -------
    `xrayvision.visibility.Visibilities`
        In counts / (s keV cm2), in the frame of STIX relative to the phase centre, with the uncertainties of the
        amplitudes (counting statistics, compression, and 5 % for the calibration). Of ``meta``, ``offset`` is the phase
        centre in ``STIXImaging``, and ``observer_coordinate``, ``roll`` and ``pointing`` are those of `Attitude` where
        that is known.

    Raises
    ------
    ImportError
        `stixpy` isn't installed.
    ValueError
        Another kind of file; times or energies that it doesn't have; the attenuator moved or detectors or pixels were
        switched in the time range; unknown sub-collimators.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7
    """
    try:
        from stixpy.calibration import visibility as stix
        from stixpy.coordinates.frames import STIXImaging
    except ImportError as error:
        raise ImportError(_NO_STIXPY) from error
    wanted = sorted(set(subcollimators))
    if not wanted or not set(wanted) <= set(range(1, 11)):
        raise ValueError(f"Found the sub-collimators {wanted}, expected some of 1 to 10.")
    energy_range = u.Quantity(energy_range).to(u.keV)
    product = _product(pixel_file)
    _check_energies(product, energy_range, pixel_file)
    chosen = _chosen_range(product, time_range, energy_range, pixel_file)
    quiet = None if background is None else _product(background)

    def measured(location):
        """Uncalibrated visibilities; grids cast shadows where the location is known."""
        options = {"no_shadowing": location is None, "flare_location": location}
        pixels = stix.create_meta_pixels(product, chosen, energy_range, **options)
        if quiet is not None:
            dark = stix.create_meta_pixels(quiet, _whole(quiet), energy_range, **options)
            rate, error = "abcd_rate_kev_cm", "abcd_rate_error_kev_cm"
            pixels[rate] = pixels[rate] - dark[rate]
            pixels[error] = np.sqrt(pixels[error] ** 2 + dark[error] ** 2)
        return stix.create_visibility(pixels)

    found = measured(None)
    start, end = found.meta["time_range"]
    # stixpy asks for an ephemeris unless the location is of exactly this time
    frame = STIXImaging(obstime=TimeRange(found.meta["time_range"]).center)
    in_stix = flare_location is not None and flare_location.frame.name == frame.name
    attitude = None
    if ephemeris is not None:
        attitude = attitude_of(ephemeris, start, end)
    elif not in_stix:
        attitude = _downloaded(start, end)
    if in_stix:
        place = u.Quantity([flare_location.Tx, flare_location.Ty])
    elif flare_location is not None:
        place = _in_stix(flare_location, attitude)
    else:
        whole = stix.calibrate_visibility(found, flare_location=SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=frame))
        place = _brightest(whole, attitude, float(product.meta["RSUN_ARC"]))
    place = SkyCoord(*place, frame=frame)
    return _of_subcollimators(stix.calibrate_visibility(measured(place), flare_location=place), wanted, place, attitude)


def sky_header(visibilities, shape, pixel):
    """
    Header of an image that was made from visibilities of STIX in the instrument's frame.

    Parameters
    ----------
    visibilities : `xrayvision.visibility.Visibilities`
        From `visibilities_of`, with an ephemeris.
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


def _product(path):
    """Pixel data by stixpy, which wants no compressed file."""
    from stixpy.product import Product

    path = Path(path)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", ResourceWarning)  # files that stixpy leaves open
        plain = path
        if path.suffix == ".gz":
            plain = Path(folder) / path.stem
            with gzip.open(path) as packed, plain.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        product = Product(str(plain))
    counts = product.data["counts"] if "counts" in product.data.colnames else np.empty(0)
    if counts.ndim != 4:
        raise ValueError(
            f"Found {type(product).__name__} in {path}, expected pixel data (solo_L1_stix-sci-xray-cpd_*)."
        )
    return product


def _channels(product, energy_range):
    return (product.energies["e_low"] >= energy_range[0]) & (product.energies["e_high"] <= energy_range[1])


def _check_energies(product, energy_range, path):
    edges = u.Quantity([*product.energies["e_low"], product.energies["e_high"][-1]]).to_value(u.keV)
    if not set(energy_range.to_value(u.keV)) <= set(edges) or not energy_range[0] < energy_range[1]:
        raise ValueError(f"Found the energy range {energy_range}, expected two of the edges in {path}: {edges} keV.")


def _whole(product):
    begin, end = product.times - product.duration / 2, product.times + product.duration / 2
    return [begin[0] + _EDGE, end[-1] - _EDGE]


def _chosen_range(product, time_range, energy_range, path):
    """Time range from which stixpy takes the bins that overlap what is wanted, and no others."""
    first, last = _whole(product)
    if time_range is None:
        counts = np.asarray(product.data["counts"])[..., _channels(product, energy_range)].sum(axis=(1, 2, 3))
        peak = product.times[np.argmax(counts / np.ravel(product.duration.to_value(u.s)))]
        start, end = peak - _INTERVAL / 2, peak + _INTERVAL / 2
    else:
        start, end = (Time(edge) for edge in time_range)
        if not start < end or end < first or start > last:
            raise ValueError(
                f"Found the time range {start.isot} to {end.isot}, expected one within that of {path}: {first.isot} to "
                f"{last.isot}."
            )
    return [max(start + _EDGE, first), min(end - _EDGE, last)]


def _downloaded(start, end):
    from stixpy.coordinates.transforms import get_hpc_info

    roll, place, pointing = get_hpc_info(start, end)
    return Attitude(roll.to(u.deg), u.Quantity(pointing).ravel().to(u.arcsec), _observer(place, start, end))


def _observer(place, start, end):
    frame = HeliographicStonyhurst(CartesianRepresentation(place), obstime=TimeRange(start, end).center)
    return SkyCoord(frame.spherical, frame=frame.replicate_without_data())


def _in_stix(place, attitude):
    """x and y in the frame of STIX."""
    return _turned(attitude.matrix.T, place.transform_to(attitude.sky))


def _turned(matrix, place):
    """x and y of a direction in another frame."""
    x, y = place.Tx.to_value(u.rad), place.Ty.to_value(u.rad)
    x, y, z = matrix @ [np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)]
    return u.Quantity([np.arctan2(y, x), np.arcsin(z)], u.rad).to(u.arcsec)


def _brightest(visibilities, attitude, radius):
    """Maximum of the back-projection, of the four coarsest sub-collimators on the disk, then of all calibrated ones."""
    centre = _in_stix(SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=attitude.sky), attitude).to_value(u.arcsec)
    for finest, extent, step in ((7, _DISK * radius, _STEP), (3, _AROUND, _FINE)):
        image, axis = _projected(visibilities, finest, centre, extent, step)
        image[np.hypot(axis[:, None], axis) > extent] = -np.inf
        row, column = np.unravel_index(image.argmax(), image.shape)
        centre = np.add(centre, [axis[column], axis[row]])
    return centre * u.arcsec


def _projected(visibilities, finest, centre, extent, step):
    kept = [number >= finest for number in map(_number, visibilities.meta["vis_labels"])]
    axis = np.arange(-extent, extent + step, step)
    u_, v_ = (part.to_value(1 / u.arcsec)[kept] for part in (visibilities.u, visibilities.v))
    x, y = (np.exp(-2j * np.pi * np.outer(axis + c, f)) for c, f in zip(centre, (u_, v_), strict=True))
    return ((y * visibilities.visibilities.value[kept]) @ x.T).real, axis


def _number(label):
    """Number of the sub-collimator, from a label such as 10a."""
    return int(str(label)[:-1])


def _of_subcollimators(visibilities, wanted, place, attitude):
    from xrayvision.visibility import Visibilities, VisMeta

    kept = np.array([_number(label) in wanted for label in visibilities.meta["vis_labels"]])
    known = {} if attitude is None else {"roll": attitude.roll, "pointing": attitude.pointing}
    if attitude is not None:
        known["observer_coordinate"] = attitude.observer
    meta = VisMeta(
        instrument="STIX",
        spectral_range=visibilities.meta["spectral_range"],
        time_range=visibilities.meta["time_range"],
        vis_labels=[str(label) for label in np.array(visibilities.meta["vis_labels"])[kept]],
        isc=np.array(visibilities.meta["isc"])[kept],
        calibrated=True,
        offset=place,
        **known,
    )
    return Visibilities(
        visibilities.visibilities[kept],
        u=visibilities.u[kept],
        v=visibilities.v[kept],
        amplitude=visibilities.amplitude[kept],
        amplitude_uncertainty=visibilities.amplitude_uncertainty[kept],
        meta=meta,
    )
