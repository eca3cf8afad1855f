"""Own pairs of back-projections and CLEAN images: what is taken for what, the crop, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u
from astropy.coordinates import SkyCoord

import sunpy.map

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.recipe.own import check_pair, crop_pair, pair_of, role_of
from sunpy_restore.backprojection.recipe.paired import observation_of
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.samples import Candidate

HEADER = {
    "TELESCOP": "SOLO/STIX",
    "INSTRUME": "STIX",
    "DATE-BEG": "2022-11-11T01:30:00",
    "DATE-END": "2022-11-11T01:31:00",
    "ENERGY_L": "      6.00000",
    "ENERGY_H": "      10.0000",
}
SCENE = ellipse(5, 12, -20, 20, 10, 0.7)


@pytest.fixture(scope="module")
def pair_for(make_backprojection):
    """``pair_for()``: a back-projection and a CLEAN image as in files, with changes of the header of the second one."""

    def pair_for(scene=SCENE, *, other=None, side=65, angle=0.0, factor=1.0, **changes):
        dirty = make_backprojection(scene, shape=(side, side), pixel=(4.0, 4.0), angle=angle)
        grid, points = Grid((side, side), (4.0, 4.0)), stix_uv()
        header = {str(key).upper(): value for key, value in dirty.meta.items()} | HEADER
        # With the axes of the instrument along the pixels, which the header does not need to tell
        visibilities = visibilities_of_scene(other or scene, points)
        image = factor * clean_visibilities(visibilities, points, grid).image
        one = Candidate(dirty.data, header | {"ALG_USED": "STX BPROJ"})
        return one, Candidate(image, header | {"ALG_USED": "STX CLEAN"} | changes)

    return pair_for


@settings(max_examples=20, deadline=None)
@given(
    st.integers(33, 60), st.integers(33, 60), st.integers(-3, 3), st.integers(-3, 3), st.floats(-180, 180),
    st.floats(0.5, 9), st.floats(-1500, 1500),
)  # fmt: skip
def test_crop_moves_no_source(ny, nx, right, up, angle, pixel, place):
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    header = {
        "CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": pixel,
        "CDELT2": pixel, "CRVAL1": place, "CRVAL2": -place / 2, "CRPIX1": (nx + 1) / 2, "CRPIX2": (ny + 1) / 2,
        "PC1_1": cosine, "PC1_2": -sine, "PC2_1": sine, "PC2_2": cosine, "DATE-OBS": "2022-11-11T01:30:00",
        "HGLN_OBS": 10.0, "HGLT_OBS": 2.0, "DSUN_OBS": 9e10,
    }  # fmt: skip
    data = np.zeros((ny, nx))
    data[ny // 2 + 2, nx // 2 - 3] = 1  # a source
    shifted = header | {"CRPIX1": header["CRPIX1"] + right, "CRPIX2": header["CRPIX2"] + up}
    maps = [sunpy.map.Map(data, header), sunpy.map.Map(np.roll(data, (up, right), (0, 1)), shifted)]
    cropped = crop_pair(*maps)
    for smap, cut in zip(maps, cropped, strict=True):
        assert all(n % 2 == 0 for n in cut.data.shape)
        assert all(
            m - 1 - abs(step) <= n <= m for n, m, step in zip(cut.data.shape, (ny, nx), (up, right), strict=True)
        )
        before, after = (SkyCoord(each.pixel_to_world(*place_of(each))) for each in (smap, cut))
        assert before.separation(after) < 1e-6 * u.arcsec
    np.testing.assert_array_equal(*(cut.data for cut in cropped))
    if right == up == 0:
        assert [cut.reference_pixel for cut in cropped] == [smap.reference_pixel for smap in maps]


def place_of(smap):
    """Column and row of the source."""
    row, column = np.unravel_index(smap.data.argmax(), smap.data.shape)
    return column * u.pix, row * u.pix


def test_grids_that_differ_are_refused(pair_for):
    observed, truth = pair_for()
    for changes in ({"CDELT1": 4.1}, {"CRPIX2": 33.4}, {"PC1_2": 0.1, "PC2_1": -0.1}):
        with pytest.raises(ValueError, match=r"differ by .* pixels in one corner"):
            check_pair(observed, Candidate(truth.data, truth.header | changes))
    with pytest.raises(ValueError, match="different places"):
        check_pair(observed, Candidate(truth.data, truth.header | {"CRVAL1": truth.header["CRVAL1"] + 400}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DATE-BEG": "2022-11-11T01:30:20"}, "of 2022-11-11T01:30:00.000 to .*; expected the same time"),
        ({"DATE-END": "2022-11-11T01:30:30"}, "expected the same time"),
        ({"ENERGY_L": 10.0, "ENERGY_H": 15.0}, "6-10 keV and a CLEAN image of 10-15 keV; expected the same"),
    ],
)
def test_headers_that_differ_are_refused(pair_for, changes, message):
    observed, truth = pair_for()
    check_pair(observed, truth)
    with pytest.raises(ValueError, match=message):
        check_pair(observed, Candidate(truth.data, truth.header | changes))


def test_energies_in_one_header_only_are_refused(pair_for):
    observed, truth = pair_for()
    header = {key: value for key, value in truth.header.items() if not key.startswith("ENERGY")}
    with pytest.raises(ValueError, match="in one of the two headers only"):
        check_pair(observed, Candidate(truth.data, header))


def test_roles_by_header_and_by_pixels(pair_for):
    observed, truth = pair_for()
    assert [role_of(each) for each in (observed, truth)] == ["observed", "truth"]
    for each, role in ((observed, "observed"), (truth, "truth")):
        header = {key: value for key, value in each.header.items() if key != "ALG_USED"}
        assert role_of(Candidate(each.data, header)) == role
        # The algorithm of this package stands beside that of the image it was made from
        assert role_of(Candidate(each.data, header | {"ALG_USED": "STX BPROJ", "RSTMETH": "clean"})) == "truth"
    with pytest.raises(ValueError, match="an image by 'STX MEM_GE'"):
        role_of(Candidate(truth.data, truth.header | {"ALG_USED": "STX MEM_GE"}))
    with pytest.raises(ValueError, match="neither a back-projection nor a CLEAN image"):
        role_of(Candidate(np.random.default_rng(0).standard_normal((65, 65)), truth.header | {"ALG_USED": ""}))
    with pytest.raises(TypeError, match="expected one of STIX"):
        role_of(Candidate(truth.data, truth.header | {"INSTRUME": "RHESSI", "TELESCOP": "RHESSI"}))


@pytest.mark.parametrize("factor", [1.0, 37.0])
def test_scale_of_the_clean_image_is_that_of_the_back_projection(pair_for, factor):
    """Whatever the exposure and the unit: the flux is 5, to which CLEAN adds that of its residual."""
    sample = pair_of(*pair_for(factor=factor))
    assert sample.image.shape == sample.truth.shape == (64, 64)
    assert sample.values["agreement"] > 0.97
    assert sample.truth.sum() * 16 == pytest.approx(5, rel=0.05)
    assert sample.values["scale"] * factor == pytest.approx(0.9, rel=0.1)
    assert sample.values["crpix"] == [33, 33]


@pytest.mark.parametrize(("x", "y"), [(-40, 30), (32, -20), (12, -10)])
def test_images_of_other_sources_are_refused(pair_for, x, y):
    """Also those of one that is 10 arcsec away."""
    with pytest.raises(ValueError, match=r"after a shift by .* arcsec; expected at least 0.6, and hardly more after"):
        pair_of(*pair_for(other=ellipse(5, x, y, 20, 10, 0.7)))


def test_images_of_other_sizes_are_refused(pair_for):
    with pytest.raises(ValueError, match=r"a correlation of 0.\d\d between"):
        pair_of(*pair_for(ellipse(5, 12, -20, 6, 6, 0), other=ellipse(5, 12, -20, 90, 90, 0)))


def test_manifest_holds_the_observation(pair_for):
    sample = pair_of(*pair_for())
    item = Item(
        origin="", sha256="", shard="", shape=sample.image.shape, group="STIX", unit=sample.unit, pixel_scale=4.0,
        values=sample.values,
    )  # fmt: skip
    found = observation_of(item)
    assert found.points.labels == stix_uv().labels
    # The phase centre is that of 64 pixels
    expected = visibilities_of_scene(SCENE, found.points)
    expected = expected * np.exp(2j * np.pi * (found.points.u * 2 + found.points.v * 2))
    np.testing.assert_allclose(found.visibilities, expected, rtol=1e-4)
