"""The command that builds training data."""

import re

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.cli.main import main
from sunpy_restore.data import sample_path

pytest.importorskip("lightning")


def test_dataset_prints_what_was_taken(tmp_path, capsys):
    (tmp_path / "own").mkdir()
    for index, name in enumerate(("hmi_magnetogram", "aia_171_quiet")):
        (tmp_path / f"own/{index}").write_bytes(sample_path(name).read_bytes())
    arguments = ["dataset", "enhance-magnetogram", "--from", str(tmp_path / "own"), "--out", str(tmp_path / "data")]
    assert main([*arguments, "--gap", "3 h"]) == 0
    found = capsys.readouterr().out.splitlines()
    assert found[1].split() == ["HMI", "1", "(1", "regions)", "1", "(1", "regions)", "0.504", *["2011-02-14T20:34"] * 2]
    assert found[2] == "Training and validation are different regions of images."
    assert "own/1: Found pixels of 0.599 arcsec" in found[-1]
    assert main([*arguments, "--gap", "soon"]) == 1
    assert "--gap 'soon'" in capsys.readouterr().err


def test_images_of_one_time_are_refused_once_with_the_option_to_set(tmp_path, capsys):
    smap = sunpy.map.Map(sample_path("aia_171_quiet"))
    (tmp_path / "own").mkdir()
    for second in (0, 30, 84):
        meta = dict(smap.meta)
        for key in set(meta) & {"date-obs", "date_obs", "t_obs", "date-beg"}:
            meta[key] = f"2014-10-26T12:{second // 60:02d}:{second % 60:02d}.000"
        sunpy.map.Map(np.tile(smap.data, (2, 2)) + np.float32(second), meta).save(tmp_path / f"own/{second}.fits")
    arguments = ["dataset", "desaturate", "--from", str(tmp_path / "own"), "--out", str(tmp_path / "data")]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "own/0.fits, own/30.fits and 1 more: The images span 84 s, less than the gap of 24 h" in error
    assert "set --gap TIME or add images" in error
    assert error.count("too small to split by region") == 1
    assert not re.search(r"gap=|\.[;.]", error)
    assert main([*arguments, "--gap", "20 s"]) == 0
    assert "at least 20 s apart" in capsys.readouterr().out


def test_task_without_files_says_so(tmp_path, capsys):
    assert main(["dataset", "backproj", "--from", str(tmp_path), "--out", str(tmp_path / "data")]) == 1
    assert "simulated" in capsys.readouterr().err
