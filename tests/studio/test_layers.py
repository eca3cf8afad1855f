"""The Restore tab without a browser: layers, modes and marks of a restored image."""

import numpy as np
import pytest

pytest.importorskip("panel", reason="the extra app is not installed")

from sunpy_restore.data import sample_path
from sunpy_restore.studio.access import Chosen
from sunpy_restore.studio.layers import UNCERTAIN
from sunpy_restore.studio.restoration import Restoration
from sunpy_restore.studio.restore_tab import RestoreTab

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
