"""Images that are mirrored or rotated by multiples of 90 degrees in their array, at the same place on the sky."""

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import enhance

NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")
EIGHT = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.fixture(scope="module")
def cutouts(samples, part):
    return {name: part(samples[name], size=70, start=20) for name in NAMES}


def turned(data, turns, mirrored):
    return np.rot90(data[:, ::-1] if mirrored else data, turns)


def turned_back(data, turns, mirrored):
    data = np.rot90(data, -turns)
    return data[:, ::-1] if mirrored else data


def turned_map(smap, turns, mirrored):
    """The Map with the same position on the sky for every value."""
    old = np.stack([turned(index, turns, mirrored) for index in np.indices(smap.data.shape)[::-1]])
    first, steps = old[:, 0, 0], np.stack([old[:, 0, 1] - old[:, 0, 0], old[:, 1, 0] - old[:, 0, 0]], axis=1)
    reference = np.array([smap.meta["crpix1"], smap.meta["crpix2"]]) - 1
    crpix = np.linalg.solve(steps, reference - first) + 1
    cdelt = np.array([smap.meta["cdelt1"], smap.meta["cdelt2"]])
    matrix = np.diag(1 / cdelt) @ (np.diag(cdelt) @ np.asarray(smap.rotation_matrix) @ steps)
    meta = {key: value for key, value in smap.meta.items() if not key.startswith(("pc", "crota", "naxis"))}
    meta |= {f"pc{i + 1}_{j + 1}": float(matrix[i, j]) for i in (0, 1) for j in (0, 1)}
    data = np.ascontiguousarray(turned(smap.data, turns, mirrored))
    return sunpy.map.Map(data, meta | {"crpix1": float(crpix[0]), "crpix2": float(crpix[1])})


@pytest.mark.parametrize(("turns", "mirrored"), EIGHT)
@pytest.mark.parametrize("name", NAMES)
def test_classical_methods_commute_with_orientation(cutouts, name, turns, mirrored):
    other = turned_map(cutouts[name], turns, mirrored)
    one, two = (enhance(smap, method="bicubic") for smap in (cutouts[name], other))
    scale = np.nanstd(one.data)
    np.testing.assert_allclose(turned_back(two.data, turns, mirrored), one.data, rtol=0, atol=1e-4 * scale)
    marked = np.zeros(one.data.shape)
    marked[21, 7] = 1
    row, column = np.argwhere(turned(marked, turns, mirrored))[0]
    where = [smap.pixel_to_world(x * u.pix, y * u.pix) for smap, x, y in ((one, 7, 21), (two, column, row))]
    assert abs(where[0].Tx - where[1].Tx) < 1e-4 * u.arcsec
    assert abs(where[0].Ty - where[1].Ty) < 1e-4 * u.arcsec


def test_mirror_images_by_the_sign_of_cdelt(cutouts):
    smap = cutouts["hmi_continuum_spot"]
    nx = smap.data.shape[1]
    meta = {key: value for key, value in smap.meta.items() if not key.startswith(("pc", "crota"))}
    meta |= {"crpix1": nx + 1 - smap.meta["crpix1"], "cdelt1": -smap.meta["cdelt1"]}
    plain = sunpy.map.Map(smap.data, meta | {"cdelt1": smap.meta["cdelt1"], "crpix1": smap.meta["crpix1"]})
    other = sunpy.map.Map(smap.data[:, ::-1].copy(), meta)
    found = enhance(other, method="bicubic").data[:, ::-1]
    np.testing.assert_allclose(found, enhance(plain, method="bicubic").data, rtol=1e-5)


@pytest.mark.parametrize(("turns", "mirrored"), [(0, True), (1, False), (2, False), (1, True)])
@pytest.mark.parametrize("name", NAMES)
def test_the_network_depends_little_on_orientation(cutouts, name, turns, mirrored):
    """The filters of the network are not symmetric. The guide states what the whole samples differ by."""
    one, two = (enhance(smap).data for smap in (cutouts[name], turned_map(cutouts[name], turns, mirrored)))
    inner = np.s_[16:-16, 16:-16]
    difference = (turned_back(two, turns, mirrored) - one)[inner]
    assert np.std(difference) < 0.045 * np.std(one[inner])
