"""Tests of the pairs of back-projections and CLEAN images."""

from types import SimpleNamespace

import numpy as np
import pytest

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from sunpy.coordinates import HeliographicStonyhurst

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.imaging.clean import clean
from sunpy_restore.backprojection.recipe import own
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, dirty_beam, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.datasets.samples import Candidate

START = Time("2022-11-10T12:00:00")
POINTS = stix_uv()


def observed(flux, x=20.0, y=-10.0):
    """Visibilities of a source, with the attitude that `sky_header` needs."""
    place = SimpleNamespace(Tx=300 * u.arcsec, Ty=-200 * u.arcsec)
    observer = SkyCoord(HeliographicStonyhurst(20 * u.deg, 5 * u.deg, 0.4 * u.AU, obstime=START + 30 * u.s))
    meta = {
        "time_range": Time([START, START + 60 * u.s]),
        "spectral_range": [6, 10] * u.keV,
        "observer_coordinate": observer,
        "roll": 3.0 * u.deg,
        "pointing": [10.0, 20.0] * u.arcsec,
        "offset": place,
    }
    found = visibilities_of_scene(ellipse(flux, x, y, 12, 8, 0.5), POINTS) * u.ct / (u.s * u.keV * u.cm**2)
    return SimpleNamespace(
        visibilities=found, u=POINTS.u / u.arcsec, v=POINTS.v / u.arcsec, phase_center=[0, 0] * u.arcsec, meta=meta
    )


def test_pairs_are_images_with_odd_sides_without_the_last_row_and_column(paired):
    pair = paired.paired(observed(3.0), side=64, pixel=3.0, iterations=50)
    grid = Grid((65, 65), (3.0, 3.0))
    weights = weights_of(POINTS)
    dirty = back_projection(visibilities_of_scene(ellipse(3.0, 20, -10, 12, 8, 0.5), POINTS), POINTS, grid, weights)
    beam = dirty_beam(POINTS, grid._replace(shape=(129, 129)), weights)
    np.testing.assert_allclose(pair.dirty.data, dirty[:64, :64], atol=1e-12)
    np.testing.assert_allclose(pair.cleaned.data, clean(dirty, beam, grid, iterations=50).image[:64, :64], atol=1e-12)


def test_both_images_have_the_same_coordinates(paired):
    pair = paired.paired(observed(1.0), side=64, pixel=3.0)
    dirty, cleaned = pair
    assert dirty.data.shape == cleaned.data.shape == (64, 64)
    for key in ("crpix1", "crpix2", "crval1", "crval2", "cdelt1", "pc1_1", "pc1_2"):
        assert dirty.meta[key] == cleaned.meta[key]
    # The phase centre is still at the centre of the 65 pixels
    assert (dirty.meta["crpix1"], dirty.meta["crpix2"]) == (33, 33)
    where = [np.unravel_index(smap.data.argmax(), smap.data.shape) for smap in pair]
    assert where[0] == where[1] == (32 - 3, 32 + 7)
    assert cleaned.unit == dirty.unit / u.arcsec**2


def test_recipe_accepts_the_pairs(paired):
    pair = paired.paired(observed(3.0), side=64, pixel=3.0)
    halves = [Candidate(smap.data, {key.upper(): value for key, value in smap.meta.items()}) for smap in pair]
    assert [own.role_of(half) for half in halves] == ["observed", "truth"]
    own.check_pair(*halves)
    sample = own.pair_of(*halves)
    assert sample.image.shape == (64, 64)
    assert sample.values["agreement"] > 0.97
    assert sample.values["crpix"] == [33, 33]
    assert sample.values["energies"] == (6, 10)


def test_faint_flares_stay_fainter_than_bright_ones(paired):
    pairs = [paired.paired(observed(flux), side=32, pixel=8.0) for flux in (0.1, 1.0, 5.0)]
    images, limits = paired.normalized(pairs)
    assert (images.min(), images.max()) == (0, 1)
    peaks = images.max(axis=(2, 3))
    assert (np.diff(peaks, axis=0) > 0.1).all()
    low, high = limits.T[:, :, np.newaxis, np.newaxis]
    for image, pair in zip(images, pairs, strict=True):
        back = low + (high - low) * image
        for one, smap in zip(back, pair, strict=True):
            np.testing.assert_allclose(one, smap.data, atol=1e-6 * np.abs(limits).max())


@pytest.mark.parametrize("side", [0, 129])
def test_odd_and_zero_numbers_of_rows_are_refused(paired, side):
    with pytest.raises(ValueError, match=f"Found {side} rows and columns; expected an even number"):
        paired.paired(observed(1.0), side=side)
