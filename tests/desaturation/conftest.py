"""AIA Maps with a saturated flare, simulated independently of the training pairs of the package."""

import numpy as np
import pytest
from scipy import signal

import sunpy.map

from sunpy_restore.desaturation.fringes.psf import mesh_psf

WELL = 16383.0
HEADER = {
    "INSTRUME": "AIA_2",
    "TELESCOP": "SDO/AIA",
    "WAVELNTH": 193,
    "WAVEUNIT": "angstrom",
    "BUNIT": "DN",
    "EXPTIME": 2.0,
    "LVL_NUM": 1.5,
    "DATE-OBS": "2014-10-26T12:48:18",
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CDELT1": 0.6,
    "CDELT2": 0.6,
    "CRPIX1": 61.25,
    "CRPIX2": 40.5,
    "CRVAL1": 200.0,
    "CRVAL2": -300.0,
    "CROTA2": 0.0,
    "RSUN_REF": 696000000.0,
    "DSUN_OBS": 148700000000.0,
    "HGLN_OBS": 0.0,
    "HGLT_OBS": 4.9,
    "DATAMAX": 16383,
    "NSATPIX": 321,
}


def _corona(shape, rng):
    waves = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
    waves[0, 0] = np.inf
    image = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * waves**-1.5).real
    return 2000 + 500 * image / image.std()


@pytest.fixture(scope="session")
def make_map():
    """``make_map(data, **header)``: a Map with an AIA header and these changes; `None` omits a keyword."""

    def make(data, **changes):
        cards = HEADER | {key.upper(): value for key, value in changes.items()}
        return sunpy.map.Map(data, {key: value for key, value in cards.items() if value is not None})

    return make


@pytest.fixture(scope="session")
def make_flare():
    """``make_flare(shape, places, peak, channel)``: clipped exposure, and the truth with an unlimited full well."""

    def make(shape=(220, 240), places=((105, 120),), peak=5.0, channel=193, seed=0):
        rng = np.random.default_rng(seed)
        y, x = np.indices(shape)
        light = sum(np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 2.8**2)) for row, column in places)
        image = signal.fftconvolve(light, mesh_psf(channel), mode="same")
        truth = _corona(shape, rng) + image * peak * WELL / image.max()
        return np.minimum(rng.normal(truth, np.sqrt(np.maximum(truth, 0))), WELL), truth

    return make


@pytest.fixture(scope="session")
def flaring(make_map, make_flare):
    """A Map with a saturated core, float64."""
    return make_map(make_flare()[0])
