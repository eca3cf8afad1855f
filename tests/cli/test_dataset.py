"""The command that builds training data."""

import pytest

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
    assert "at least 3 h apart" in found[2]
    assert "own/1: Found pixels of 0.599 arcsec" in found[-1]
    assert main([*arguments, "--gap", "soon"]) == 1
    assert "--gap 'soon'" in capsys.readouterr().err


def test_task_without_files_says_so(tmp_path, capsys):
    assert main(["dataset", "backproj", "--from", str(tmp_path), "--out", str(tmp_path / "data")]) == 1
    assert "simulated" in capsys.readouterr().err
