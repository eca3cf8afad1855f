"""Reports of any function: which Maps belong together, and what a report shows."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import astropy.units as u

import sunpy.map

import sunpy_restore
from sunpy_restore import enhance, load, report, save
from sunpy_restore.core.images.maps import with_data
from sunpy_restore.core.reports.report import Check, Report
from sunpy_restore.data import sample_path


@pytest.fixture(scope="module")
def original():
    return sunpy.map.Map(sample_path("hmi_continuum_quiet"))


@pytest.fixture(scope="module")
def restored(original):
    return enhance(original, method="bicubic")


@pytest.fixture(scope="module")
def found(restored, original):
    return report(restored, original)


def with_header(smap, **changes):
    meta = {**smap.meta, **changes}
    return sunpy.map.Map(smap.data, {key: value for key, value in meta.items() if value is not None})


@pytest.mark.parametrize(
    ("value", "low", "high", "passed", "limit"),
    [
        (0.0, 0, 0, True, "0"),
        (1.0, 0, 0, False, "0"),
        (1.0, -1, 1, True, "-1 to 1"),
        (1.01, -np.inf, 1, False, "at most 1"),
        (1.01, 1, np.inf, True, "at least 1"),
        (np.nan, -1, 1, False, "-1 to 1"),
        (np.nan, -np.inf, np.inf, False, "at most inf"),
    ],
)
def test_limits_are_part_of_the_range(value, low, high, passed, limit):
    check = Check(name="x", value=value, low=low, high=high)
    assert (check.passed, check.limit) == (passed, limit)


def reported(*checks):
    return Report(task="t", method="m", checks=checks, restored=None, original=None)


def test_a_check_that_was_not_made_is_told_and_passes_nothing():
    counted = Check(name="Lost", value=0.0, low=0, high=0, of_values=False)
    made = Check(name="Mean", value=0.0, low=-1, high=1)
    missing = Check(name="Flux", not_checked="all pixels are masked")
    nothing = reported(counted, missing)
    assert (nothing.passed, nothing.flagged, nothing.not_checked) == (False, (), (missing,))
    assert nothing.title == "t, method m: 1 of 1 checks passed, 1 not checked"
    assert "Flux  not checked: all pixels are masked" in str(nothing)
    assert "not checked: all pixels are masked" in nothing._repr_html_()
    assert json.loads(json.dumps(nothing.as_dict(), allow_nan=False))["checks"][1]["not_checked"]
    assert reported(counted, made, missing).passed
    assert reported(counted).passed


def test_a_report_is_a_sequence_of_checks(found):
    assert next(iter(found)).name == "Pixels without a value"
    assert [check.name for check in found].index("Mean intensity") == list(found).index(found["Mean intensity"])
    assert len(found) == len(list(found)) == 8
    assert set(found.flagged) == {check for check in found if not check.passed} != set()
    assert not found.passed
    with pytest.raises(KeyError, match="Unknown check 'x'; expected one of Pixels without a value, "):
        found["x"]


def test_it_is_shown_as_text_and_html(found):
    text, html = str(found), found._repr_html_()
    assert text.splitlines()[0] == found.title
    assert "enhance-continuum, method bicubic: 5 of 8 checks passed" in html
    assert text.count("FLAG") == html.count(">flag<") == 3
    for check in found:
        for shown in (text, html):
            assert check.name in shown
            assert check.meaning in shown
    odd = Check(name="<b>", value=1.0, meaning="a & b")
    escaped = Report(task="t", method="m", checks=(odd,), restored=None, original=None)._repr_html_()
    assert "&lt;b&gt;" in escaped
    assert "a &amp; b" in escaped


def test_it_becomes_a_table(found, tmp_path):
    table = found.to_table()
    assert table.colnames == ["check", "value", "low", "high", "unit", "passed", "meaning", "not_checked"]
    assert table.meta == {"task": "enhance-continuum", "method": "bicubic"}
    assert list(table["passed"]) == [check.passed for check in found]
    table.write(tmp_path / "report.ecsv")
    assert type(table).read(tmp_path / "report.ecsv")["value"][2] == found[2].value


def test_it_becomes_json(found):
    nothing = Check(name="x", value=np.nan)
    described = Report(task="t", method="m", checks=(nothing,), restored=None, original=None).as_dict()
    assert described["checks"][0]["value"] is None
    assert not described["passed"]
    described = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert [check["name"] for check in described["checks"]] == [check.name for check in found]
    assert described["checks"][2]["value"] == found[2].value


@pytest.mark.parametrize(("unit", "label"), [("DN / s", "DN s⁻¹"), (None, "no unit in the header")])
def test_colour_bars_state_the_unit(original, restored, unit, label):
    figure = report(with_header(restored, bunit=unit), with_header(original, bunit=unit)).plot(
        Figure(layout="constrained")
    )
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_label() == "<colorbar>"] == [label] * 2


def test_it_is_drawn_on_one_figure(found):
    figure = Figure(figsize=(12, 6), layout="constrained")
    assert found.plot(figure) is figure
    figure.canvas.draw()
    *_, axes = (axes for axes in figure.axes if axes.get_yticklabels() and len(axes.lines) == len(found))
    assert [label.get_text() for label in axes.get_yticklabels()] == [check.name for check in found]
    inside = [abs(line.get_xdata()[0]) <= 1 for line in axes.lines]
    assert inside == [check.passed for check in found]


def test_saved_files_have_the_same_report(restored, original, found, tmp_path):
    save(restored, tmp_path / "restored.fits")
    save(original, tmp_path / "original.fits")
    assert report(load(tmp_path / "restored.fits"), load(tmp_path / "original.fits")) == found
    restored.save(tmp_path / "by_sunpy.fits")
    again = report(sunpy.map.Map(tmp_path / "by_sunpy.fits"), original)
    assert [check.passed for check in again] == [check.passed for check in found]


def test_maps_are_not_changed(restored, original):
    before = [(smap.data.copy(), dict(smap.meta)) for smap in (restored, original)]
    report(restored, original)
    for smap, (data, meta) in zip((restored, original), before, strict=True):
        np.testing.assert_array_equal(smap.data, data)
        assert dict(smap.meta) == meta


def test_maps_that_are_not_restored_are_refused(restored, original):
    with pytest.raises(ValueError, match=r"Found no RSTTASK .*first Map; expected a restored Map\. A Map with nothing"):
        report(original, original)
    with pytest.raises(ValueError, match=r"wrong order: call report\(restored, original\)"):
        report(original, restored)
    with pytest.raises(ValueError, match="enhance has restored this Map already"):
        report(restored, restored)
    with pytest.raises(ValueError, match="RSTTASK = 'other', which this version does not know; expected one of enh"):
        report(with_header(restored, rsttask="other"), original)
    with pytest.raises(ValueError, match="synthetic Map"):
        report(sunpy_restore.synthesize_granulation((64, 64), method="spectrum"), original)


@pytest.mark.parametrize("wrong", [None, "file.fits", np.ones((4, 4)), []])
def test_other_things_than_maps_are_refused(restored, original, wrong):
    with pytest.raises(TypeError, match="for the restored image; expected a sunpy Map"):
        report(wrong, original)
    with pytest.raises(TypeError, match="for the original image; expected a sunpy Map"):
        report(restored, wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"date-obs": "2014-01-01T00:00:00", "t_obs": None}, "DATE-OBS = .* and '2014"),
        ({"content": "MAGNETOGRAM"}, "CONTENT = 'CONTINUUM INTENSITY' in the restored Map"),
        ({"instrume": "HMI_FRONT2"}, "INSTRUME"),
        ({"crval1": 1000.0}, "pixels away from those of the original"),
        ({"crota2": 30.0, "pc1_1": None, "pc1_2": None, "pc2_1": None, "pc2_2": None}, "pixels away"),
        ({"cdelt1": "wide"}, "Found CDELT1 = 'wide'"),
    ],
)
def test_maps_that_do_not_belong_together_are_refused(restored, original, changes, message):
    with pytest.raises(ValueError, match=message):
        report(restored, with_header(original, **changes))


def test_the_same_time_may_be_written_differently(restored, original, found):
    assert report(restored, with_header(original, **{"date-obs": "2013-01-05T00:00:00"})) == found


def test_parts_are_refused(restored, original):
    part = original.submap([5, 5] * u.pix, width=29 * u.pix, height=29 * u.pix)
    with pytest.raises(ValueError, match=r"shape \(80, 256\) for an original of shape \(30, 30\); expected \(60, 60\)"):
        report(restored, part)
    inner = restored.submap([10, 10] * u.pix, width=59 * u.pix, height=59 * u.pix)
    # The same part of both belongs together
    assert len(report(inner, part)) == len(report(restored, original))


def test_other_units_are_refused(restored, original):
    with pytest.raises(ValueError, match="in DN / s and an original in DN / min; expected one unit"):
        report(restored, with_header(original, bunit="DN / min"))


def test_unknown_options_are_refused(restored, original):
    with pytest.raises(TypeError, match="Unknown option 'colour'; expected one of product, noise"):
        report(restored, original, colour="red")


def test_an_observation_that_is_refused_for_restoration_is_refused(restored, original):
    empty = with_data(original, np.full(original.data.shape, np.nan))
    with pytest.raises(ValueError, match="valid pixel"):
        report(restored, empty)


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [(1.0004, 0, 1, "1.0004 (expected 0 to 1)"), (0.99951, 0.9996, 1.1, "0.9995 (expected 0.9996 to 1.1)"),
     (0.5, 0, 1, "0.5 (expected 0 to 1)"), (3.14159, 0, 1, "3.14 (expected 0 to 1)")],
)  # fmt: skip
def test_a_flagged_value_differs_from_its_limit(value, low, high, text):
    check = Check(name="Ratio", value=value, low=low, high=high)
    assert f"{check.shown} (expected {check.limit})" == text
