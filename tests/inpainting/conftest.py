"""Maps of LASCO that are made independently of what the package knows about the instrument, with real headers."""

from functools import cache

import numpy as np
import pytest

import sunpy.map

BZERO = np.float32(3.2501e-9)
SUN = {"C2": (511.634, 504.293), "C3": (516.95599, 531.63202)}
SCALE = {"C2": 11.9, "C3": 56.0}
# Blocks that are set to zero on board (#), the lowest row first; other rows have none
TABLE = {
    "C2": {
        0: "##............................##",
        1: "#..............................#",
        12: ".............#####..............",
        13: ".............######.............",
        14: "............########............",
        15: "............###..###............",
        16: "............###..###............",
        17: "............########............",
        18: ".............######.............",
        19: "..............####..............",
        30: "#..............................#",
        31: "##............................##",
    },
    "C3": {
        0: "########................########",
        1: "######....................######",
        2: "#####......................#####",
        3: "#####........................###",
        4: "#####.........................##",
        5: "##............................##",
        6: "#..............................#",
        7: "#...............................",
        25: "#...............................",
        26: "#..............................#",
        27: "##.............................#",
        28: "###...........................##",
        29: "####.........................###",
        30: "#####.......................####",
        31: "######....................######",
    },
}
HEADER = {
    "DATE-OBS": "2010/01/12",
    "TIME-OBS": "21:20:08.500",
    "P1COL": 20,
    "P1ROW": 1,
    "P2COL": 1043,
    "P2ROW": 1024,
    "VERSION": 2,
    "TELESCOP": "SOHO",
    "INSTRUME": "LASCO",
    "READPORT": "C",
    "SUMROW": 0,
    "SUMCOL": 0,
    "LEBXSUM": 1,
    "LEBYSUM": 1,
    "POLAR": "Clear",
    "LP_NUM": "Normal",
    "R1COL": 20,
    "R1ROW": 1,
    "R2COL": 1043,
    "R2ROW": 1024,
    "RECTIFY": "TRUE",
    "CRVAL1": 0.0,
    "CRVAL2": 0.0,
    "CROTA1": 180.0,
    "CROTA2": 180.0,
    "CTYPE1": "SOLAR-X",
    "CTYPE2": "SOLAR-Y",
    "CUNIT1": "ARCSEC",
    "CUNIT2": "ARCSEC",
}
OF_DETECTOR = {
    "C2": {"FILTER": "Orange", "EXPTIME": 25.0938, "OFFSET": 598.315, "FILENAME": "22322544.fts"},
    "C3": {"FILTER": "Clear", "EXPTIME": 19.0996, "OFFSET": 398.05, "FILENAME": "32219521.fts"},
}
LEVEL_1 = {
    "DATE-OBS": "2002-01-08T02:41:57.042",
    "TIME-OBS": "",
    "LEVEL": "1.0",
    "RECTIFY": 0.0,
    "BUNIT": "MSB",
    "CROTA": -0.237765,
    "CROTA1": -0.237765,
    "CROTA2": -0.237765,
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "RSUN": 985.876146678,
    "NMISSING": 0,
    "MISSLIST": "None",
    "BLANK": -32768,
    # Headers of level 1 do not have these
    "OFFSET": None,
    "VERSION": None,
    "LP_NUM": None,
    "P1COL": None,
    "P1ROW": None,
    "P2COL": None,
    "P2ROW": None,
}


@cache
def _corona(detector, shape, binning, seed):
    """Brightness in units of that at 4 (C2) or 10 (C3) solar radii, with streamers, the occulter and some noise."""
    x0, y0 = ((sun + 0.5) / binning - 0.5 for sun in SUN[detector])
    y, x = np.indices(shape) - np.reshape([y0, x0], (2, 1, 1))
    radius = np.maximum(binning * np.hypot(x, y) * SCALE[detector] / 960, 0.5)
    inner, unit, power = (2.0, 4.0, 3.0) if detector == "C2" else (3.9, 10.0, 2.0)
    image = (np.maximum(radius, inner) / unit) ** -power * (1 + 0.3 * np.cos(2 * np.arctan2(y, x))) + 0.3
    image *= 1 - 0.95 / (1 + np.exp((radius - inner) / 0.1))
    return image * np.random.default_rng(seed).normal(1, 0.01, shape)


@cache
def _hidden_at_level_1(detector):
    """Pixels that the calibration masks: the blocks of the table for C2; the disc, the pylon and the outside for C3."""
    if detector == "C2":
        return _table(detector)
    y, x = np.indices((1024, 1024))
    hidden = np.hypot(x - 518.6, y - 531.2) > 544.5
    hidden |= np.hypot(x - 517.3, y - 529.9) < 72.5
    along, across = (517.3 - x + 529.9 - y) / np.sqrt(2), (x - 517.3 - y + 529.9) / np.sqrt(2)
    hidden |= (along > 60) & (across > -5) & (across < 16)
    hidden[:5] = hidden[-5:] = hidden[:, :5] = hidden[:, -5:] = True
    return hidden


@cache
def _table(detector, binning=1):
    rows = [TABLE[detector].get(row, 32 * ".") for row in range(32)]
    table = np.array([[letter == "#" for letter in row] for row in rows])
    if binning == 2:
        table = table.reshape(16, 2, 16, 2).all(axis=(1, 3))
    return np.kron(table, np.ones((32, 32), dtype=bool))


@cache
def _image(detector, level, dtype, binning, seed):
    """A complete image."""
    light = _corona(detector, (1024 // binning,) * 2, binning, seed)
    if level == 1:
        image = np.where(_hidden_at_level_1(detector), BZERO if detector == "C3" else 0, 1e-10 * light)
        return image.astype(dtype or np.float32)
    counts = 1000 * light + OF_DETECTOR[detector]["OFFSET"]
    return np.where(_table(detector, binning), 0, np.clip(counts, 0, 16383)).astype(dtype or ">i2")


@pytest.fixture(scope="session")
def unobserved_table():
    """``unobserved_table(detector, binning)``: True in the blocks that are set to zero on board, for a full frame."""
    return _table


@pytest.fixture(scope="session")
def hidden_at_level_1():
    """``hidden_at_level_1(detector)``: True in the pixels that the calibration masks, shape (1024, 1024)."""
    return _hidden_at_level_1


@pytest.fixture(scope="session")
def make_blocks():
    """``make_blocks(cells, size)``: True in the blocks at these rows and columns of the grid, shape (size, size)."""

    def make(cells, size=1024):
        blocks = np.zeros((size // 32, size // 32), dtype=bool)
        blocks[tuple(np.transpose(cells))] = True
        return np.kron(blocks, np.ones((32, 32), dtype=bool))

    return make


@pytest.fixture(scope="session")
def make_lasco():
    """
    ``make_lasco(detector, level, lost=mask, fill=value, dtype=..., binning=1, seed=0, data=None, **header)``: a Map.

    A full frame with the pixels that the instrument or the calibration hides, and with lost pixels. Keywords change
    the header; `None` removes one.
    """

    def make(detector="C2", level=0.5, /, *, lost=None, fill=0, dtype=None, binning=1, seed=0, data=None, **changes):
        cards = HEADER | OF_DETECTOR[detector] | {"DETECTOR": detector}
        sun = np.array(SUN[detector])
        if level == 1:
            cards |= LEVEL_1 | {"FILENAME": f"{cards['FILENAME'][0]}5{cards['FILENAME'][2:]}"}
            sun = sun + 1
        cards |= {"CRPIX1": (sun[0] + 0.5) / binning + 0.5, "CRPIX2": (sun[1] + 0.5) / binning + 0.5}
        cards |= {"SUMROW": binning, "SUMCOL": binning} if binning > 1 else {}
        cards |= {f"CDELT{axis}": binning * SCALE[detector] for axis in (1, 2)}
        if data is None:
            data = _image(detector, level, dtype, binning, seed).copy()
        if lost is not None:
            data[lost] = fill
        cards |= {key.upper().replace("_OBS", "-OBS"): value for key, value in changes.items()}
        return sunpy.map.Map(data, {key: value for key, value in cards.items() if value is not None})

    return make


@pytest.fixture(scope="session")
def cut():
    """``cut(smap, rows, columns)``: the part of a Map, as `sunpy.map.GenericMap.submap` makes it."""

    def make(smap, rows, columns):
        meta = smap.meta.copy()
        meta["crpix1"] -= columns.start
        meta["crpix2"] -= rows.start
        return smap._new_instance(smap.data[rows, columns], meta)

    return make
