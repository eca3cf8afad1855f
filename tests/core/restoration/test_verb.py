"""What all functions that restore Maps have in common, on a function that fills negative pixels by a constant."""

import copy
import dataclasses
import linecache
from dataclasses import dataclass

import dask.array
import ndcube
import numpy as np
import pytest

import astropy.units as u
from astropy.nddata import StdDevUncertainty

import sunpy.map
from sunpy.map.sources import HMIMap

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.images.containers import masks_for
from sunpy_restore.core.images.filled import filled
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.restoration import observation as base
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.system import memory
from sunpy_restore.core.task import MapFunction, Option, Restoration
from sunpy_restore.version import __version__

HEADER = {
    "telescop": "SDO/HMI",
    "instrume": "HMI_FRONT2",
    "content": "MAGNETOGRAM",
    "bunit": "Gauss",
    "date-obs": "2011-02-14T20:34:12.20",
    "ctype1": "HPLN-TAN",
    "ctype2": "HPLT-TAN",
    "cunit1": "arcsec",
    "cunit2": "arcsec",
    "cdelt1": 0.5,
    "cdelt2": 0.5,
    "crpix1": 3.5,
    "crpix2": 2.0,
    "crval1": 0.0,
    "crval2": 0.0,
    "crln_obs": 24.7,
    "crlt_obs": -6.8,
    "dsun_obs": 147699950484.1,
    "history": "first",
    "keycomments": {"CDELT1": "pixel size"},
}


@dataclass(frozen=True, kw_only=True)
class Observation(base.Observation):
    data: np.ndarray
    holes: np.ndarray
    level: float
    nothing_to_do: str | None = None

    @classmethod
    def check(cls, smap, *, mask=None, level=1.0):
        calls.append(("check", smap.meta.get("name")))
        if smap.meta.get("telescop") != "SDO/HMI":
            raise TypeError(f"Found TELESCOP = {smap.meta.get('telescop')!r}; expected 'SDO/HMI'.")
        if mask is not None and mask.shape != smap.data.shape:
            raise ValueError(f"Found a mask of shape {mask.shape}; expected {smap.data.shape}.")
        return {"G": "patch-gauss", "T": "patch-tesla"}[str(smap.unit)]

    @classmethod
    def from_map(cls, smap, *, mask=None, level=1.0):
        calls.append(("from_map", smap.meta.get("name")))
        holes = smap.data < 0 if mask is None else mask
        if holes.all():
            raise ValueError("Found no valid pixel; expected some.")
        if holes.mean() > 0.5:
            warn_user("More than half of the image is missing.")
        # A reader that is careless with its copy does not change the Map
        data = smap.data.astype(float)
        data[holes] = np.nan
        reason = None if holes.any() else "No pixel is negative, the Map comes back as it is."
        return cls(data=data, holes=holes, level=level, nothing_to_do=reason)


def constant(observation, *, progress=False):
    return np.full(observation.data.shape, observation.level)


def unfilled(observation, *, progress=False):
    return np.nan_to_num(observation.data, nan=-observation.level)


def restore(observation, method, *, progress=False, whole=False, result=None):
    calls.append(("restore", method.task.name))
    data = method(observation, progress=progress)
    return Restored(data=data, filled=None if whole else observation.holes, **(result or {}))


def doubled(observation, *, progress=False):
    return observation.data.repeat(2, axis=0).repeat(2, axis=1)


def task(name, **options):
    return Restoration(
        name=name, title="", doi="", unit="", build_network=None, network_method="", recipe="",
        classical={"constant": constant, "unfilled": unfilled, "doubled": doubled}, restore=restore, **options,
    )  # fmt: skip


PATCH = MapFunction(
    name="patch",
    module="",
    summary="",
    tasks=(task("patch-gauss"), task("patch-tesla", scale=2)),
    observation=Observation,
    per_image={"mask": masks_for},
)


def patch(image, *, method="constant", weights=None, mask=None, level=1.0, whole=False, **result):
    """The function. For these tests it takes whatever a restoration may say of its result."""
    return run(
        PATCH, image, method=method, weights=weights, device=None, progress=False,
        observing={"mask": mask, "level": level}, restoring={"whole": whole, "result": result},
    )  # fmt: skip


OPTIONS = {"method": "constant", "weights": None, "device": None, "progress": False}


@pytest.fixture(autouse=True)
def calls_of_this_test():
    calls.clear()


calls = []
"""What was called, in order."""


def smap(shape=(4, 6), dtype=np.float32, holes=((0, 1),), **cards):
    """A Map with negative pixels."""
    data = (1 + np.arange(np.prod(shape))).reshape(shape).astype(dtype)
    for hole in holes:
        data[hole] = -5
    return sunpy.map.Map(data, {**HEADER, **cards})


# Containers


@pytest.mark.parametrize("kind", [list, tuple, lambda maps: sunpy.map.Map(maps, sequence=True)])
def test_the_same_container_comes_back(kind):
    maps = [smap(), smap((5, 3)), smap(name="third")]
    given = kind(maps)
    found = patch(given)
    assert type(found) is type(given)
    for before, after in zip(maps, found, strict=True):
        assert type(after) is HMIMap
        np.testing.assert_array_equal(after.data, patch(before).data)
        assert after.meta.get("name") == before.meta.get("name")


def test_a_map_comes_back_as_a_map():
    found = patch(smap(), level=7)
    assert type(found) is HMIMap
    assert (found.data[0, 1], found.data[0, 0]) == (7, 1)


def test_a_cube_comes_back_as_a_cube():
    one = smap()
    cube = ndcube.NDCube(one.data, wcs=one.wcs, meta={"TELESCOP": "SDO/HMI", "INSTRUME": "HMI"}, unit=u.G)
    found = patch(cube, cards={"strength": 3}, unit=u.mT)
    assert type(found) is ndcube.NDCube
    np.testing.assert_array_equal(found.data, patch(one).data)
    np.testing.assert_array_equal(filled(found), one.data < 0)
    assert found.mask is None
    assert (found.unit, found.meta["STRENGTH"], found.meta["RSTTASK"]) == (u.mT, 3, "patch-gauss")


@pytest.mark.parametrize("wrong", [np.zeros((4, 6)), [np.zeros((4, 6))], "image.fits", []])
def test_anything_else_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match=r"expected (a sunpy|at least one) Map"):
        patch(wrong)


# The order of the checks


def test_all_maps_are_checked_before_the_first_is_restored():
    maps = [smap(name="a"), smap(name="b"), smap(name="c", telescop="SOHO")]
    with pytest.raises(TypeError, match=r"^Image 3 of 3: Found TELESCOP = 'SOHO'; expected 'SDO/HMI'\.$"):
        patch(maps)
    assert calls == [("check", "a"), ("check", "b"), ("check", "c")]


def test_every_map_is_checked_read_and_restored_once():
    patch([smap(name="a"), smap(name="b")])
    assert calls == [
        ("check", "a"), ("check", "b"), ("from_map", "a"), ("restore", "patch-gauss"), ("from_map", "b"),
        ("restore", "patch-gauss"),
    ]  # fmt: skip


def test_an_unknown_method_and_weights_of_a_classical_one_are_refused_before_a_map_is_read():
    with pytest.raises(
        ValueError, match="Unknown method 'magic'; expected one of network, constant, unfilled, doubled"
    ):
        patch(smap(), method="magic")
    assert not calls
    with pytest.raises(ValueError, match="Found weights for method='constant'"):
        patch(smap(), weights="some")
    assert {call for call, _ in calls} == {"check"}


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"observing": {"kind": "other"}}, ValueError, r"^Unknown kind 'other'; expected 'one' or 'two'\.$"),
        ({"restoring": {"kind": 3}}, ValueError, r"^Unknown kind 3; expected 'one' or 'two'\.$"),
        ({"restoring": {"noise": "yes"}}, TypeError, r"^Found noise='yes'; expected True or False\.$"),
    ],
)
def test_unknown_values_of_options_are_refused_before_a_map_is_checked(keywords, error, message):
    options = (Option("kind", "", choices=("one", "two")), Option("noise", "", flag=True))
    function = dataclasses.replace(PATCH, options=options)
    with pytest.raises(error, match=message):
        run(function, smap(), **OPTIONS, **keywords)
    assert not calls


def test_an_empty_mask_is_named():
    with pytest.warns(RestoreWarning, match=r"^Found no True pixel in the mask; the image is returned unchanged\."):
        patch(smap(), mask=np.zeros((4, 6), bool))


def test_images_beyond_memory_are_refused_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(memory, "_memory", lambda: 1000)
    # 24 pixels of 4 bytes, and 96 of 4 bytes in a result with twice the sampling
    assert patch(smap()).meta["restored"]
    calls.clear()
    lazy = sunpy.map.Map(dask.array.zeros((4, 60), dtype="f4"), HEADER)
    message = r"an image of shape \(4, 60\), which needs 4.8e-06 GB or more; expected one that fits .* 1e-06 GB\."
    with pytest.raises(ValueError, match=message):
        patch(lazy)
    with pytest.raises(ValueError, match=r"3 images of shape \(4, 6\), which needs"):
        patch([smap(), smap(), smap()])
    assert not calls
    monkeypatch.setattr(memory, "_memory", lambda: None)
    monkeypatch.setattr(Observation, "from_map", lambda *_, **__: np.zeros((10**7, 10**7)))
    with pytest.raises(ValueError, match=r"an image of shape \(4, 6\), for which the memory is too small"):
        patch(smap())


def test_a_single_map_is_not_named():
    with pytest.raises(TypeError, match=r"^Found TELESCOP"):
        patch([smap(telescop="SOHO")])


def test_errors_and_warnings_in_a_list_name_the_image():
    with pytest.raises(ValueError, match=r"^Image 2 of 2: Found no valid pixel; expected some\.$"):
        patch([smap(), smap((1, 1), holes=[(0, 0)])])
    half_missing = smap((1, 3), holes=[(0, 0), (0, 1)])
    with pytest.warns(RestoreWarning, match=r"^Image 2 of 3: More than half of the image is missing\.$"):
        patch([smap(), half_missing, smap()])


def test_warnings_point_to_the_line_that_called_the_package():
    half_missing = smap((1, 3), holes=[(0, 0), (0, 1)])
    with pytest.warns(RestoreWarning) as warned:
        run(PATCH, half_missing, **OPTIONS)  # this line
    (warning,) = warned
    assert (
        linecache.getline(warning.filename, warning.lineno).strip()
        == "run(PATCH, half_missing, **OPTIONS)  # this line"
    )


# Maps that come back as they are, and those that are refused


def test_a_map_with_nothing_to_do_comes_back_as_it_is_with_a_warning():
    whole = smap(holes=[])
    with pytest.warns(RestoreWarning, match="^No pixel is negative, the Map comes back as it is") as warned:
        found = patch(whole)
    assert found is whole
    assert [warning.filename for warning in warned] == [__file__]
    with pytest.warns(RestoreWarning, match="^Image 1 of 2: No pixel is negative"):
        found = patch([whole, smap()])
    assert found[0] is whole
    assert found[1].meta["rsttask"] == "patch-gauss"


@pytest.mark.parametrize("name", ["patch-gauss", "patch-tesla"])
def test_a_restored_map_is_refused_with_the_name_of_its_task(name):
    """Also one that another task of the function restored."""
    again = smap(rsttask=name)
    message = f"Found RSTTASK = '{name}': patch has restored this Map already; expected an observed one"
    with pytest.raises(ValueError, match=f"^{message}"):
        patch(again)
    with pytest.raises(ValueError, match=f"^Image 2 of 2: {message}"):
        patch([smap(), again])
    assert not [call for call in calls if call[0] == "restore"]


def test_a_map_that_another_function_restored_is_taken():
    found = patch(smap(rsttask="enhance-magnetogram", rstmodel="some", rstsha="0"))
    assert found.meta["rsttask"] == "patch-gauss"
    assert not {"rstmodel", "rstsha"} & found.meta.keys()


# Keywords with one value per image


def test_keywords_of_an_image_are_distributed():
    maps, masks = [smap(holes=[]), smap((5, 3), holes=[])], [np.zeros((4, 6), bool), np.zeros((5, 3), bool)]
    masks[0][1, 1] = masks[1][2, 2] = True
    found = patch(maps, mask=masks, level=7)
    for before, after, mask in zip(maps, found, masks, strict=True):
        np.testing.assert_array_equal(after.data, np.where(mask, 7, before.data))
        np.testing.assert_array_equal(filled(after), mask)
    same = [smap(holes=[]), smap(holes=[])]
    for after in patch(same, mask=masks[0]):
        np.testing.assert_array_equal(filled(after), masks[0])


def test_another_number_of_values_is_refused():
    with pytest.raises(ValueError, match="Found 3 masks for 2 images"):
        patch([smap(), smap()], mask=[np.ones((4, 6), bool)] * 3)
    with pytest.raises(ValueError, match=r"^Image 2 of 2: Found a mask of shape \(4, 6\); expected \(5, 3\)"):
        patch([smap(), smap((5, 3))], mask=np.ones((4, 6), bool))


def test_a_keyword_that_is_left_out_keeps_its_default():
    found = run(PATCH, smap(), **OPTIONS)
    assert (found.data[0, 1], filled(found).sum()) == (1, 1)
    assert run(PATCH, smap(), **OPTIONS, observing={"level": 3.0}).data[0, 1] == 3


# Filled pixels


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("<f4", "f4"), (">f4", "f4"), (">f8", "f8"), ("<i2", "f4"), (">i2", "f4"), (">i4", "f8"), ("<f2", "f4")],
)
def test_filled_pixels_are_put_back_among_the_others(dtype, expected):
    """Those are bit-identical, in a native floating-point type that holds all of their values."""
    before = smap(dtype=dtype, holes=[(0, 1), (2, 2)])
    before.data[3, 3] = 2**23 + 1 if before.data.dtype.itemsize >= 4 else 99
    after = patch(before, level=0.1)
    assert after.data.dtype == np.dtype(expected)
    assert after.data.dtype.isnative
    holes = before.data < 0
    np.testing.assert_array_equal(after.data[~holes], before.data[~holes])
    np.testing.assert_array_equal(after.data[holes], np.full(2, 0.1, expected))
    np.testing.assert_array_equal(filled(after), holes)
    assert after.mask is None


def test_values_that_are_not_finite_stay_where_nothing_is_filled():
    before = smap()
    before.data[1, :3] = [np.nan, np.inf, -0.0]
    after = patch(before)
    assert after.data[1, :3].tobytes() == before.data[1, :3].tobytes()


def test_pixels_that_the_input_masks_stay_masked():
    """Their values are unknown to the function."""
    before = smap(holes=[(0, 1), (2, 2)])
    before.mask = np.zeros((4, 6), bool)
    before.mask[3, 3] = before.mask[0, 1] = True
    after = patch(before)
    np.testing.assert_array_equal(np.argwhere(after.mask), [(0, 1), (3, 3)])
    np.testing.assert_array_equal(np.argwhere(filled(after)), [(2, 2)])
    before.mask = None
    assert patch(before).mask is None


def test_pixels_that_were_filled_before_stay_recorded():
    first = patch(smap(holes=[(0, 1)]))
    first.meta["rsttask"] = "another"
    first.data[2, 2] = -1
    np.testing.assert_array_equal(np.argwhere(filled(patch(first))), [(0, 1), (2, 2)])
    whole = patch(first, method="unfilled", whole=True)
    np.testing.assert_array_equal(filled(whole), filled(first))


def test_without_filled_pixels_the_whole_image_and_its_mask_are_those_of_the_method():
    before = smap(dtype=">i2")
    before.mask = before.data == 9
    found = patch(before, method="unfilled", whole=True)
    seen = np.where(before.mask, 0, before.data)
    np.testing.assert_array_equal(found.data, np.where(seen < 0, -1.0, seen))
    np.testing.assert_array_equal(found.mask, before.mask)
    mask = np.eye(4, 6, dtype=bool)
    found = run(PATCH, before, **OPTIONS, restoring={"whole": True, "result": {"mask": mask}})
    np.testing.assert_array_equal(found.mask, mask)


def test_the_scale_is_that_of_the_task():
    before = smap(bunit="T")
    found = patch(before, method="doubled", whole=True)
    assert found.meta["rsttask"] == "patch-tesla"
    assert found.data.shape == (8, 12)
    assert (found.meta["cdelt1"], found.meta["crpix1"]) == (0.25, 6.5)


# The header


def test_unit_method_and_keywords_of_the_result():
    found = patch(smap(), unit=u.mT / u.s, cards={"STRENGTH": 0.5, "instrume": "other"})
    assert found.unit == u.mT / u.s
    assert found.meta["strength"] == 0.5
    assert found.meta["instrume"] == "other"


def test_a_restoration_may_name_its_method():
    found = run(PATCH, smap(), **OPTIONS, restoring={"result": {"method": "constant, twice"}})
    assert found.meta["rstmeth"] == "constant, twice"
    # The history is wrapped to the width of a card
    assert "method constant, twice" in " ".join(found.meta["history"].split())


def test_provenance_is_that_of_the_method():
    found = patch(smap())
    assert [found.meta[key] for key in ("restored", "rsttask", "rstmeth", "rstvers")] == [
        True, "patch-gauss", "constant", __version__,
    ]  # fmt: skip
    assert found.meta["history"].splitlines()[0] == "first"
    assert found.unit == u.G


def test_the_input_is_not_changed():
    before = smap()
    before.mask = before.data > 20
    before.uncertainty = StdDevUncertainty(np.ones((4, 6)))
    mask = before.data < 0
    data, own_mask, meta, given = before.data.copy(), before.mask.copy(), copy.deepcopy(before.meta), mask.copy()
    for options in ({}, {"whole": True}, {"mask": mask}, {"unit": u.T, "cards": {"instrume": "other"}}):
        found = patch([before], **options)[0]
        found.data[:] = 0
        found.mask[:] = ~found.mask
        assert not np.shares_memory(filled(found), mask)
        found.meta["keycomments"]["CDELT1"] = "changed"
        found.plot_settings["cmap"] = "viridis"
        np.testing.assert_array_equal(before.data, data)
        np.testing.assert_array_equal(before.mask, own_mask)
        np.testing.assert_array_equal(mask, given)
        assert before.meta == meta
        assert before.uncertainty is not None
        assert before.plot_settings["cmap"] != "viridis"
