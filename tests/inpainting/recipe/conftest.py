"""Small images of both coronagraphs, with the names and dates of those that the recipe reads."""

from functools import cache

import numpy as np
import pytest

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.inpainting.recipe.scenes import LISTS, Exposure

SIDE = 256
CENTER = {"C2": (126.3, 124.9), "C3": (130.2, 133.6)}
BIAS = {"C2": 598.3, "C3": 398.05}
DATES = {
    "comet_22104858": "2001/10/23",
    "Venus_22322544": "2010/01/12",
    "Venus_22322625": "2010/01/13",
    "Venus_22322784": "2010/01/15",
    "Venus_22323065": "2010/01/16",
    "Venus_22323311": "2010/01/18",
    "planet_32046494": "2000/01/20",
    "Venus_32108414": "2003/07/21",
    "comet_ASAS_32130223": "2004/10/08",
    "planet_32180009": "2007/08/18",
    "planet_32219521": "2010/01/05",
    "comet_96p_32082037": "2002/01/08",
    "comet_p6p_level0pt5_32082084": "2002/01/09",
    "comet_96p_32082111": "2002/01/09",
    "comet_96p_32082126": "2002/01/09",
    "comet_96p_32082153": "2002/01/10",
    "comet_96p_4pt1shouldhavebeeninsize": "2002-01-08",
}


def _names(split):
    """Names of the images of a split by detector, in order."""
    result = {"C2": [], "C3": []}
    for entry in read_list(LISTS / "inpaint.toml").split(split):
        result[entry.name[:2]] += [name.rpartition("/")[2].partition(".")[0] for name in entry.files]
    return result


def _response(shape, detector):
    """Logarithm of the response: a ring around the occulter, and the pylon of C3."""
    y, x = np.indices(shape) - np.reshape(CENTER[detector][::-1], (2, 1, 1))
    ring = -0.3 * np.exp(-(((np.hypot(x, y) - 40) / 3) ** 2))
    return ring - 0.6 * ((np.abs(x - y) < 4) & (x < 0)) if detector == "C3" else 0 * ring


@cache
def _exposure(detector="C3", level=0.5, *, name="image", date="2010-01-05", seed=0):
    y, x = np.indices((SIDE, SIDE)) - np.reshape(CENTER[detector][::-1], (2, 1, 1))
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng(seed)
    light = 2e5 / np.maximum(radius, 15) ** 1.4
    light *= np.exp(0.2 * np.cos(2 * azimuth + seed)) * rng.normal(1, 0.01, radius.shape)
    light *= np.exp(_response((SIDE, SIDE), detector)) if level < 1 else 1e-13
    unobserved = radius < 24
    unobserved[:32, :32] = unobserved[-32:, -32:] = True
    bias = BIAS[detector] if level < 1 else 0.0
    return Exposure(
        name, date, np.where(unobserved, 0, light + bias), unobserved, CENTER[detector], detector, level, bias
    )


@pytest.fixture(scope="session")
def names():
    """``names(split)``: names of the images of a split by detector, in order."""
    return _names


@pytest.fixture(scope="session")
def response():
    """``response(shape, detector)``: the flat field of images of level 0.5."""
    return _response


@pytest.fixture(scope="session")
def make_exposure():
    """``make_exposure(detector, level, name=, date=, seed=)``: a complete image."""
    return _exposure


@pytest.fixture(scope="session")
def dates():
    """Name of each file to the date in its header."""
    return DATES


@pytest.fixture(scope="session")
def write_exposure():
    """``write_exposure(folder, exposure)``: write the FITS file of an image as in the archive."""

    def write(folder, exposure):
        level_1 = exposure.level >= 1
        header = fits.Header()
        header["DETECTOR"] = exposure.detector
        header["DATE-OBS"] = exposure.date if level_1 else exposure.date.replace("-", "/")
        header["CRPIX1"], header["CRPIX2"] = (place + 1 for place in exposure.center)
        if level_1:
            header["LEVEL"] = "1.0"
            data = np.where(exposure.unobserved, np.float32(3.2501e-9), exposure.image).astype(np.float32)
        else:
            header["OFFSET"] = exposure.bias
            data = np.clip(np.round(exposure.image), 0, 16383).astype(">i2")
        fits.writeto(folder / "lasco" / f"{exposure.name}.fts.gz", data, header, overwrite=True)

    return write


@pytest.fixture(scope="session")
def exposures_folder(tmp_path_factory, make_exposure, write_exposure, list_without_hashes):
    """``exposures_folder(**changes)``: a folder with all images, of which those with these names are changed."""

    def folder(**changes):
        path = tmp_path_factory.mktemp("data")
        (path / "lasco").mkdir()
        list_without_hashes(path, "inpaint")
        for split in ("train", "validation"):
            for detector, names in _names(split).items():
                for number, name in enumerate(names):
                    level = 1.0 if "4pt1" in name else 0.5
                    exposure = make_exposure(
                        detector, level, name=name, date=DATES[name].replace("/", "-"), seed=number
                    )
                    write_exposure(path, changes.get(name, lambda exposure: exposure)(exposure))
        return path

    return folder


@pytest.fixture(scope="session")
def folder(exposures_folder):
    """A folder with all images."""
    return exposures_folder()


@pytest.fixture(scope="session")
def waves():
    """A fast replacement of `~sunpy_restore.inpainting.recipe.structure.structure`, which has its own tests."""

    def make(shape, center, rng, strength, *, moved):
        y, x = np.indices(shape)
        return tuple(strength * np.sin(x / rng.uniform(5, 50) + y / source.uniform(5, 50)) for source in (rng, moved))

    return make
