"""The Restore tab without a browser: layers, modes and marks of a restored image."""

import numpy as np
import pytest

pytest.importorskip("panel", reason="the extra app is not installed")

from sunpy_restore.data import sample_path
from sunpy_restore.studio.access import Chosen
from sunpy_restore.studio.display.curves import Curves
from sunpy_restore.studio.display.view import Layer, TurnedFrame, View
from sunpy_restore.studio.state.layers import UNCERTAIN
from sunpy_restore.studio.state.restoration import Restoration
from sunpy_restore.studio.tabs.restoration import RestoreTab

# Panel's own
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.fixture
def tab(folder, direct_worker):
    model = Restoration(Chosen([folder]), direct_worker)
    tab = RestoreTab(model)
    model.open(sample_path("aia_193_flare"), trusted=True)
    tab.tick()
    yield tab
    model.close()


def test_an_image_that_was_opened_is_drawn_once_with_its_unit(tab):
    assert tab.linked.figures[0].figure.title.text == "original"
    assert tab.curves.figures[0].yaxis[0].axis_label == "value [DN]"
    assert tab.curves.figures[1].yaxis[0].axis_label == "power [(DN)² arcsec²]"
    assert tab.readout.object == "<i>Tap on the image to read its values.</i>"


def test_the_profile_is_that_of_a_straight_line_between_the_ends_of_what_was_drawn(tab):
    left, right, bottom, top = tab.linked.view.left, tab.linked.view.right, tab.linked.view.bottom, tab.linked.view.top
    xs, ys = [left, left, right], [bottom, top, top]
    tab.linked.line.data = {"xs": [np.array(xs)], "ys": [np.array(ys)]}
    tab.tick()
    assert tab.linked.line.data == {"xs": [[left, right]], "ys": [[bottom, top]]}
    distance = tab.curves.figures[0].renderers[0].data_source.data["x"]
    assert distance[-1] == pytest.approx(np.hypot(right - left, top - bottom))


def test_each_new_result_is_shown_without_the_messages_of_the_last(tab):
    tab.model.messages.append(("error", "of another file"))
    for method in ("biharmonic", "diffraction", "biharmonic"):
        tab.method.value = method
        tab._restore(every=False)
        tab.tick()
        assert tab.right.value == method
        assert f"method={method!r}" in tab.code.object.replace("&#x27;", "'")
        assert "of another file" not in tab.status.messages.object


def test_another_file_keeps_the_layer_that_was_selected(tab):
    tab.model.open(sample_path("aia_193_flare"), trusted=True)
    tab.tick()
    for method in ("biharmonic", "diffraction"):
        tab.method.value = method
        tab._restore(every=True)
        while tab.model.running:
            tab.tick()
    tab.right.value = "biharmonic"
    for number in (0, 1):
        tab.model.current, tab._changed = number, True
        tab.tick()
        assert tab.right.value == "biharmonic"


def test_a_movie_has_the_images_of_one_channel(tab):
    first = tab.model.shown
    for name in ("hmi_continuum_quiet", "aia_171_quiet", "aia_193_flare"):
        tab.model.open(sample_path(name), trusted=True)
    while tab.model.running:
        tab.tick()
    assert tab.export._frames(first, {}) == [str(first.path)] * 2
    other = tab.model.files[1]
    assert tab.export._frames(other, {"original": other.path, "network": "b.fits"}) == [str(other.path), "b.fits"]


def test_curves_of_different_units_have_axes_of_their_own():
    image = np.random.default_rng(0).normal(size=(32, 32))
    layers = [Layer(unit, image * factor, TurnedFrame((32, 32), 1.0), unit) for unit, factor in (("a", 1), ("b", 1e-4))]
    curves = Curves()
    for number, own in ((1, True), (0, False)):
        curves.draw([layers[0], layers[number]], View(0, 32, 0, 32, (9, 9)))
        for plot in curves.figures:
            assert [axis.visible for axis in plot.yaxis] == [True, own]
            sizes = [len(line.data_source.data["x"]) > 0 for line in plot.renderers]
            assert sizes == [True, not own, own]
    assert curves.figures[0].yaxis[0].axis_label == "value [a]"


@pytest.mark.slow
def test_all_layers_are_drawn_in_all_modes(tab):
    assert tab.function.value == "desaturate"
    tab.method.value, tab.uncertainty.value = "biharmonic", True
    tab._restore(every=False)
    tab.tick()
    assert tab.model.take_messages() == []
    names = ["original", "biharmonic", "biharmonic: uncertainty", "difference"]
    assert tab.right.options == names
    assert tab.right.value == "biharmonic"
    tab.marks.value = ["filled", UNCERTAIN]
    source = tab.linked.figures[0]._shown
    tab.mode.value = "blink"
    pictures = []
    for name in names:
        tab.left.value = tab.right.value = name
        tab.tick()
        pictures.append(np.array(source.data["value"][0]))
    restored = tab.model.shown.results["biharmonic"].smap
    changed = np.nansum(pictures[3] != 0)
    assert 0 < changed < 0.2 * pictures[3].size
    assert np.nanmax(pictures[1]) == pytest.approx(restored.data.max(), rel=1e-6)
    assert (pictures[2][np.isfinite(pictures[2])] > 0).all()
    tab.mode.value = "side by side"
    tab.tick()
    assert len(tab.holder.objects) == 2
    tab.mode.value, tab.left.value, tab.right.value = "swipe", "original", "biharmonic"
    tab.tick()
    tab.swipe.value = 0
    tab.tick()
    np.testing.assert_array_equal(source.data["value"][0], pictures[1])
    tab.swipe.value = 100
    tab.tick()
    np.testing.assert_array_equal(source.data["value"][0], pictures[0])
