"""Folders that cannot be used are named before the work begins."""

import shutil
import sys

import pytest

pytest.importorskip("lightning")

from sunpy_restore.data import sample_path
from sunpy_restore.training import build_dataset, train
from sunpy_restore.training.folders import writable_folder


def test_a_folder_is_made_and_left_empty(tmp_path):
    folder = tmp_path / "a" / "b"
    assert writable_folder(folder) == folder
    assert list(folder.iterdir()) == []


def test_a_file_or_a_folder_that_cannot_be_written_is_no_output(tmp_path):
    (tmp_path / "own").mkdir()
    shutil.copy(sample_path("hmi_magnetogram"), tmp_path / "own")
    file = tmp_path / "file"
    file.touch()
    for run in (
        lambda out: train("backproj", tmp_path, out, steps=1),
        lambda out: build_dataset("enhance-magnetogram", tmp_path / "own", out),
    ):
        with pytest.raises(NotADirectoryError, match=r"Found the file .*file as the output; expected a folder"):
            run(file)
        # No user can make a folder below a file, nor in /proc of Linux
        for out in (file / "below", *["/proc/nothing"] * (sys.platform == "linux")):
            with pytest.raises(PermissionError, match=r"cannot be written .*Choose one that you may write to"):
                run(out)


def test_a_folder_without_images_is_named_and_no_folder_is_made(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"Found no file that may be an image in .*own; expected FITS or"):
        build_dataset("desaturate", tmp_path / "own", tmp_path / "data")
    assert not (tmp_path / "data").exists()
