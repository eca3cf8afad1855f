"""Back-projections of scenes as Maps, made here pixel by pixel and independently of the operators of the package."""

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.backprojection.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

POOR = {
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CRVAL1": 100.0,
    "CRVAL2": -50.0,
}
"""All that xrayvision writes, but for the scale."""
NAMED = POOR | {
    "TELESCOP": "SOLO/STIX",
    "INSTRUME": "STIX",
    "DATE-OBS": "2022-11-11T01:30:00",
    "HGLN_OBS": 10.0,
    "HGLT_OBS": 2.0,
    "DSUN_OBS": 9e10,
    "RSUN_REF": 6.957e8,
    "BUNIT": "ct / (s keV cm2)",
    "DATAMAX": 9.9,
}
IDL = {key: value for key, value in NAMED.items() if key != "BUNIT"} | {"CREATOR": "stx_map2fits, IDL"}
HEADERS = {"poor": POOR, "named": NAMED, "idl": IDL}


def places_of(shape, matrix):
    """Of pixels, as x and y in arcsec from the middle."""
    rows, columns = np.indices(shape) - (np.array(shape)[:, np.newaxis, np.newaxis] - 1) / 2
    return matrix[0, 0] * columns + matrix[0, 1] * rows, matrix[1, 0] * columns + matrix[1, 1] * rows


def turn(degrees):
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def seen_at(found, plane, x, y, weighting="natural"):
    weights = np.ones(len(found)) if weighting == "natural" else np.hypot(plane.u, plane.v)
    image = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for one, u, v, weight in zip(found, plane.u, plane.v, weights / weights.sum(), strict=True):
        image += weight * (one * np.exp(-2j * np.pi * (u * x + v * y))).real
    return image


@pytest.fixture(scope="session")
def scene():
    """Two sources, of flux 7; turned, mirrored or shifted it is another one."""
    return joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


@pytest.fixture(scope="session")
def make_backprojection():
    """
    ``make_backprojection(found, plane)``: Map of the visibilities of a scene, or of those given.

    Steps from pixel to pixel are the columns of a matrix, or of a pixel size in arcsec along x and y and a turn in
    degrees. ``sky=False``: the axes of the instrument are those of the pixels.
    """

    def make(
        found, plane=None, *, shape=(129, 129), pixel=(2.0, 2.0), angle=0.0, sky=True, weighting="natural",
        header="named", **changes,
    ):  # fmt: skip
        plane = stix_uv() if plane is None else plane
        if hasattr(found, "flux"):
            found = visibilities_of_scene(found, plane)
        steps = np.diag(pixel)
        data = seen_at(found, plane, *places_of(shape, turn(angle) @ steps if sky else steps), weighting)
        turned = np.diag(1 / np.array(pixel)) @ turn(angle) @ steps
        scale = {"CDELT1": pixel[0], "CDELT2": pixel[1]}
        if angle:
            scale |= {f"PC{row + 1}_{column + 1}": turned[row, column] for row in (0, 1) for column in (0, 1)}
        return sunpy.map.Map(data, HEADERS[header] | scale | changes)

    return make


@pytest.fixture(scope="session")
def make_idl():
    """
    ``make_idl(scene)``: Map as the IDL software writes those with which it finds flares.

    Of the sub-collimators 7 to 10, turned by a right angle and the roll, which the header does not tell, with zeros in
    the corners.
    """

    def make(scene, *, numbers=range(7, 11), side=160, pixel=4.0, roll=7.0, **changes):
        plane = stix_uv(numbers)
        x, y = places_of((side, side), turn(90 + roll) * pixel)
        data = seen_at(visibilities_of_scene(scene, plane), plane, x, y)
        data[np.maximum(abs(x), abs(y)) > pixel * side / 2] = 0
        return sunpy.map.Map(data, IDL | {"CDELT1": pixel, "CDELT2": pixel} | changes)

    return make
