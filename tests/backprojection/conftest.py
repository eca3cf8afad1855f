"""Back-projections of scenes as Maps, computed pixel by pixel without the operators of the package."""

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

MINIMAL = {
    "CTYPE1": "HPLN-TAN",
    "CTYPE2": "HPLT-TAN",
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CRVAL1": 100.0,
    "CRVAL2": -50.0,
}
"""Header keywords that xrayvision writes, without the pixel scale."""
NAMED = MINIMAL | {
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
HEADERS = {"minimal": MINIMAL, "named": NAMED, "idl": IDL}


def positions_of(shape, matrix):
    """Positions x and y of the pixels in arcsec from the centre of the image."""
    rows, columns = np.indices(shape) - (np.array(shape)[:, np.newaxis, np.newaxis] - 1) / 2
    return matrix[0, 0] * columns + matrix[0, 1] * rows, matrix[1, 0] * columns + matrix[1, 1] * rows


def rotation(degrees):
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def back_projection_at(visibilities, points, x, y, weighting="natural"):
    weights = np.ones(len(visibilities)) if weighting == "natural" else np.hypot(points.u, points.v)
    image = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for one, u, v, weight in zip(visibilities, points.u, points.v, weights / weights.sum(), strict=True):
        image += weight * (one * np.exp(-2j * np.pi * (u * x + v * y))).real
    return image


@pytest.fixture(scope="session")
def scene():
    """Two sources with a total flux of 7, without any symmetry."""
    return joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


@pytest.fixture(scope="session")
def make_backprojection():
    """
    ``make_backprojection(source, points)``: Map of a back-projected scene, or of given visibilities.

    The pixel size is in arcsec along x and y, and the angle in degrees rotates the pixel axes in the coordinates of the
    Map. The axes of the instrument are those of the coordinates, or those of the pixels with ``sky=False``.
    """

    def make(
        source, points=None, *, shape=(129, 129), pixel=(2.0, 2.0), angle=0.0, sky=True, weighting="natural",
        header="named", **changes,
    ):  # fmt: skip
        points = stix_uv() if points is None else points
        visibilities = visibilities_of_scene(source, points) if hasattr(source, "flux") else source
        steps = np.diag(pixel)
        positions = positions_of(shape, rotation(angle) @ steps if sky else steps)
        data = back_projection_at(visibilities, points, *positions, weighting)
        matrix = np.diag(1 / np.array(pixel)) @ rotation(angle) @ steps
        scale = {"CDELT1": pixel[0], "CDELT2": pixel[1]}
        if angle:
            scale |= {f"PC{row + 1}_{column + 1}": matrix[row, column] for row in (0, 1) for column in (0, 1)}
        return sunpy.map.Map(data, HEADERS[header] | scale | changes)

    return make


@pytest.fixture(scope="session")
def make_idl():
    """
    ``make_idl(scene)``: Map as the IDL software writes it to locate flares.

    It is made from the sub-collimators 7 to 10 and rotated by a right angle and the roll, which are not in the header,
    with zeros in the corners.
    """

    def make(scene, *, numbers=range(7, 11), side=160, pixel=4.0, roll=7.0, **changes):
        points = stix_uv(numbers)
        x, y = positions_of((side, side), rotation(90 + roll) * pixel)
        data = back_projection_at(visibilities_of_scene(scene, points), points, x, y)
        data[np.maximum(abs(x), abs(y)) > pixel * side / 2] = 0
        return sunpy.map.Map(data, IDL | {"CDELT1": pixel, "CDELT2": pixel} | changes)

    return make
