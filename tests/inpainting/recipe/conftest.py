"""Small frames of both coronagraphs in files, dated and named as those that the recipe reads."""

import numpy as np
import pytest

from astropy.io import fits

from sunpy_restore.inpainting.recipe.scenes import TRAINING, VALIDATION, Exposure

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


def _response(shape, detector):
    """A ring about the occulter, and the pylon of C3."""
    y, x = np.indices(shape) - np.reshape(CENTER[detector][::-1], (2, 1, 1))
    ring = -0.3 * np.exp(-(((np.hypot(x, y) - 40) / 3) ** 2))
    return ring - 0.6 * ((np.abs(x - y) < 4) & (x < 0)) if detector == "C3" else 0 * ring


def _exposure(detector="C3", level=0.5, *, name="frame", date="2010-01-05", seed=0, side=SIDE):
    y, x = np.indices((side, side)) - np.reshape(CENTER[detector][::-1], (2, 1, 1))
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng(seed)
    light = 2e5 / np.maximum(radius, 15) ** 1.4
    light *= np.exp(0.2 * np.cos(2 * azimuth + seed)) * rng.normal(1, 0.01, radius.shape)
    light *= np.exp(_response((side, side), detector)) if level < 1 else 1e-13
    blind = radius < 24
    blind[:32, :32] = blind[-32:, -32:] = True
    bias = BIAS[detector] if level < 1 else 0.0
    return Exposure(name, date, np.where(blind, 0, light + bias), blind, CENTER[detector], detector, level, bias)


@pytest.fixture(scope="session")
def response():
    """``response(shape, detector)``: the logarithm of the pattern that frames of level 0.5 have."""
    return _response


@pytest.fixture(scope="session")
def make_exposure():
    """``make_exposure(detector, level, name=, date=, seed=, side=)``: a whole frame."""
    return _exposure


@pytest.fixture(scope="session")
def dates():
    """Name of the file to the day of its header, of the real frames."""
    return DATES


@pytest.fixture(scope="session")
def write_frame():
    """``write_frame(folder, exposure)``: the FITS file of a frame, as the archive has it."""

    def write(folder, exposure):
        level_1 = exposure.level >= 1
        header = fits.Header()
        header["DETECTOR"] = exposure.detector
        header["DATE-OBS"] = exposure.date if level_1 else exposure.date.replace("-", "/")
        header["CRPIX1"], header["CRPIX2"] = (place + 1 for place in exposure.center)
        if level_1:
            header["LEVEL"] = "1.0"
            data = np.where(exposure.blind, np.float32(3.2501e-9), exposure.image).astype(np.float32)
        else:
            header["OFFSET"] = exposure.bias
            data = np.clip(np.round(exposure.image), 0, 16383).astype(">i2")
        fits.writeto(folder / "lasco" / f"{exposure.name}.fts.gz", data, header, overwrite=True)

    return write


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory, make_exposure, write_frame):
    """``frames_folder(**changes)``: a folder with all frames; of those named the exposure is changed."""

    def folder(**changes):
        path = tmp_path_factory.mktemp("data")
        (path / "lasco").mkdir()
        for split in (TRAINING, VALIDATION):
            for detector, names in split.items():
                for number, name in enumerate(names):
                    level = 1.0 if "4pt1" in name else 0.5
                    frame = make_exposure(detector, level, name=name, date=DATES[name].replace("/", "-"), seed=number)
                    write_frame(path, changes.get(name, lambda frame: frame)(frame))
        return path

    return folder


@pytest.fixture(scope="session")
def folder(frames_folder):
    """A folder with all frames."""
    return frames_folder()
