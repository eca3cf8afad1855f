"""The function on Maps of LASCO: what stays bit-identical, what is filled, and what is refused."""

import copy
import warnings

import numpy as np
import pytest
import torch
from ndcube import NDCube
from scipy import ndimage

import astropy.units as u
from astropy.wcs import WCS

import sunpy.map

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.fits.io import load, save
from sunpy_restore.core.images.filled import filled
from sunpy_restore.core.weights.store import write
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks, mostly_lost
from sunpy_restore.inpainting.verb import inpaint
from sunpy_restore.networks.unet import CoronaUNet

METHODS = ("harmonic", "radial", "biharmonic", "network")
CLASSICAL_FIRST = ("harmonic", "radial", "biharmonic", pytest.param("network", marks=pytest.mark.slow))
# A block, a row of blocks, and blocks at the occulter and at the edge
LOST = [(4, 20), (22, 9), (22, 10), (22, 11), (20, 15), (10, 0)]
CUTS = {"C2": (slice(448, 736), slice(384, 704)), "C3": (slice(352, 640), slice(608, 928))}


def slow(*values):
    """A parameter in the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network whose output is the harmonic fill of the deviation plus 0.4 of the noise."""
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    network = CoronaUNet(widths=[4, 6])
    with torch.no_grad():
        network.leave.bias[:4] = 0.1
    hyperparameters = {"architecture": "CoronaUNet", "widths": [4, 6], "view": "polar"}
    write(
        path,
        network.state_dict(),
        {"task": "inpaint", "architecture": "CoronaUNet", "hyperparameters": hyperparameters},
    )
    return path


@pytest.fixture(scope="module")
def options(weights):
    """``options(method)``: keywords for a method."""
    return lambda method: {"method": method} | ({"weights": weights, "device": "cpu"} if method == "network" else {})


@pytest.fixture(scope="module")
def full(make_lasco, make_blocks):
    """A full frame of C2 with missing blocks."""
    return make_lasco("C2", lost=make_blocks(LOST))


@pytest.fixture(scope="module")
def whole(make_lasco, cut):
    """A complete cutout of C2 next to the occulter."""
    return cut(make_lasco("C2"), *CUTS["C2"])


@pytest.fixture(scope="module")
def hole(whole):
    mask = np.zeros(whole.data.shape, dtype=bool)
    mask[192:224, 192:256] = True
    return mask


@pytest.fixture(scope="module")
def lossy(whole, hole):
    """The cutout without two blocks."""
    return whole._new_instance(np.where(hole, 0, whole.data).astype(">i2"), whole.meta)


def with_data(smap, data, mask=None, **changes):
    meta = copy.deepcopy(smap.meta)
    for key, value in changes.items():
        meta[key] = value
    return smap._new_instance(data, meta, mask=mask)


@pytest.mark.parametrize("method", ["harmonic", *map(slow, METHODS[1:])])
@pytest.mark.parametrize(("detector", "level"), [("C2", 0.5), slow("C3", 0.5), slow("C2", 1), slow("C3", 1)])
def test_full_frames_are_filled(make_lasco, make_blocks, options, method, detector, level):
    """The brightness is recovered except for streamers; hidden pixels stay."""
    fill = np.float32(3.2501e-9) if (detector, level) == ("C3", 1) else 0
    lost = make_blocks([cell for cell in LOST if cell[1]] if level == 1 else LOST)
    truth = make_lasco(detector, level)
    smap = make_lasco(detector, level, lost=lost, fill=fill)
    result = inpaint(smap, **options(method))
    found = find_missing_blocks(smap)
    np.testing.assert_array_equal(filled(result), found.mask)
    np.testing.assert_array_equal(result.data[~found.mask], smap.data[~found.mask])
    away = found.mask & ~find_missing_blocks(truth).unobserved
    error = np.abs(result.data[away] / truth.data[away] - 1)
    assert np.median(error) < 0.1
    assert np.quantile(error, 0.9) < 0.3


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
@pytest.mark.parametrize("dtype", ["i2", *map(slow, (">i2", "u2", ">i4", "f4")), ">f4", *map(slow, ("f8", ">f8"))])
def test_valid_pixels_stay_bit_identical(lossy, options, method, dtype):
    smap = with_data(lossy, lossy.data.astype(dtype))
    before = smap.data.copy(), copy.deepcopy(smap.meta)
    result = inpaint(smap, **options(method))
    assert type(result) is type(smap)
    assert result.unit == smap.unit
    assert result.data.dtype == np.result_type(np.dtype(dtype), np.float32).newbyteorder("=")
    np.testing.assert_array_equal(filled(result), find_missing_blocks(smap).mask)
    np.testing.assert_array_equal(result.data[~filled(result)], smap.data[~filled(result)])
    assert (result.data[filled(result)] > 600).all()
    assert smap.data.dtype == before[0].dtype
    np.testing.assert_array_equal(smap.data, before[0])
    assert (dict(smap.meta), smap.mask) == (dict(before[1]), None)


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_all_data_types_are_filled_alike(lossy, options, method):
    expected = inpaint(lossy, **options(method)).data
    for dtype in ("f4", ">f8", "i4"):
        found = inpaint(with_data(lossy, lossy.data.astype(dtype)), **options(method)).data
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_missing_blocks_of_nan(lossy, hole, options, method):
    data = np.where(lossy.data == 0, np.nan, lossy.data)
    result = inpaint(with_data(lossy, data), **options(method))
    expected = inpaint(lossy, **options(method))
    np.testing.assert_array_equal(filled(result), filled(expected))
    np.testing.assert_allclose(result.data[hole], expected.data[hole], rtol=1e-6)
    # Hidden pixels stay NaN
    np.testing.assert_array_equal(np.isnan(result.data), np.isnan(data) & ~hole)


@pytest.mark.parametrize("rubbish", [slow(0.0), slow(-1e9), 1e9, np.nan, slow(np.inf)])
@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_values_under_a_given_mask_are_ignored(whole, hole, options, method, rubbish):
    floating = with_data(whole, whole.data.astype(float))
    expected = inpaint(floating, mask=hole, **options(method))
    found = inpaint(with_data(whole, np.where(hole, rubbish, floating.data)), mask=hole, **options(method))
    np.testing.assert_array_equal(filled(found), hole)
    np.testing.assert_array_equal(found.data[~hole], expected.data[~hole])
    np.testing.assert_allclose(found.data[hole], expected.data[hole], rtol=1e-6)


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_given_masks_and_found_blocks_agree(lossy, hole, options, method):
    found, given = inpaint(lossy, **options(method)), inpaint(lossy, mask=hole, **options(method))
    np.testing.assert_array_equal(filled(found), filled(given))
    np.testing.assert_array_equal(found.data, given.data)


def test_a_given_mask_is_not_changed(lossy, hole):
    before = hole.copy()
    filled(inpaint(lossy, mask=hole, method="harmonic"))[:] = False
    np.testing.assert_array_equal(hole, before)


def test_masked_pixels_are_ignored_and_stay_masked(lossy, hole):
    """They are unobserved."""
    data, mask = lossy.data.astype(float), np.zeros(hole.shape, dtype=bool)
    mask[168:184, 200:320] = True
    data[mask] = 9e9
    for method in ("harmonic", "radial"):
        found = inpaint(with_data(lossy, data, mask=mask), method=method)
        np.testing.assert_array_equal(filled(found), hole)
        np.testing.assert_array_equal(found.mask, mask)
        np.testing.assert_array_equal(found.data[~hole], data[~hole])
        expected = inpaint(with_data(lossy, np.where(mask, 0, data), mask=mask), method=method)
        np.testing.assert_allclose(found.data[hole], expected.data[hole], rtol=1e-6)
        given = inpaint(with_data(lossy, data, mask=mask), mask=hole, method=method)
        np.testing.assert_allclose(given.data[hole], expected.data[hole], rtol=1e-6)
        np.testing.assert_array_equal(filled(given), hole)
        np.testing.assert_array_equal(given.mask, mask & ~hole)


@pytest.mark.parametrize("method", ["harmonic", *map(slow, METHODS[1:])])
def test_masked_pixels_that_are_never_sent_become_zero(full, unobserved_table, options, method):
    """A box around the occulter does not give a corona in front of the Sun."""
    table = unobserved_table("C2")
    mask = np.zeros(table.shape, dtype=bool)
    mask[380:480, 400:520] = True
    assert 0 < (mask & table).sum() < mask.sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        result = inpaint(full, mask=mask, **options(method))
    assert not result.data[mask & table].any()
    assert (result.data[mask & ~table] > 600).all()
    np.testing.assert_array_equal(filled(result), mask)
    np.testing.assert_array_equal(result.data[~mask], full.data[~mask])


MIDDLE = [(15, 15), (15, 16), (16, 15), (16, 16), (16, 17), (17, 15), (17, 16)]


@pytest.mark.parametrize("rubbish", [None, 0, -7])
@pytest.mark.parametrize("cells", [[(16, 17)], [(16, 17), (16, 18), (17, 17), (17, 18)], MIDDLE])
def test_masked_blocks_behind_the_occulter_that_are_sent_are_filled(make_lasco, make_blocks, cells, rubbish):
    """They are sent in most images of C3, although they can be set to zero like those in the corners."""
    smap, mask = make_lasco("C3"), make_blocks(cells)
    expected = inpaint(smap, mask=mask, method="harmonic")
    np.testing.assert_array_equal(filled(expected), mask)
    around = smap.data[ndimage.binary_dilation(mask) & ~mask]
    assert around.min() > 398
    assert expected.data[mask].min() >= around.min()
    if rubbish is not None:
        found = inpaint(make_lasco("C3", lost=mask, fill=rubbish), mask=mask, method="harmonic")
        np.testing.assert_array_equal(found.data, np.where(mask, expected.data, smap.data))


def test_masked_blocks_in_the_middle_of_the_occulter_of_c2_are_filled_if_they_are_sent(make_lasco, make_blocks):
    """Blocks that are set to zero surround them."""
    mask = make_blocks([(15, 15)])
    with pytest.warns(RestoreWarning, match="more missing than valid pixels"):
        result = inpaint(make_lasco("C2"), mask=mask, method="harmonic")
    assert result.data[mask].min() > 598


@pytest.mark.parametrize("given", [False, True])
def test_a_lost_block_in_the_middle_of_the_occulter(make_lasco, make_blocks, given):
    """It is found and filled if others were sent, and stays zero otherwise."""
    lost, middle = make_blocks([(16, 16)]), make_blocks(MIDDLE)
    result = inpaint(make_lasco("C3", lost=lost), mask=lost if given else None, method="harmonic")
    np.testing.assert_array_equal(filled(result), lost)
    assert result.data[lost].min() > 398
    unsent, hole = make_lasco("C3", lost=middle), lost | make_blocks([(9, 9)])
    unsent = with_data(unsent, np.where(hole, 0, unsent.data))
    result = inpaint(unsent, mask=hole if given else None, method="harmonic")
    assert not result.data[middle].any()
    assert result.data[hole & ~middle].min() > 398


@pytest.mark.parametrize("sent", [False, True])
def test_masked_blocks_of_a_corner_are_filled_only_if_they_are_sent(make_lasco, make_blocks, sent):
    corner, mask = make_blocks([(3, 4)]), make_blocks([(3, 4), (3, 5)])
    smap = make_lasco("C3", lost=corner, fill=450 * sent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        result = inpaint(smap, mask=mask, method="harmonic")
    assert (result.data[corner] > 398).all() if sent else not result.data[corner].any()
    np.testing.assert_array_equal(filled(result), mask)


def test_mask_over_blocks_that_are_never_sent_only(full, unobserved_table):
    mask = np.zeros(full.data.shape, dtype=bool)
    mask[:32, :32] = True
    assert unobserved_table("C2")[mask].all()
    result = inpaint(full, mask=mask, method="harmonic")
    np.testing.assert_array_equal(result.data, full.data)
    assert result.meta["rstguess"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["harmonic", "biharmonic"])
def test_fill_of_a_cutout_is_the_cutout_of_the_fill(full, cut, options, method):
    rows, columns = slice(90, 1000), slice(64, 960)
    part = cut(full, rows, columns)
    whole, found = inpaint(full, **options(method)), inpaint(part, **options(method))
    np.testing.assert_array_equal(filled(found), filled(whole)[rows, columns])
    np.testing.assert_allclose(found.data, whole.data[rows, columns], rtol=1e-6)


@pytest.mark.slow
def test_network_on_a_cutout_agrees_with_the_full_frame(full, cut, options):
    rows, columns = slice(96, 1000), slice(64, 960)
    whole, found = (inpaint(smap, **options("network")) for smap in (full, cut(full, rows, columns)))
    ratio = found.data[filled(found)] / whole.data[rows, columns][filled(found)]
    np.testing.assert_allclose(ratio, 1, atol=0.05)


@pytest.mark.parametrize("method", ["harmonic", *map(slow, METHODS[1:])])
@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_binned_images(make_lasco, make_blocks, options, method, detector):
    lost = make_blocks([(3, 8), (11, 4), (11, 5)], 512)
    truth, smap = make_lasco(detector, binning=2), make_lasco(detector, binning=2, lost=lost)
    result = inpaint(smap, **options(method))
    np.testing.assert_array_equal(filled(result), lost)
    np.testing.assert_array_equal(result.data[~lost], smap.data[~lost])
    assert np.median(np.abs(result.data / truth.data.clip(1) - 1)[lost]) < 0.1


@pytest.mark.parametrize("kind", [slow(list), slow(tuple), sunpy.map.MapSequence])
def test_containers_keep_their_kind(lossy, make_lasco, make_blocks, cut, kind):
    other = cut(make_lasco("C3", lost=make_blocks([(15, 24)]), seed=3), *CUTS["C3"])
    images = kind(lossy, other) if kind is sunpy.map.MapSequence else kind([lossy, other])
    results = inpaint(images, method="radial")
    assert type(results) is kind
    assert len(results) == 2
    for smap, result in zip(images, results, strict=True):
        expected = inpaint(smap, method="radial")
        np.testing.assert_array_equal(result.data, expected.data)
        np.testing.assert_array_equal(filled(result), filled(expected))


@pytest.mark.slow
def test_cubes(make_lasco, make_blocks):
    """With an observer and a common unit, because headers of level 1 without them cause warnings."""
    smap = make_lasco("C3", 1, lost=make_blocks([(15, 24)]), fill=np.float32(3.2501e-9))
    smap = with_data(smap, smap.data, bunit="DN", hgln_obs=0.0, hglt_obs=-3.5, dsun_obs=1.46e11, rsun_ref=6.957e8)
    cube = NDCube(smap.data, wcs=smap.wcs, meta=dict(smap.meta), unit=smap.unit)
    result, expected = inpaint(cube, method="harmonic"), inpaint(smap, method="harmonic")
    assert type(result) is NDCube
    assert result.unit == smap.unit
    assert filled(result).any()
    np.testing.assert_array_equal(result.data, expected.data)
    np.testing.assert_array_equal(filled(result), filled(expected))


def test_one_mask_for_all_images_or_one_each(whole, hole):
    other = np.roll(hole, 40, axis=0)
    for mask, expected in (
        (hole, [hole, hole]),
        ([hole, other], [hole, other]),
        (np.stack([hole, other]), [hole, other]),
    ):
        results = inpaint([whole, whole], mask=mask, method="harmonic")
        for result, region in zip(results, expected, strict=True):
            np.testing.assert_array_equal(filled(result), region)
    with pytest.raises(ValueError, match="3 masks for 2 images"):
        inpaint([whole, whole], mask=[hole] * 3, method="harmonic")


def test_header_records_the_restoration(lossy, weights, options):
    statistics = ("datamin", "datamax", "datazer", "datasat", "dataavg", "datasig", "datap01", "datap50", "datap99")
    lossy = with_data(lossy, lossy.data, **dict.fromkeys(statistics, 700))
    for method in METHODS:
        result = inpaint(lossy, **options(method))
        meta = result.meta
        assert meta["restored"] is True
        assert (meta["rsttask"], meta["rstmeth"]) == ("inpaint", method)
        assert f"inpaint, method {method}" in " ".join(meta["history"].split())
        assert not set(statistics) & set(meta)
        assert ("rstsha" in meta) == (method == "network")
        assert meta["rstguess"] == 0
        for key in ("detector", "offset", "exptime", "filter", "date-obs", "crpix1", "crota1"):
            assert meta[key] == lossy.meta[key], key


def test_coordinates_stay(lossy):
    result = inpaint(lossy, method="harmonic")
    assert u.allclose(u.Quantity(result.reference_pixel), u.Quantity(lossy.reference_pixel), rtol=1e-12)
    assert u.allclose(u.Quantity(result.scale), u.Quantity(lossy.scale), rtol=1e-12)
    assert result.date == lossy.date


def test_save_and_load_keep_pixels_and_provenance(lossy, tmp_path):
    result = inpaint(lossy, method="radial")
    save(result, tmp_path / "filled.fits")
    loaded = load(tmp_path / "filled.fits")
    np.testing.assert_array_equal(loaded.data, result.data)
    np.testing.assert_array_equal(filled(loaded), filled(result))
    for key in ("restored", "rsttask", "rstmeth", "rstvers", "rstguess"):
        assert loaded.meta[key] == result.meta[key]
    with pytest.raises(ValueError, match="inpaint has restored this Map already"):
        inpaint(loaded, method="harmonic")


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_complete_images_are_returned_unchanged(whole, lossy, hole, options, method):
    for keywords in ({}, {"mask": np.zeros(hole.shape, dtype=bool)}):
        with pytest.warns(RestoreWarning, match=r"Found no (missing pixels|True pixel in the mask)") as warned:
            assert inpaint(whole, **options(method), **keywords) is whole
        assert {warning.filename for warning in warned} == {__file__}
    with pytest.warns(RestoreWarning, match="Found no missing pixels"):
        same, result = inpaint([whole, lossy], **options(method))
    assert same is whole
    assert filled(result).any()


def test_guessed_pixels_are_counted_with_a_warning(whole):
    mask = np.zeros(whole.data.shape, dtype=bool)
    mask[192:] = True
    with pytest.warns(RestoreWarning, match="more missing than valid pixels") as warned:
        result = inpaint(whole, mask=mask, method="harmonic")
    assert {warning.filename for warning in warned} == {__file__}
    expected = mostly_lost(mask, (whole.data == 0) & ~mask).sum()
    assert 0 < result.meta["rstguess"] == expected <= mask.sum()
    assert f"{expected} of {mask.sum()} filled pixels" in "".join(str(warning.message) for warning in warned)


def test_images_without_valid_pixels_are_refused(make_lasco, whole):
    gone = make_lasco("C2", data=np.zeros((1024, 1024), dtype=">i2"))
    with pytest.raises(ValueError, match="expected valid pixels to fill from"):
        inpaint(gone, method="harmonic")
    with pytest.raises(ValueError, match="covers all"):
        inpaint(whole, mask=np.ones(whole.data.shape, dtype=bool), method="harmonic")
    with pytest.raises(ValueError, match="no finite pixel outside of the mask"):
        inpaint(whole, mask=whole.data != 0, method="harmonic")
    masked = with_data(whole, whole.data, mask=np.ones(whole.data.shape, dtype=bool))
    mask = np.zeros(whole.data.shape, dtype=bool)
    mask[10:20, 10:20] = True
    with pytest.raises(ValueError, match="no finite pixel outside of the mask"):
        inpaint(masked, mask=mask, method="harmonic")


def test_wrong_masks_are_refused(whole, hole):
    with pytest.raises(ValueError, match=r"\(320, 288\); expected \(288, 320\)"):
        inpaint(whole, mask=hole.T, method="harmonic")
    with pytest.raises(TypeError, match="Found a mask of the type int"):
        inpaint(whole, mask=hole.astype(int), method="harmonic")
    with pytest.raises(TypeError, match="Found the mask True"):
        inpaint(whole, mask=True, method="harmonic")
    with pytest.raises(TypeError, match="nested list"):
        inpaint(whole, mask=hole.tolist(), method="harmonic")


def test_all_masks_are_checked_before_weights_are_loaded_and_images_are_restored(whole, hole):
    with pytest.raises(ValueError, match=r"Image 2 of 2: .*\(320, 288\)"):
        inpaint([whole, whole], mask=[hole, hole.T], weights="no such file.safetensors")


def test_images_for_display_need_a_mask(lossy, hole):
    image = with_data(lossy, (lossy.data // 16).astype(np.uint8))
    with pytest.raises(ValueError, match="8-bit"):
        inpaint(image, method="harmonic")
    result = inpaint(image, mask=hole, method="radial")
    assert result.data.dtype == np.float32
    np.testing.assert_array_equal(result.data[~hole], image.data[~hole])
    assert (result.data[hole] > 0).all()


def neighbour(whole, hours, seed, factor=1.0, **changes):
    """The same corona at another time, with other noise and another exposure time."""
    offset = whole.meta["offset"]
    data = factor * (whole.data - offset) * np.random.default_rng(seed).normal(1, 0.005, whole.data.shape) + offset
    data = np.where(whole.data == 0, 0, data).astype(">i2")
    changes = {"time-obs": f"{21 + hours:02d}:20:08", "filename": f"2232{seed:04d}.fts"} | changes
    return with_data(whole, data, **changes)


def test_images_of_a_cube_with_the_header_of_one_file_are_neighbours():
    smap, later = (sunpy.map.Map(sample_path(f"lasco_c3_{name}")) for name in ("cme", "later"))
    data = smap.data.copy()
    data[640:672, 352:416] = 0
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["HPLN-TAN", "HPLT-TAN", "UTC"]
    wcs.wcs.cunit = ["arcsec", "arcsec", "s"]
    wcs.wcs.crpix = [smap.meta["crpix1"], smap.meta["crpix2"], 1]
    wcs.wcs.cdelt = [56, 56, 43200]
    wcs.wcs.mjdref, wcs.wcs.dateref = [52282, 0.8459], "2002-01-08T20:18:05"
    wcs.wcs.set()
    cube = NDCube(np.stack([data, later.data]), wcs=wcs, meta=dict(smap.meta))
    with pytest.warns(RestoreWarning, match="Image 2 of 2: Found no missing"):
        result = inpaint(cube, neighbours="sequence", method="temporal")
    hole = data != smap.data
    assert np.median(np.abs(result.data[0][hole] / smap.data[hole] - 1)) < 0.05
    assert np.array_equal(result.data[1], later.data)


def test_neighbours_improve_the_fill(whole, lossy, hole):
    """Also with another exposure time."""
    frames = [neighbour(whole, -3, 1), neighbour(whole, 2, 2, 0.5, exptime=12.5)]
    errors = {
        method: np.std(inpaint(lossy, method=method, **keywords).data[hole] / whole.data[hole] - 1)
        for method, keywords in (("temporal", {"neighbours": frames}), ("harmonic", {}))
    }
    assert errors["temporal"] < min(errors["harmonic"], 0.02)
    one = inpaint(lossy, method="temporal", neighbours=frames[0])
    assert np.std(one.data[hole] / whole.data[hole] - 1) < 0.02
    np.testing.assert_array_equal(one.data[~hole], lossy.data[~hole])


@pytest.fixture(scope="module")
def real():
    """An image with a hole, and a later one."""
    smap, later = (sunpy.map.Map(sample_path(f"lasco_c3_{name}")) for name in ("cme", "later"))
    data = smap.data.copy()
    data[640:704, 384:448] = 0
    return with_data(smap, data), later, smap


DERIVED = {
    "running difference": lambda later, image: later - image,
    "integer difference": lambda later, image: (later - image).astype("i2"),
    "ratio": lambda later, image: later / np.where(image == 0, 1, image),
    "base ratio": lambda later, image: np.where(image == 0, 0, (later - image) / np.where(image == 0, 1, image)),
}


@pytest.mark.parametrize("kind", [slow(name) if name.startswith("b") else name for name in DERIVED])
def test_differences_and_ratios_are_no_neighbours(real, kind):
    """They are left out with a warning that names them."""
    lossy, later, whole = real
    derived = with_data(later, DERIVED[kind](later.data.astype(float), whole.data.astype(float)))
    with pytest.warns(RestoreWarning, match="Neighbour 2 is left out.* a difference or a ratio") as warned:
        found = inpaint(lossy, method="temporal", neighbours=[later, derived])
    assert {warning.filename for warning in warned} == {__file__}
    np.testing.assert_array_equal(found.data, inpaint(lossy, method="temporal", neighbours=later).data)
    with pytest.warns(RestoreWarning, match="Neighbour 1 is left out"):
        alone = inpaint(lossy, method="temporal", neighbours=derived)
    np.testing.assert_allclose(alone.data, inpaint(lossy, method="harmonic").data, rtol=1e-5)


def test_noisy_and_binned_neighbours_are_used(real):
    lossy, later, _ = real
    plain = inpaint(lossy, method="temporal", neighbours=later).data
    bias, rng = later.meta["offset"], np.random.default_rng(0)
    noisy = np.where(later.data == 0, 0, bias + rng.poisson((later.data.astype(float) - bias).clip(0)) / 2)
    for one in (with_data(later, noisy), later.superpixel([2, 2] * u.pix, func=np.mean)):
        found = inpaint(lossy, method="temporal", neighbours=one).data
        assert 0 < np.median(np.abs(found / plain.clip(1) - 1)[lossy.data != found]) < 0.02


@pytest.mark.parametrize("method", ["temporal", "harmonic"])
def test_neighbours_with_the_same_holes_give_a_warning(real, method):
    lossy, later, whole = real
    empty = with_data(later, np.where(lossy.data == whole.data, later.data, 0))
    with pytest.warns(RestoreWarning, match="no data in the missing pixels and add nothing") as warned:
        inpaint(lossy, method=method, neighbours=empty)
    assert {warning.filename for warning in warned} == {__file__}
    # One with the same holes does no harm beside another one
    inpaint(lossy, method=method, neighbours=[later, with_data(empty, empty.data, **{"time-obs": "09:00:00"})])


def test_distant_neighbours_give_a_warning_at_the_line_of_the_user(whole, lossy):
    distant = neighbour(whole, -3, 1, **{"date-obs": "2010/01/15"})
    with pytest.warns(RestoreWarning, match="Neighbour 1 was taken 69 hours") as warned:
        inpaint(lossy, method="temporal", neighbours=distant)
    assert {warning.filename for warning in warned} == {__file__}


@pytest.mark.slow
def test_methods_for_a_single_image_ignore_neighbours(whole, lossy):
    frames = [neighbour(whole, -3, 1)]
    for method in ("harmonic", "radial", "biharmonic"):
        found = inpaint(lossy, method=method, neighbours=frames)
        np.testing.assert_array_equal(found.data, inpaint(lossy, method=method).data)


def test_wrong_neighbours_are_refused(whole, lossy):
    frames = [neighbour(whole, -3, 1)]
    with pytest.raises(ValueError, match="neighbours for 2 images; expected a single image"):
        inpaint([lossy, lossy], neighbours=frames, method="temporal")
    for smap in (lossy, whole):
        with pytest.raises(ValueError, match="no neighbours; method 'temporal' expects some"):
            inpaint(smap, method="temporal")
    with pytest.raises(ValueError, match="expected Maps, or 'sequence'"):
        inpaint(lossy, neighbours="before.fts", method="temporal")
    with pytest.raises(ValueError, match="a single image with neighbours='sequence'"):
        inpaint(lossy, neighbours="sequence", method="temporal")
    with pytest.raises(ValueError, match="no neighbours"):
        inpaint(lossy, neighbours=[], method="harmonic")
    with pytest.raises(TypeError):
        inpaint(lossy, neighbours=["before.fts"], method="temporal")
    with pytest.raises(ValueError, match="neighbour 1 with RSTTASK"):
        inpaint(lossy, neighbours=neighbour(whole, -3, 1, rsttask="inpaint"), method="harmonic")
    other = neighbour(whole, -3, 1, filter="Blue")
    with pytest.raises(ValueError, match="Blue"):
        inpaint(lossy, neighbours=other, method="temporal")


@pytest.mark.parametrize("method", CLASSICAL_FIRST)
def test_texture_is_noise_like_that_of_the_surroundings(lossy, whole, hole, options, method):
    smooth, rough, again = (inpaint(lossy, texture=part, **options(method)) for part in (False, True, True))
    np.testing.assert_array_equal(again.data, rough.data)
    np.testing.assert_array_equal(filled(rough), filled(smooth))
    np.testing.assert_array_equal(rough.data[~hole], lossy.data[~hole])
    added = (rough.data - smooth.data)[hole]
    around = whole.data.astype(float)[192:224, 192:256]
    # Third-order differences, because of slopes next to the occulter: 1 + 9 + 9 + 1 = 20
    expected = np.std(np.diff(around, n=3, axis=1)) / np.sqrt(20)
    assert added.std() == pytest.approx(expected, rel=0.3)
    assert abs(added.mean()) < 0.1 * added.std()


def test_texture_does_not_depend_on_the_values_of_missing_pixels(whole, hole):
    results = [
        inpaint(with_data(whole, np.where(hole, fill, whole.data)), mask=hole, texture=True, method="harmonic")
        for fill in (0.0, 1e6, np.nan)
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result.data, results[0].data)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"method": "magic"},
            "Unknown method 'magic'; expected one of network, harmonic, biharmonic, radial, fuzzy, temporal",
        ),
        ({"method": "harmonic", "weights": "x.safetensors"}, "Leave them out"),
    ],
)
def test_unknown_options_are_refused(lossy, keywords, message):
    with pytest.raises(ValueError, match=message):
        inpaint(lossy, **keywords)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rsttask": "inpaint"}, ValueError, "inpaint has restored this Map already"),
        ({"instrume": "AIA_2"}, TypeError, "expected one of SOHO/LASCO"),
        ({"detector": "C1"}, ValueError, "DETECTOR = 'C1'"),
        ({"level": "2"}, ValueError, "LEVEL = '2'"),
        ({"cdelt1": 20.0, "cdelt2": 20.0}, ValueError, "20 arcsec"),
    ],
)
def test_other_maps_are_refused(lossy, changes, error, message):
    meta = copy.deepcopy(lossy.meta)
    meta.update(changes)
    with pytest.raises(error, match=message):
        inpaint(lossy._new_instance(lossy.data, meta), method="harmonic")


@pytest.mark.parametrize("wrong", [np.ones((9, 9)), "file.fits", None, 3])
def test_other_objects_are_refused(wrong):
    with pytest.raises(TypeError):
        inpaint(wrong, method="harmonic")


@pytest.mark.parametrize("method", METHODS)
def test_a_block_with_few_valid_pixels_around(make_lasco, cut, options, method):
    """It is filled with a warning."""
    part = cut(make_lasco("C2"), slice(700, 735), slice(200, 234))
    mask = np.zeros(part.data.shape, dtype=bool)
    mask[1:33, 1:33] = True
    with pytest.warns(RestoreWarning, match="more missing than valid pixels"):
        result = inpaint(part, mask=mask, **options(method))
    assert np.isfinite(result.data).all()
    np.testing.assert_array_equal(result.data[~mask], part.data[~mask])


def test_masked_pixels_that_are_never_sent_become_nan(whole, unobserved_table):
    """They get the value of the other pixels of this kind."""
    table = unobserved_table("C2")[CUTS["C2"]]
    mask = np.zeros(table.shape, dtype=bool)
    mask[64:128, 0:96] = True
    assert 0 < (mask & table).sum() < table.sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        result = inpaint(with_data(whole, np.where(table, np.nan, whole.data)), mask=mask, method="harmonic")
    np.testing.assert_array_equal(np.isnan(result.data), table)


OBSERVER = {"hgln_obs": 0.0, "hglt_obs": 0.0, "dsun_obs": 1.48e11, "rsun_ref": 6.957e8}


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("angle", [0.3, -5.0, 90.0, 180.0])
def test_rotated_maps_are_refused_without_a_mask(full, order, angle):
    """Also if they are cut to the size of the detector."""
    turned = with_data(full, full.data.astype("f4"), **OBSERVER).rotate(angle * u.deg, order=order, missing=np.nan)
    if max(turned.data.shape) > 1024:
        with pytest.raises(ValueError, match=r"larger than the detector .* Inpaint the image before it is rotated"):
            inpaint(turned, method="harmonic")
    starts = [(length - 1024) // 2 for length in turned.data.shape]
    part = with_data(turned, turned.data[starts[0] : starts[0] + 1024, starts[1] : starts[1] + 1024])
    if order == 3 or abs(angle) in (5.0, 90.0):
        with pytest.raises(ValueError, match="rotated or resampled"):
            inpaint(part, method="harmonic")


def test_quarter_turns_are_refused_without_a_mask(whole, lossy):
    """They keep the shape and the blocks."""
    turned = with_data(lossy, lossy.data.astype("f4"), **OBSERVER).rotate(90 * u.deg, order=0, missing=0)
    with pytest.raises(ValueError, match=r"rotated by -?90 degrees according to its PCi_j .* before it is rotated"):
        inpaint(turned, method="harmonic")
    half = with_data(turned, turned.data[:700, 100:900])
    with pytest.raises(ValueError, match=r"rotated by -?90 degrees"):
        inpaint(half, method="harmonic")


@pytest.mark.parametrize("key", ["crpix1", "crpix2"])
def test_the_reference_pixel_is_necessary(lossy, key):
    header = {name: value for name, value in lossy.meta.items() if name != key}
    with pytest.raises(ValueError, match=rf"{key.upper()} = None.*; expected the reference pixel"):
        inpaint(lossy._new_instance(lossy.data, header), method="harmonic")


@pytest.mark.parametrize("unit", [1e-20, 1e-12, 1e-9, 1e9])
def test_the_unit_does_not_matter(whole, lossy, hole, unit):
    """Without OFFSET, which is in counts."""
    counts = lossy.data.astype(float)
    result = inpaint(with_data(lossy, counts * unit, offset=None), method="radial")
    expected = inpaint(with_data(lossy, counts, offset=None), method="radial")
    np.testing.assert_allclose(result.data / unit, expected.data, rtol=1e-5)
    assert (result.data[hole] > 0).all()


def test_rounded_zeros_are_found_in_any_unit(full):
    data = np.where(full.data == 0, 1e-13, full.data.astype(float))
    for unit in (1, 1e-9):
        with pytest.raises(ValueError, match="zero except for the rounding errors"):
            inpaint(with_data(full, data * unit), method="radial")


@pytest.mark.parametrize("border", [1, 2, 5])
@pytest.mark.parametrize("method", ["harmonic", "radial", "biharmonic", "fuzzy", "temporal"])
def test_a_cutout_with_a_narrow_border_around_a_hole(method, border):
    """Filled from the border, or refused where that is too narrow for a smooth background."""
    smap, later = (sunpy.map.Map(sample_path(f"lasco_c3_{name}")) for name in ("cme", "later"))
    data = smap.data.copy()
    data[640:672, 352:416] = 0
    corners = [352 - border, 640 - border] * u.pix, [415 + border, 671 + border] * u.pix
    truth, part = (one.submap(corners[0], top_right=corners[1]) for one in (smap, with_data(smap, data)))
    hole = part.data != truth.data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        if method == "fuzzy" and border == 1:
            with pytest.raises(ValueError, match=r"Found no cell .* expected some .* Use a larger part"):
                inpaint(part, method=method)
            return
        result = inpaint(part, method=method, **({"neighbours": later} if method == "temporal" else {}))
    assert np.abs(result.data[hole] / truth.data[hole] - 1).max() < 0.1
    assert np.array_equal(result.data[~hole], truth.data[~hole])


@pytest.mark.parametrize("factor", [2, 4])
def test_the_search_in_an_image_binned_on_the_ground_says_what_it_finds(factor):
    smap = sunpy.map.Map(sample_path("lasco_c3_cme"))
    data = smap.data.copy()
    data[640:672, 352:416] = 0
    binned = with_data(smap, data).superpixel([factor, factor] * u.pix, func=np.mean)
    with pytest.warns(RestoreWarning, match="Found no missing pixels.* binned after it was sent.* 32 x 32 .* mask="):
        result = inpaint(binned, method="radial")
    assert np.array_equal(result.data, binned.data)
    hole = np.zeros(binned.data.shape, dtype=bool)
    hole[640 // factor : 672 // factor, 352 // factor : 416 // factor] = True
    assert (inpaint(binned, method="radial", mask=hole).data[hole] > 0).all()
    # Four by four blocks contain a whole one of the binned image
    data[512:768, 256:512] = 0
    binned = with_data(smap, data).superpixel([factor, factor] * u.pix, func=np.mean)
    with pytest.warns(RestoreWarning, match="^The image was binned after it was sent"):
        inpaint(binned, method="radial")


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("angle", [0.3, 2, 180])
def test_cutouts_of_rotated_maps_are_refused_without_a_mask(full, order, angle):
    turned = with_data(full, full.data.astype("f4"), **OBSERVER).rotate(angle * u.deg, order=order, missing=0)
    first = (turned.data.shape[0] - 1000) // 2
    part = turned.submap([first, first] * u.pix, top_right=[first + 999, first + 999] * u.pix)
    with pytest.raises(ValueError, match="Inpaint the image before it is rotated"):
        inpaint(part, method="harmonic")


def test_rotated_maps_with_a_mask_are_filled(full):
    turned = with_data(full, full.data.astype("f4"), **OBSERVER).rotate(0.3 * u.deg)
    mask = np.zeros(turned.data.shape, dtype=bool)
    mask[200:232, 600:632] = True
    result = inpaint(turned, mask=mask, method="radial")
    np.testing.assert_array_equal(filled(result), mask)
    assert (result.data[mask] > 600).all()
    np.testing.assert_array_equal(np.isnan(result.data), np.isnan(turned.data))


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_without_a_finite_value_are_named(whole, lossy, axis):
    """They are no blocks; the message says how to fill them."""
    for smap, message in (
        (whole, "no missing blocks.* (320|160) pixels"),
        (lossy, "not filled"),
    ):
        data = smap.data.astype(float)
        data[(slice(None), 250) if axis else 240] = np.nan
        lined = with_data(smap, data)
        with pytest.warns(RestoreWarning, match=message) as warned:
            result = inpaint(lined, method="harmonic")
        assert {warning.filename for warning in warned} == {__file__}
        assert np.isnan(result.data[240, 250])
    filled = inpaint(lined, mask=~np.isfinite(data), method="harmonic")
    assert np.isfinite(filled.data).all()


def test_data_that_are_no_images_are_refused(whole, hole):
    with pytest.raises(TypeError, match="data of the type complex128; expected real numbers"):
        inpaint(with_data(whole, whole.data + 0j), method="harmonic")
    row = with_data(whole, whole.data[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        with pytest.raises(ValueError, match="an image of 1 x 320 pixels; expected at least 4"):
            inpaint(row, mask=hole[:1], method="harmonic")


def test_images_of_a_sequence_are_neighbours_of_each_other(whole, lossy, hole, make_lasco, cut):
    """By their times, and only those of the same kind."""
    other = cut(make_lasco("C3", seed=3), *CUTS["C3"])
    before, after = neighbour(whole, -3, 1), neighbour(whole, 2, 2)
    distant = neighbour(whole, -9, 3)
    lost = np.roll(hole, 60, axis=0)
    before = with_data(before, np.where(lost, 0, before.data))
    images = [after, other, lossy, distant, before]
    with pytest.warns(RestoreWarning) as warned:
        results = inpaint(images, neighbours="sequence", method="temporal")
    messages = {str(warning.message) for warning in warned}
    assert any(message.startswith("Image 2 of 5: No other image of the sequence") for message in messages)
    expected = inpaint(lossy, neighbours=[before, after], method="temporal")
    np.testing.assert_array_equal(results[2].data, expected.data)
    assert np.std(results[2].data[hole] / whole.data[hole] - 1) < 0.02
    np.testing.assert_array_equal(filled(results[4]), lost)
    expected = inpaint(before, neighbours=[distant, lossy], method="temporal")
    np.testing.assert_array_equal(results[4].data, expected.data)
    sequence = inpaint(sunpy.map.Map(lossy, before, sequence=True), neighbours="sequence", method="temporal")
    assert isinstance(sequence, sunpy.map.MapSequence)


@pytest.mark.parametrize("method", ["harmonic", *map(slow, ("biharmonic", "radial", "fuzzy", "network"))])
def test_a_planet_at_the_border_of_a_hole_does_not_extend_into_it(method):
    """A real image of C3, with the weights of the package; the trail is saturated."""
    complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
    mask = np.zeros(complete.data.shape, dtype=bool)
    mask[448:480, 544:672] = True
    assert complete.data[480:484, 544:672].max() > 12000
    bias = complete.meta["offset"]
    result = inpaint(complete, mask=mask, method=method)
    error = (result.data - complete.data)[mask] / np.median(complete.data[mask] - bias)
    assert np.sqrt(np.mean(error**2)) < 0.15
    np.testing.assert_array_equal(result.data[~mask], complete.data[~mask])


@pytest.mark.parametrize(
    ("rows", "columns", "filled_pixels", "left"),
    [
        (slice(660, 740), slice(650, 760), 4 * 32**2, 80 * 110 - 4 * 32**2),
        # One row and one column more than a block
        (slice(639, 672), slice(640, 673), 32**2, 33**2 - 32**2),
    ],
)
def test_zeros_beside_missing_blocks_are_told(make_lasco, rows, columns, filled_pixels, left):
    smap = make_lasco("C2")
    data = smap.data.copy()
    data[rows, columns] = 0
    with pytest.warns(RestoreWarning, match=f"^{left} pixels without data .* not filled. Pass mask= "):
        result = inpaint(with_data(smap, data), method="radial")
    assert filled(result).sum() == filled_pixels
    mask = np.zeros(data.shape, dtype=bool)
    mask[rows, columns] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        result = inpaint(with_data(smap, data), mask=mask, method="radial")
    assert np.array_equal(filled(result), mask)


def test_zeros_that_are_no_block_are_told(make_lasco):
    smap = make_lasco("C2")
    data = smap.data.copy()
    data[650:680, 650:680] = 0
    with pytest.warns(RestoreWarning, match="^Found no missing blocks; .* 900 pixels without data "):
        result = inpaint(with_data(smap, data), method="radial")
    assert np.array_equal(result.data, data)


def test_single_zeros_are_data(make_lasco, make_blocks):
    smap = make_lasco("C2")
    data = smap.data - float(np.median(smap.data[600:900, 600:900]))
    data[700, 700] = data[704:706, 704:706] = 0
    data[640:672, 640:672] = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*without data", category=RestoreWarning)
        result = inpaint(with_data(smap, data), method="radial")
    assert not filled(result)[700:706, 700:706].any()
