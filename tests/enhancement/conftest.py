"""Maps that the tests of the folder share."""

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore.data import sample_path

NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")


@pytest.fixture(scope="session")
def samples():
    return {name: sunpy.map.Map(sample_path(name)) for name in NAMES}


@pytest.fixture(scope="session")
def part():
    """Cut a square out of a Map."""

    def part(smap, size=60, start=30):
        corner = u.Quantity([start, start], u.pix)
        return smap.submap(corner, width=(size - 1) * u.pix, height=(size - 1) * u.pix)

    return part


@pytest.fixture
def small_sun(samples):
    """Make a Map of an image with a whole solar disk, whose radius is 0.4 times the size of the image."""

    def small_sun(data, name="hmi_continuum_quiet", **changes):
        ny, nx = data.shape
        meta = {key: value for key, value in samples[name].meta.items() if not key.startswith("pc")}
        meta |= {"crval1": 0.0, "crval2": 0.0, "crota2": 0.0, "crpix1": nx / 2 + 0.5, "crpix2": ny / 2 + 0.5}
        meta |= {"cdelt1": 0.504, "cdelt2": 0.504, "rsun_obs": 0.4 * nx * 0.504}
        return sunpy.map.Map(np.asarray(data), meta | changes)

    return small_sun
