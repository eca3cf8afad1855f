"""Visibilities from STIX pixel data, by ``stixpy``."""

import gzip
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from sunpy.time import TimeRange

from .attitude import Attitude, attitude_of, in_stix, observer_at

__all__ = ["visibilities_of"]

_TIME_MARGIN = 0.05 * u.s
"""The time range is reduced by this at both ends, because stixpy also takes time bins that only touch it."""
_INTERVAL = 60 * u.s
"""Default length of the time range."""
_SEARCH_RADIUS, _SEARCH_STEP = 1.1, 6.0
"""Radius in solar radii, and step in arcsec, of the first search for the flare."""
_FINE_RADIUS, _FINE_STEP = 40.0, 1.0
"""Radius and step in arcsec of the second search."""


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
    Make calibrated visibilities of a flare from STIX pixel data.

    Parameters
    ----------
    pixel_file : path-like
        Pixel data of level 1, ``solo_L1_stix-sci-xray-cpd_*.fits``; it may be gzipped.
    time_range : pair of times, optional
        Start and end at the spacecraft; time bins that overlap the range are used completely. By default the minute
        around the brightest time bin.
    energy_range : `~astropy.units.Quantity`
        Lower and upper energy, which have to be edges of the instrument's energy bins.
    background : path-like, optional
        Pixel data of a quiet time, whose rates are subtracted. Visibilities are differences between pixels, so that a
        uniform background adds little but noise.
    flare_location : `~astropy.coordinates.SkyCoord`, optional
        Phase centre, in any solar frame or in ``STIXImaging``. By default the maximum of the back-projection.
    subcollimators : iterable of `int`
        Sub-collimators from 1 (the finest) to 10; the phases of 1 and 2 are not calibrated.
    ephemeris : path-like, optional
        Auxiliary file, see ``attitude.attitude_of``. If it is not given ``stixpy`` downloads it, unless
        ``flare_location`` is in ``STIXImaging``.

    Returns
    -------
    ``xrayvision.visibility.Visibilities``
        In counts / (s keV cm2), in the STIX frame relative to the phase centre, with the uncertainties of the
        amplitudes (counting statistics, compression, and 5 % for the calibration). In ``meta``, ``offset`` is the phase
        centre in ``STIXImaging``; ``observer_coordinate``, ``roll`` and ``pointing`` are those of ``attitude.Attitude``
        if the attitude is known.

    Raises
    ------
    ImportError
        ``stixpy`` is not installed.
    ValueError
        The file is of another kind or does not cover the times or energies; the attenuator moved or detectors or pixels
        were switched in the time range; or a sub-collimator does not exist.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7
    """
    try:
        from stixpy.calibration import visibility as stix
        from stixpy.coordinates.frames import STIXImaging
    except ImportError as error:
        raise ImportError(
            "Found no stixpy; expected it, to turn pixel data into visibilities. Install it: pip install stixpy"
        ) from error
    wanted = sorted(set(subcollimators))
    if not wanted or not set(wanted) <= set(range(1, 11)):
        raise ValueError(f"Found the sub-collimators {wanted}; expected numbers from 1 to 10.")
    energy_range = u.Quantity(energy_range).to(u.keV)
    product = _product(pixel_file)
    _check_energies(product, energy_range, pixel_file)
    chosen = _chosen_range(product, time_range, energy_range, pixel_file)
    quiet = None if background is None else _product(background)

    def measured(location):
        """Uncalibrated visibilities, with the shadows of the grids if the location is known."""
        options = {"no_shadowing": location is None, "flare_location": location}
        pixels = stix.create_meta_pixels(product, chosen, energy_range, **options)
        if quiet is not None:
            dark = stix.create_meta_pixels(quiet, _whole(quiet), energy_range, **options)
            rate, error = "abcd_rate_kev_cm", "abcd_rate_error_kev_cm"
            pixels[rate] = pixels[rate] - dark[rate]
            pixels[error] = np.sqrt(pixels[error] ** 2 + dark[error] ** 2)
        return stix.create_visibility(pixels)

    uncalibrated = measured(None)
    start, end = uncalibrated.meta["time_range"]
    # stixpy needs an ephemeris unless the location has exactly this time
    frame = STIXImaging(obstime=TimeRange(uncalibrated.meta["time_range"]).center)
    located = flare_location is not None and flare_location.frame.name == frame.name
    attitude = None
    if ephemeris is not None:
        attitude = attitude_of(ephemeris, start, end)
    elif not located:
        attitude = _downloaded(start, end)
    if located:
        place = u.Quantity([flare_location.Tx, flare_location.Ty])
    elif flare_location is not None:
        place = in_stix(flare_location, attitude)
    else:
        whole = stix.calibrate_visibility(
            uncalibrated, flare_location=SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=frame)
        )
        place = _brightest(whole, attitude, float(product.meta["RSUN_ARC"]))
    place = SkyCoord(*place, frame=frame)
    return _of_subcollimators(stix.calibrate_visibility(measured(place), flare_location=place), wanted, place, attitude)


def _product(path):
    """Pixel data as read by stixpy, which does not read compressed files."""
    from stixpy.product import Product

    path = Path(path)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", ResourceWarning)  # of files that stixpy leaves open
        plain = path
        if path.suffix == ".gz":
            plain = Path(folder) / path.stem
            with gzip.open(path) as packed, plain.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        product = Product(str(plain))
    counts = product.data["counts"] if "counts" in product.data.colnames else np.empty(0)
    if counts.ndim != 4:
        raise ValueError(
            f"Found {type(product).__name__} in {path}; expected pixel data (solo_L1_stix-sci-xray-cpd_*)."
        )
    return product


def _in_energy_range(product, energy_range):
    return (product.energies["e_low"] >= energy_range[0]) & (product.energies["e_high"] <= energy_range[1])


def _check_energies(product, energy_range, path):
    edges = u.Quantity([*product.energies["e_low"], product.energies["e_high"][-1]]).to_value(u.keV)
    if not set(energy_range.to_value(u.keV)) <= set(edges) or not energy_range[0] < energy_range[1]:
        raise ValueError(f"Found the energy range {energy_range}; expected two of the edges in {path}: {edges} keV.")


def _whole(product):
    begin, end = product.times - product.duration / 2, product.times + product.duration / 2
    return [begin[0] + _TIME_MARGIN, end[-1] - _TIME_MARGIN]


def _chosen_range(product, time_range, energy_range, path):
    """Time range for which stixpy uses exactly the bins that overlap the requested one."""
    first, last = _whole(product)
    if time_range is None:
        counts = np.asarray(product.data["counts"])[..., _in_energy_range(product, energy_range)].sum(axis=(1, 2, 3))
        peak = product.times[np.argmax(counts / np.ravel(product.duration.to_value(u.s)))]
        start, end = peak - _INTERVAL / 2, peak + _INTERVAL / 2
    else:
        start, end = (Time(edge) for edge in time_range)
        if not start < end or end < first or start > last:
            raise ValueError(
                f"Found the time range {start.isot} to {end.isot}; expected one within that of {path}: {first.isot} to "
                f"{last.isot}."
            )
    return [max(start + _TIME_MARGIN, first), min(end - _TIME_MARGIN, last)]


def _downloaded(start, end):
    from stixpy.coordinates.transforms import get_hpc_info

    roll, place, pointing = get_hpc_info(start, end)
    return Attitude(roll.to(u.deg), u.Quantity(pointing).ravel().to(u.arcsec), observer_at(place, start, end))


def _brightest(visibilities, attitude, radius):
    """Maximum of the back-projection of the four coarsest sub-collimators, then of all calibrated ones."""
    centre = in_stix(SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=attitude.sky), attitude).to_value(u.arcsec)
    for finest, extent, step in ((7, _SEARCH_RADIUS * radius, _SEARCH_STEP), (3, _FINE_RADIUS, _FINE_STEP)):
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
    """Number of the sub-collimator of a label such as 10a."""
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
