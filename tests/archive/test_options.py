"""Options with which no image could be restored are refused before any work, and equal options are the same."""

import re

import numpy as np
import pytest

import sunpy_restore
from sunpy_restore import restore_archive
from sunpy_restore.archive.options import without_defaults
from sunpy_restore.core.weights.store import entry_named
from sunpy_restore.data import sample_path
from sunpy_restore.tasks import FUNCTIONS

SPOT, MAGNETOGRAM = sample_path("hmi_continuum_spot"), sample_path("hmi_magnetogram")
LIGHT = entry_named("enhance-continuum-light")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "magic"}, ValueError, "Unknown method 'magic'; expected one of network"),
        ({"product": "magic"}, ValueError, "Unknown product 'magic'; expected"),
        ({"colour": "red"}, TypeError, "Unknown keyword 'colour' of enhance; expected one of product, "),
        ({"image": None}, TypeError, "Unknown keyword 'image' of enhance"),
        ({"samples": 2}, ValueError, "Found samples=2; expected None, because an archive has one result"),
        ({"uncertainty": "yes"}, TypeError, "Found uncertainty='yes'; expected True, False"),
        ({"uncertainty": 0.9}, ValueError, "Found uncertainty=0.9; expected True, False, 0.68 or 0.95"),
        ({"device": "magic"}, ValueError, "Found device='magic'; expected the name of a PyTorch device"),
        ({"device": 1.5}, ValueError, "Found device=1.5; expected the name of a PyTorch device"),
        ({"method": "bicubic", "weights": "light"}, ValueError, "Found weights for method='bicubic'"),
        ({"weights": "inpaint-compact"}, ValueError, "Found weights for the task 'inpaint'"),
        ({"weights": 3}, TypeError, "Found weights of type int"),
    ],
)
def test_refused_before_any_work(tmp_path, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        restore_archive("enhance", [SPOT, MAGNETOGRAM], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_weights_without_a_calibration_are_refused_before_any_work(tmp_path):
    own = tmp_path / "mine.safetensors"
    own.write_bytes((LIGHT.folder / LIGHT.file).read_bytes())
    with pytest.raises(ValueError, match=r"uncertainty of the weights 'mine.*expected it in mine\.uncertainty"):
        restore_archive("enhance", SPOT, tmp_path / "out", weights=own, uncertainty=True)
    assert not (tmp_path / "out").exists()


def test_what_some_images_allow_is_not_refused(tmp_path):
    report = restore_archive("enhance", [SPOT, MAGNETOGRAM], tmp_path / "out", weights=LIGHT.name)
    assert (report.restored, list(report.failed)) == (1, [str(MAGNETOGRAM)])
    assert "Use 'enhance-magnetogram-light', or 'light'" in report.failed[str(MAGNETOGRAM)]


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("light", (LIGHT.name, LIGHT.folder / LIGHT.file)),
        (None, ("compact", "enhance-continuum-compact", None)),
    ],
)
def test_equal_options_are_the_same(tmp_path, first, others):
    out = tmp_path / "out"
    assert restore_archive("enhance", SPOT, out, weights=first).restored == 1
    for other in others:
        report = restore_archive(sunpy_restore.enhance, SPOT, out, weights=other, method="network", uncertainty=False)
        assert (report.restored, report.done, report.failed) == (0, 1, {})
    (error,) = restore_archive("enhance", SPOT, out, weights="compact" if first else "light").failed.values()
    assert "with these options" in error


def test_defaults_are_left_out():
    enhance = next(function for function in FUNCTIONS if function.name == "enhance")
    mask = np.ones((2, 2), dtype=bool)
    options = {"method": "network", "weights": None, "uncertainty": np.False_, "noise": mask}
    assert list(without_defaults(enhance, options)) == ["noise"]
    assert without_defaults(enhance, {"method": "bicubic", "uncertainty": True}) == {
        "method": "bicubic",
        "uncertainty": True,
    }
