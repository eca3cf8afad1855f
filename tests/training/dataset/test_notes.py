"""TOML files beside images: each value is checked, and a wrong one costs its own image only."""

import numpy as np
import pytest

pytest.importorskip("lightning")

from sunpy_restore.training import build_dataset
from sunpy_restore.training.dataset.notes import read_notes

WRONG = {
    'pixel_scale = "0.1"': "Found pixel_scale = '0.1' in wrong.toml; expected a number, in arcsec",
    "pixel_km = -48": "expected a number, in km on the Sun",
    'trim = "4"': "Found trim = '4' in wrong.toml; expected an integer",
    "trim = -4": "expected an integer",
    "trim = nan": "expected an integer",
    'factor = "2"': "expected a number, by which",
    "factor = 0": "expected a number, by which",
    'time = "yesterday"': "Found time = 'yesterday' in wrong.toml; expected the time of the observation in UTC",
    "time = 2014": "expected the time of the observation",
    'cadence = "45"': "expected a number, the seconds",
    "unit = 3": "a text, the unit of the image",
    "wavelength = true": "expected a number, in nm",
    'header = "NAXIS"': "expected a table of FITS keywords",
    "pixel = 0.1": "Found 'pixel' in wrong.toml; expected some of pixel_scale",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_value_costs_its_own_image_only(tmp_path, granules, text):
    (tmp_path / "own").mkdir()
    for name in ("right", "wrong"):
        np.save(tmp_path / f"own/{name}.npy", granules((200, 480), len(name)))
        (tmp_path / f"own/{name}.toml").write_text(text if name == "wrong" else "pixel_scale = 0.1\n")
    if not text.startswith("pixel"):
        (tmp_path / "own/wrong.toml").write_text(f"pixel_scale = 0.1\n{text}\n")
    manifest = build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    assert {item.origin for item in manifest.items} == {"own/right.npy"}
    assert WRONG[text] in dict(manifest.refused)["own/wrong.npy"]


def test_right_values_are_returned(tmp_path):
    text = (
        'pixel_km = 48\ntrim = 4\nfactor = -1.5\ntime = 2014-10-26T12:48:05\ncadence = 45\nheader = {OBSERVER = "me"}\n'
    )
    (tmp_path / "a.toml").write_text(text)
    notes = read_notes(tmp_path / "a.npy")
    assert (notes["trim"], notes["factor"], notes["header"]) == (4, -1.5, {"OBSERVER": "me"})
    for time in ('"2014-10-26T12:48:05"', "2014-10-26"):
        (tmp_path / "a.toml").write_text(f"time = {time}\n")
        assert str(read_notes(tmp_path / "a.npy")["time"]).startswith("2014-10-26")


@pytest.mark.parametrize("time", ["2014-10-26T12:48:05Z", "2014-10-26T14:48:05+02:00"])
def test_times_with_an_offset_are_converted_to_utc(tmp_path, time):
    (tmp_path / "a.toml").write_text(f"time = {time}\n")
    assert str(read_notes(tmp_path / "a.npy")["time"]) == "2014-10-26 12:48:05"
