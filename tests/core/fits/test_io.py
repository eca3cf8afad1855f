"""Laws of saved files: everything comes back, plain sunpy opens them, and nothing is lost silently."""

import gzip
import shutil
import warnings

import dask
import dask.array
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import astropy.units as u
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty

import sunpy.map
from sunpy.map import GenericMap, MapSequence

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.fits.io import load, save
from sunpy_restore.data import sample_path

SAMPLES = ["aia_171_quiet", "hmi_continuum_quiet", "hmi_magnetogram", "lasco_c3_cme", "stix_flare"]
DTYPES = "? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 >i2 >u2 >i4 >f4 >f8".split()
UNCERTAINTIES = (StdDevUncertainty, VarianceUncertainty, InverseVariance, UnknownUncertainty)
HEADER = {
    "ctype1": "HPLN-TAN",
    "ctype2": "HPLT-TAN",
    "cunit1": "arcsec",
    "cunit2": "arcsec",
    "cdelt1": 0.5,
    "cdelt2": 0.5,
    "crpix1": 2.0,
    "crpix2": 1.5,
    "crval1": 100.0,
    "crval2": -50.0,
    "date-obs": "2011-02-14T20:00:00.000",
    "dsun_obs": 147699950484.1,
    "hgln_obs": 0.0,
    "hglt_obs": -6.8,
    "rsun_ref": 6.96e8,
    "bunit": "DN",
}
many = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make_map(data=None, header=None, **arrays_):
    data = np.arange(12, dtype="f4").reshape(3, 4) if data is None else data
    smap = sunpy.map.Map(data, {**HEADER, **(header or {})})
    for name, array in arrays_.items():
        setattr(smap, name, array)
    return smap


def round_trip(image, folder, name="image.fits"):
    save(image, folder / name, overwrite=True)
    return load(folder / name)


def assert_same_array(found, expected):
    assert found.dtype == expected.dtype.newbyteorder("=")
    assert found.shape == expected.shape
    if found.dtype.itemsize in (4, 8):
        assert found.tobytes() == expected.astype(found.dtype).tobytes()
    np.testing.assert_array_equal(found, expected)


def assert_same_meta(found, expected):
    assert list(found) == list(expected)
    for key, value in expected.items():
        if isinstance(value, np.generic):
            value = value.item()
        assert type(found[key]) is type(value), key
        assert repr(found[key]) == repr(value) or found[key] == value, key


def assert_same_map(found, expected):
    assert type(found) is type(expected)
    assert_same_array(found.data, np.asarray(expected.data))
    assert_same_meta(found.meta, expected.meta)
    assert found.unit == expected.unit
    if expected.mask is None:
        assert found.mask is None
    else:
        assert_same_array(found.mask, np.asarray(expected.mask))
    assert_same_uncertainty(found.uncertainty, expected.uncertainty)


def assert_same_uncertainty(found, expected):
    assert type(found) is type(expected)
    if expected is not None:
        assert found.unit == expected.unit
        assert_same_array(found.array, np.asarray(expected.array))


@pytest.fixture(params=SAMPLES)
def sample(request):
    smap = sunpy.map.Map(sample_path(request.param))
    smap.mask = smap.data > np.nanmean(smap.data)
    smap.uncertainty = StdDevUncertainty(np.sqrt(np.abs(smap.data), dtype="f4"))
    return smap


def test_map_comes_back(sample, tmp_path):
    before = sample.data.tobytes()
    assert_same_map(round_trip(sample, tmp_path), sample)
    assert sample.data.tobytes() == before


def test_restored_map_comes_back(tmp_path):
    from sunpy_restore.core.images.header import Provenance
    from sunpy_restore.core.images.maps import restored_map

    smap = sunpy.map.Map(sample_path("lasco_c3_cme"))
    provenance = Provenance("inpaint", "network", "compact", "ab" * 32)
    result = restored_map(smap, smap.data.astype("f4"), provenance=provenance, mask=smap.data < 0)
    found = round_trip(result, tmp_path)
    assert_same_map(found, result)
    assert found.meta["rstsha"] == "ab" * 32
    assert found.meta["history"].endswith("SHA-256 abababababab")


def test_plain_sunpy_opens_one_map(sample, tmp_path):
    save(sample, tmp_path / "image.fits")
    # Warnings are errors here.
    plain = sunpy.map.Map(tmp_path / "image.fits")
    assert type(plain) is type(sample)
    np.testing.assert_array_equal(plain.data, sample.data)
    assert plain.meta["rstnmask"] == sample.mask.sum()
    assert plain.meta["rstunc"] == "StdDevUncertainty"
    of_the_file = {"simple", "xtension", "bitpix", "pcount", "gcount", "bscale", "bzero", "blank"}
    of_the_file |= {"checksum", "datasum", "keycomments"}
    for key in set(sample.meta) - of_the_file:
        assert plain.meta[key] == sample.meta[key], key
    for key, comment in sample.meta["keycomments"].items():
        if key.lower() not in of_the_file:
            assert plain.meta["keycomments"][key] == comment


def test_mask_is_compressed(tmp_path):
    mask = np.zeros((1000, 1000), bool)
    mask[300:400, 200:500] = True
    save(make_map(np.zeros((1000, 1000), "u1"), mask=mask), tmp_path / "image.fits")
    assert (tmp_path / "image.fits").stat().st_size < 1_050_000
    with fits.open(tmp_path / "image.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "RSTMETA"]
        assert isinstance(hdus["MASK"], fits.CompImageHDU)


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_come_back(dtype, tmp_path):
    smap = make_map(np.arange(12).reshape(3, 4).astype(dtype))
    assert_same_map(round_trip(smap, tmp_path), smap)


@pytest.mark.slow
@given(data=st.data())
@settings(many, max_examples=60)
def test_arrays_come_back(data, tmp_path):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    image = data.draw(arrays(dtype, shape))
    mask = data.draw(st.none() | arrays(bool, shape))
    uncertainty = data.draw(st.none() | arrays("f4", shape))
    smap = make_map(image, mask=mask)
    if uncertainty is not None:
        smap.uncertainty = VarianceUncertainty(uncertainty)
    assert_same_map(round_trip(smap, tmp_path), smap)


def test_long_floats_come_back_or_are_refused(tmp_path):
    smap = make_map(np.array([[0.5, np.nan], [-np.inf, 3.0]], np.longdouble))
    assert_same_map(round_trip(smap, tmp_path), smap)
    if np.finfo(np.longdouble).nmant > 52:
        with pytest.raises(ValueError, match="Convert it to float64"):
            save(make_map(np.ones((2, 2), np.longdouble) / 3), tmp_path / "other.fits")


@pytest.mark.parametrize("cls", UNCERTAINTIES)
@pytest.mark.parametrize("dtype", ["f8", ">f4", "i4"])
def test_uncertainties_come_back(cls, dtype, tmp_path):
    smap = make_map(uncertainty=cls(np.arange(12, dtype=dtype).reshape(3, 4)))
    assert_same_map(round_trip(smap, tmp_path), smap)


@pytest.mark.parametrize("unit", [None, "1000 DN", "DN"])
def test_unit_of_the_uncertainty_comes_back(unit, tmp_path):
    smap = make_map(uncertainty=StdDevUncertainty(np.full((3, 4), np.nan), unit=unit))
    assert_same_map(round_trip(smap, tmp_path), smap)


@pytest.mark.parametrize(
    "mask", [np.bool_(True), np.ones(4, bool), np.zeros((3, 1), bool), np.arange(12).reshape(3, 4)]
)
def test_masks_that_numpy_broadcasts_come_back(mask, tmp_path):
    smap = make_map(mask=mask)
    assert_same_map(round_trip(smap, tmp_path), smap)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=160)
KEYS = st.from_regex(r"q[a-z0-9_-]{0,20}", fullmatch=True) | st.sampled_from(["q key", "q=", "qä", "q'", "qhistory"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | PRINTABLE | st.lists(st.floats(), max_size=3)
VALUES |= st.complex_numbers(min_magnitude=1, max_magnitude=10).filter(lambda z: z.real and z.imag) | st.tuples(
    st.tuples(st.integers(), TEXT), st.none()
)


@pytest.mark.slow
@given(
    cards=st.dictionaries(KEYS, st.tuples(VALUES, PRINTABLE | TEXT), max_size=8),
    history=st.lists(PRINTABLE).map("\n".join) | TEXT,
    comment=st.none() | TEXT,
)
@settings(many, max_examples=60)
def test_headers_come_back(cards, history, comment, tmp_path):
    smap = make_map(header={"history": history})
    smap.meta |= {key: value for key, (value, _) in cards.items()}
    smap.meta["keycomments"] = {key.upper(): text for key, (_, text) in cards.items()}
    if comment is not None:
        smap.meta["comment"] = comment
    save(smap, tmp_path / "image.fits", overwrite=True)
    assert_same_map(load(tmp_path / "image.fits"), smap)
    # Warnings are errors here.
    assert type(sunpy.map.Map(tmp_path / "image.fits")) is type(smap)


def test_fits_holds_what_it_can(tmp_path):
    smap = make_map(
        header={
            "exptime": np.float32(0.1),
            "longfloa": -1.2345678901234567e-105,
            "nothing": None,
            "notanumb": np.nan,
            "synthetic": True,
            "observer": "Müller",
            "longtext": "long " * 30 + "text",
            "history": "first line\nsecond line",
            "keycomments": {"EXPTIME": "[s] exposure time"},
        }
    )
    assert_same_map(round_trip(smap, tmp_path), smap)
    with fits.open(tmp_path / "image.fits") as hdus:
        header = hdus[0].header
        assert header["SYNTHETIC"] is True
        assert header["LONGFLOA"] == -1.2345678901234567e-105
        assert header.comments["EXPTIME"] == "[s] exposure time"
        assert header["OBSERVER"] == "M?ller"
        assert header["LONGTEXT"] == "long " * 30 + "text"
        assert list(header["HISTORY"]) == ["first line", "second line"]
        assert "NOTANUMB" not in header
        rows = {"".join(keyword.view(np.ndarray)) for keyword in hdus["RSTMETA"].data["KEYWORD"]}
        assert rows >= {"notanumb", "observer"}


def test_header_read_from_astropy_comes_back(tmp_path):
    header = fits.Header(HEADER)
    header["EMPTY"] = None
    header.add_history("one")
    header.add_history("two")
    header.add_blank("a title")
    found = round_trip(sunpy.map.Map(np.zeros((2, 2)), header), tmp_path)
    assert found.meta["history"] == "one\ntwo"
    assert found.meta[""] == "a title"
    assert found.meta["empty"] is None


@pytest.mark.parametrize("value", [object(), lambda: None, {1, object()}, complex(1, np.nan)])
def test_header_value_that_no_file_holds(value, tmp_path):
    smap = make_map()
    smap.meta["broken"] = value
    with pytest.raises(ValueError, match=r"header value 'broken' is of the type \w+, which cannot be saved"):
        save(smap, tmp_path / "image.fits")
    assert not list(tmp_path.iterdir())


def test_edits_by_other_programs_are_kept(tmp_path):
    smap = make_map(header={"notanumb": np.nan}, mask=np.eye(3, 4, dtype=bool))
    save(smap, tmp_path / "image.fits")
    fits.setval(tmp_path / "image.fits", "CRVAL1", value=7.0)
    fits.setval(tmp_path / "image.fits", "NOTANUMB", value=8.0)
    fits.setval(tmp_path / "image.fits", "ADDED", value="new")
    found = load(tmp_path / "image.fits")
    assert found.meta["crval1"] == 7.0
    assert found.meta["notanumb"] == 8.0
    assert found.meta["added"] == "new"
    assert found.meta["bunit"] == "DN"
    np.testing.assert_array_equal(found.mask, smap.mask)


def two_maps():
    later = {"date-obs": "2011-02-14T21:00:00.000", "history": "second"}
    first = make_map(np.zeros((2, 3), bool), header=later, mask=np.ones((2, 3), bool))
    return [first, make_map(uncertainty=StdDevUncertainty(np.ones((3, 4))))]


@pytest.mark.parametrize("container", [list, tuple, lambda maps: MapSequence(*maps, sortby=None)])
def test_containers_come_back(container, tmp_path):
    image = container(two_maps())
    found = round_trip(image, tmp_path)
    assert type(found) is type(image)
    assert len(found) == 2
    for one, other in zip(found, image, strict=True):
        assert_same_map(one, other)
    assert len(sunpy.map.Map(tmp_path / "image.fits")) == 2


def test_list_of_one_map_comes_back_as_a_list(tmp_path):
    (found,) = round_trip([make_map()], tmp_path)
    assert_same_map(found, make_map())


def test_images_missing_from_a_list(tmp_path):
    save(two_maps(), tmp_path / "image.fits")
    with fits.open(tmp_path / "image.fits") as hdus:
        hdus[:3].writeto(tmp_path / "first.fits", checksum=True)
        fits.HDUList([fits.PrimaryHDU(), *hdus[3:]]).writeto(tmp_path / "second.fits", checksum=True)
    with pytest.raises(ValueError, match=r"first.fits: Found 1 images; expected 2\. sunpy.map.Map opens"):
        load(tmp_path / "first.fits")
    with pytest.raises(ValueError, match=r"second.fits: Found 1 images; expected another number"):
        load(tmp_path / "second.fits")


def test_dask_array_is_computed_once_with_its_warnings(tmp_path):
    calls = []

    def restore(value, dtype):
        calls.append(value)
        warnings.warn("a doubtful pixel", RestoreWarning, stacklevel=1)
        return np.full((3, 4), value, dtype)

    def lazy(value, dtype):
        return dask.array.from_delayed(dask.delayed(restore)(value, dtype), (3, 4), dtype)

    smap = GenericMap(lazy(1, "f8"), HEADER)
    smap.mask = lazy(0, "?")
    with dask.config.set(scheduler="synchronous"), pytest.warns(RestoreWarning, match="a doubtful pixel") as record:
        found = round_trip(smap, tmp_path)
    assert sorted(calls) == [0, 1]
    assert len(record) == 2
    assert_same_map(found, make_map(np.ones((3, 4)), mask=np.zeros((3, 4), bool)))


class OwnMap(GenericMap):
    pass


def test_class_that_the_header_does_not_name(tmp_path):
    smap = OwnMap(np.zeros((3, 4)), HEADER)
    with pytest.warns(RestoreWarning, match="The header of the OwnMap is that of a GenericMap") as record:
        save(smap, tmp_path / "image.fits")
    assert record[0].filename == __file__
    assert type(load(tmp_path / "image.fits")) is GenericMap


def saved_again(smap, folder):
    """What plain sunpy makes of a file."""
    save(smap, folder / "image.fits", overwrite=True)
    sunpy.map.Map(folder / "image.fits").save(folder / "again.fits", overwrite=True)
    return folder / "again.fits"


def test_file_saved_again_says_what_it_lost(sample, tmp_path):
    again = saved_again(sample, tmp_path)
    with pytest.warns(RestoreWarning) as record:
        found = load(again)
    text = [str(warning.message) for warning in record]
    assert len(text) == 2
    assert f"{again}: the mask is lost. It was True in {sample.mask.sum()} pixels." in text[0]
    assert f"{again}: the uncertainty is lost. It was a StdDevUncertainty." in text[1]
    assert {warning.filename for warning in record} == {__file__}
    assert found.mask is None
    np.testing.assert_array_equal(found.data, sample.data)
    # The file that this Map is saved in says it, too.
    save(found, tmp_path / "third.fits")
    with pytest.warns(RestoreWarning) as record:
        third = load(tmp_path / "third.fits")
    assert len(record) == 2
    assert_same_meta(third.meta, found.meta)
    # A new mask takes the place of the lost one.
    found.mask, found.uncertainty = np.zeros(found.data.shape, bool), sample.uncertainty
    third = round_trip(found, tmp_path, "third.fits")
    assert third.mask.sum() == 0
    assert not {"rstnmask", "rstunc"} & set(third.meta)


def test_file_saved_again_after_cropping(tmp_path):
    save(make_map(mask=np.eye(3, 4, dtype=bool)), tmp_path / "image.fits")
    plain = sunpy.map.Map(tmp_path / "image.fits")
    plain.submap([0, 0] * u.pix, top_right=[2, 1] * u.pix).save(tmp_path / "cut.fits")
    with pytest.warns(RestoreWarning, match="It was True in 3 pixels"):
        assert load(tmp_path / "cut.fits").data.shape == (2, 3)


def test_nothing_is_lost_without_a_masked_pixel(tmp_path):
    assert load(saved_again(make_map(mask=np.zeros((3, 4), bool)), tmp_path)).mask is None


@pytest.mark.parametrize("name", ["MASK", "UNCERT"])
def test_extension_removed(name, tmp_path):
    smap = make_map(mask=np.eye(3, 4, dtype=bool), uncertainty=StdDevUncertainty(np.ones((3, 4))))
    save(smap, tmp_path / "image.fits")
    with fits.open(tmp_path / "image.fits") as hdus:
        del hdus[name]
        hdus.writeto(tmp_path / "cut.fits", checksum=True)
    with pytest.warns(RestoreWarning, match={"MASK": "mask is lost", "UNCERT": "uncertainty is lost"}[name]):
        found = load(tmp_path / "cut.fits")
    assert (found.mask is None) is (name == "MASK")
    assert (found.uncertainty is None) is (name == "UNCERT")


@pytest.mark.parametrize(
    "arrays_", [{"mask": np.eye(3, 4, dtype=bool)}, {"uncertainty": StdDevUncertainty(np.ones((3, 4)))}]
)
def test_cropped_image_does_not_fit_its_extension(arrays_, tmp_path):
    save(make_map(**arrays_), tmp_path / "image.fits")
    with fits.open(tmp_path / "image.fits") as hdus:
        hdus[0].data = hdus[0].data[:2]
        hdus.writeto(tmp_path / "cut.fits", checksum=True)
    with pytest.raises(
        ValueError, match=r"cut.fits: Found an image of shape \(2, 4\) and (MASK|UNCERT) of shape \(3, 4\)"
    ):
        load(tmp_path / "cut.fits")


# sunpy leaves a file open that it cannot read.
leaves_files_open = pytest.mark.filterwarnings("ignore::ResourceWarning")


def outcome_with_wrong_bit(path, content, bit, smap):
    """Load a file with one wrong bit: an error, or the image as it was."""
    wrong = bytearray(content)
    wrong[bit // 8] ^= 1 << bit % 8
    path.write_bytes(wrong)
    try:
        found = load(path)
    except ValueError as error:
        return str(error)
    assert_same_map(found, smap)
    return None


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("with_mask", [False, True])
@leaves_files_open
def test_one_wrong_bit(suffix, with_mask, tmp_path):
    smap = make_map(header={"notanumb": np.nan}, mask=np.eye(3, 4, dtype=bool) if with_mask else None)
    path = tmp_path / f"image{suffix}"
    save(smap, path)
    content = path.read_bytes()
    bits = np.random.default_rng(0).choice(8 * len(content), 100, replace=False)
    outcomes = [outcome_with_wrong_bit(path, content, bit, smap) for bit in bits]
    errors = [outcome for outcome in outcomes if outcome is not None]
    # Some bits of gzip's own header, such as the file name, have no meaning.
    assert len(errors) == 100 if suffix == ".fits" else len(errors) > 80
    assert all(str(path) in error for error in errors)


@pytest.mark.slow
@leaves_files_open
def test_wrong_bits_in_the_structure(tmp_path):
    smap = make_map(np.arange(100.0).reshape(10, 10), mask=np.eye(10, dtype=bool))
    path = tmp_path / "image.fits"
    save(smap, path)
    content = path.read_bytes()
    # The cards from SIMPLE to EXTEND of the image and from XTENSION to GCOUNT of the mask
    second = content.index(b"XTENSION")
    positions = (*range(0, 6 * 80, 19), *range(second, second + 6 * 80, 19))
    outcomes = [outcome_with_wrong_bit(path, content, 8 * at + bit, smap) for at in positions for bit in range(8)]
    assert all(outcome is not None for outcome in outcomes)


@leaves_files_open
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_truncated_file(suffix, tmp_path):
    path = tmp_path / f"image{suffix}"
    save(make_map(mask=np.eye(3, 4, dtype=bool)), path)
    content = path.read_bytes()
    for length in (0, 1, 79, len(content) // 3 + 1, len(content) // 2 + 1, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"image.fits"):
            load(path)
    path.write_bytes(content + b"more")
    with pytest.raises(ValueError, match=r"image.fits"):
        load(path)


def test_data_changed_without_checksum(tmp_path):
    save(make_map(), tmp_path / "image.fits")
    with fits.open(tmp_path / "image.fits") as hdus:
        hdus[0].data[0, 0] = 100
        hdus.writeto(tmp_path / "other.fits")
    with pytest.raises(ValueError, match=r"the checksum of HDU 0 does not match.* write it with checksum=True"):
        load(tmp_path / "other.fits")


@pytest.mark.parametrize("name", ["aia_171_quiet", "stix_flare"])
def test_files_of_others(name, tmp_path):
    path = tmp_path / "other.fits"
    shutil.copy(sample_path(name), path)
    found, expected = load(path), sunpy.map.Map(path)
    assert_same_meta(found.meta, expected.meta)
    assert type(found) is type(expected)
    assert found.mask is None
    np.testing.assert_array_equal(found.data, expected.data)


def test_extensions_of_others_are_no_mask(tmp_path):
    primary = fits.PrimaryHDU(np.zeros((3, 4)), fits.Header(HEADER))
    fits.HDUList([primary, fits.ImageHDU(np.zeros(12), name="MASK")]).writeto(tmp_path / "other.fits")
    assert load(tmp_path / "other.fits").mask is None


@leaves_files_open
def test_no_map(tmp_path):
    (tmp_path / "text.fits").write_text("no image")
    with pytest.raises(ValueError, match=r"text.fits does not open as a Map"):
        load(tmp_path / "text.fits")
    with pytest.raises(FileNotFoundError, match=r"none.fits: no such file"):
        load(tmp_path / "none.fits")


@pytest.mark.parametrize("name", ["image.fits", "image.fit", "IMAGE.FTS", "image.fits.gz", "a b.2011.fits"])
def test_names(name, tmp_path):
    smap = make_map(mask=np.eye(3, 4, dtype=bool))
    assert_same_map(round_trip(smap, tmp_path, name), smap)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert type(sunpy.map.Map(tmp_path / name)) is GenericMap
    if name.endswith(".gz"):
        assert gzip.open(tmp_path / name).read(6) == b"SIMPLE"


@pytest.mark.parametrize("name", ["image", "image.jp2", "image.gz", "image.fits.bz2", "fits"])
def test_wrong_names(name, tmp_path):
    with pytest.raises(ValueError, match=r"expected one that ends in .fits"):
        save(make_map(), tmp_path / name)


def test_existing_file(tmp_path):
    path = tmp_path / "image.fits"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"image.fits exists. Choose another name, or set overwrite=True"):
        save(make_map(), path)
    assert path.read_text() == "precious"
    save(make_map(), str(path), overwrite=True)
    assert_same_map(load(str(path)), make_map())


def test_file_replaces_the_one_that_it_was_loaded_from(tmp_path):
    save(make_map(), tmp_path / "image.fits")
    plain = sunpy.map.Map(tmp_path / "image.fits")
    save(plain, tmp_path / "image.fits", overwrite=True)
    np.testing.assert_array_equal(load(tmp_path / "image.fits").data, make_map().data)


def test_folder_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none/image.fits was not written: No such file or directory"):
        save(make_map(), tmp_path / "none" / "image.fits")


class OtherUncertainty(StdDevUncertainty):
    pass


@pytest.mark.parametrize(
    ("image", "error", "match"),
    [
        (lambda: np.zeros((3, 4)), TypeError, "Found an array .*expected a sunpy Map"),
        (list, ValueError, "expected at least one Map"),
        (lambda: [make_map(), 3], TypeError, "Image 2 of 2"),
        (lambda: make_map(np.zeros((3, 4), complex)), TypeError, "Found data of the type complex128"),
        (lambda: make_map(mask=np.zeros((4, 3), bool)), ValueError, r"Found MASK of shape \(4, 3\); expected \(3, 4\)"),
        (lambda: make_map(mask=np.zeros((2, 3, 4), bool)), ValueError, "Found MASK of shape"),
        (lambda: make_map(mask=np.full((3, 4), "x")), TypeError, "Found MASK of the type <U1"),
        (lambda: make_map(uncertainty=StdDevUncertainty(np.zeros(3))), ValueError, "Found UNCERT of shape"),
        (lambda: make_map(uncertainty=StdDevUncertainty(None)), TypeError, "Found UNCERT of the type object"),
        (lambda: make_map(uncertainty=OtherUncertainty(np.zeros((3, 4)))), ValueError, "class OtherUncertainty"),
        (
            lambda: make_map(
                uncertainty=StdDevUncertainty(np.zeros((3, 4)), unit=u.def_unit("kilo_counts", 1000 * u.DN))
            ),
            ValueError,
            "The unit 'kilo_counts' of",
        ),
        (lambda: make_map(psf=np.ones((3, 3))), ValueError, "psf of a Map is not saved"),
    ],
)
def test_what_cannot_be_saved(image, error, match, tmp_path):
    with pytest.raises(error, match=match):
        save(image(), tmp_path / "image.fits")
    assert not list(tmp_path.iterdir())


def test_header_that_sunpy_does_not_open(tmp_path):
    smap = make_map()
    smap.meta["cunit1"] = "apples"
    with pytest.raises(ValueError, match=r"sunpy does not open an image with this header .* Correct the Map's meta"):
        save(smap, tmp_path / "image.fits")


def test_file_of_a_later_version(tmp_path):
    save(make_map(), tmp_path / "image.fits")
    fits.setval(tmp_path / "image.fits", "RSTFILE", value=99, ext=1)
    with pytest.raises(ValueError, match=r"Found version 99 of the file layout.* Update sunpy_restore"):
        load(tmp_path / "image.fits")


def test_blank_integers_stay_blank_for_other_programs(tmp_path):
    header = {"blank": -32768, "bzero": 32768}
    for dtype in ("i2", "u2", "f4"):
        smap = make_map(np.ones((2, 2), dtype), header)
        assert_same_map(round_trip(smap, tmp_path), smap)
        with fits.open(tmp_path / "image.fits") as hdus:
            assert ("BLANK" in hdus[0].header) is (dtype == "i2")
        assert type(sunpy.map.Map(tmp_path / "image.fits")) is GenericMap


@pytest.mark.parametrize("path", [3, None, ["a.fits", "b.fits"]])
def test_paths_that_are_none(path):
    with pytest.raises(TypeError, match=r"expected the name of one file.*save\(image, path\)"):
        load(path)
    with pytest.raises(TypeError, match=r"as the path; expected the name of one file"):
        save(make_map(), path)


def test_folders_and_swapped_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder; expected a FITS file"):
        load(tmp_path)
    with pytest.raises(TypeError, match="GenericMap as the path"):
        save(str(tmp_path / "map.fits"), make_map())


@pytest.mark.parametrize("name", ["empty.fits", "empty.fits.gz"])
def test_an_empty_file_is_called_empty(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="is empty; expected a file with an image"):
        load(tmp_path / name)


def test_an_uncertainty_that_sunpy_did_not_save_is_noticed(tmp_path):
    """A Map's own save writes the correlation of the errors in the header, and no uncertainty."""
    smap = make_map(np.ones((3, 4)), HEADER | {"rstcorr": "1.0"}, uncertainty=StdDevUncertainty(np.ones((3, 4))))
    smap.save(tmp_path / "plain.fits")
    with pytest.warns(RestoreWarning, match="the uncertainty is lost. A Map's own save does not keep it") as caught:
        assert load(tmp_path / "plain.fits").uncertainty is None
    assert str(tmp_path / "plain.fits") in str(caught[0].message)
    save(smap, tmp_path / "kept.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        assert (load(tmp_path / "kept.fits").uncertainty.array == 1).all()
