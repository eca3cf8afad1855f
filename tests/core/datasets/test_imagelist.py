"""Lists of training images: what is read, what is refused, and splits that leak."""

import hashlib
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.core.datasets.imagelist import described_list, find_list, read_list
from sunpy_restore.core.datasets.listentry import Entry
from sunpy_restore.core.datasets.splits import find_list_leak

TEXT = """
gap = 2
[[source]]
name = "spot"
split = "train"
files = ["a/spot.npy"]
columns = [0, 60]
times = [2013-01-05T12:00:00]
unit = "intensity"
pixel_scale = 0.1
weight = 3
licence = "MIT"
[[source]]
name = "plage"
split = "train"
files = ["b/*.npy"]
trim = 2
options = { gain = [0.9, 1.1] }
[[source]]
name = "spot"
split = "validation"
files = ["a/spot.npy"]
columns = [60, 80]
times = [2013-01-05T12:00:00]
"""
SPOT = '"a/spot.npy"]\ncolumns = [60, 80]\ntimes = [2013-01-05T12:00:00]'
"""The files of the last entry, their part, and their time."""

OPTIONS = {name: (lambda value: isinstance(value, list), "a list") for name in ("gain", "stray")}


@pytest.fixture
def write(tmp_path):
    def write(text=TEXT):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a/spot", "b/two", "b/one", "b/three")):
        path = tmp_path / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.full((20, 80), number))
    return tmp_path


def test_a_file_is_a_list(write, folder):
    images = read_list(write(), OPTIONS)
    assert [entry.name for entry in images.split("train")] == ["spot", "plage"]
    spot, plage = images.split("train")
    assert (spot.pixel_scale, spot.weight, spot.unit, images.gap) == (0.1, 3, "intensity", 2)
    assert [path.stem for path in images.paths(plage, folder)] == ["one", "three", "two"]
    assert images.paths(spot, folder) == [folder / "a" / "spot.npy"]
    assert "spot (75%), plage (25%)" in images.describe()
    assert "Terms and credits: MIT" in images.describe()


def test_parts_are_cut_out_of_the_trimmed_image():
    series = np.arange(7 * 30 * 40).reshape(7, 30, 40)
    entry = Entry(name="a", split="train", files=["a"], trim=5, rows=[2, 9], columns=[3, 20], frames=[1, 7, 2])
    found = entry.part(entry.trimmed(series))
    np.testing.assert_array_equal(found, series[1:7:2, 7:14, 8:25])
    with pytest.raises(
        ValueError, match=r"Found 19 columns in a; expected at least 20 for the part columns = \[3, 20\]"
    ):
        entry.part(series[:, :, :19])
    with pytest.raises(ValueError, match="Found 0 frames in a"):
        entry.part(series[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gap = 2", "gap = 0", "Found gap = 0 in {path}; expected hours"),
        ("gap = 2", "gaps = 2", "Unknown key 'gaps' in {path}; expected one of description, gap, source, sha256"),
        ("gap = 2", "gap =", "The list {path} is no valid TOML .*line 2"),
        ('split = "train"', 'split = "test"', "Found split = 'test' of 'spot' in {path}; expected one of train, valid"),
        (
            "[0, 60]",
            "[60, 60]",
            r"Found columns = \[60, 60\] of 'spot' in {path}; expected the first column and the one",
        ),
        ("[0, 60]", "[0, 60.0]", "Found columns = "),
        ("[0, 60]", "[0, 60, 2]", "Found columns = "),
        ('"a/spot.npy"', '"/a/spot.npy"', "Found files = .* expected a list of paths or patterns below the folder"),
        ('"a/spot.npy"', '"../spot.npy"', "Found files = "),
        ('"a/spot.npy"', "", "Found files = "),
        ("2013-01-05T12:00:00", '"2013"', "Found times = .* expected a list of dates, or of times in UTC without"),
        ("2013-01-05T12:00:00", "2013-01-05T12:00:00+01:00", "Found times = "),
        ("weight = 3", "weight = 0", "Found weight = 0 of 'spot' in {path}; expected a positive number"),
        ("weight = 3", "weights = 3", "Unknown key 'weights' of 'spot' in {path}; expected one of name, split, files"),
        ("gain =", "gains =", "Unknown key 'options.gains' of 'plage' in {path}; expected one of gain, stray"),
        ("gain = [0.9, 1.1]", "gain = 1", "Found options.gain = 1 of 'plage' in {path}; expected a list"),
        ('name = "spot"\n', "", "Found no name in {path}; expected a value"),
        ('split = "validation"', 'split = "train"', "Found no entry with split = 'validation' in {path}"),
    ],
)
def test_errors_name_the_file_the_entry_and_what_is_expected(write, old, new, message):
    assert old in TEXT
    path = write(TEXT.replace(old, new, 1))
    with pytest.raises(ValueError, match=message.format(path=path)):
        read_list(path, OPTIONS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[60, 80]", "[59, 80]", "'spot' for training and 'spot' for validation have a part of a/spot.npy in common"),
        ("columns = [60, 80]", "", "have a part of a/spot.npy in common"),
        ("columns = [60, 80]", "rows = [60, 80]", "have a part of a/spot.npy in common"),
        ("columns = [60, 80]", "columns = [58, 78]\ntrim = 1", "have a part of a/spot.npy in common"),
        (SPOT, '"b/two.npy"]', r"'plage' for training and 'spot' .* a part of b/\*.npy in common"),
        ('"a/spot.npy"]\ncolumns = [60, 80]', '"c.npy"]', "images of 2013-01-05 12:00:00 and 2013-01-05 12:00:00"),
        ('npy"]\ncolumns = [60, 80]\ntimes = [2013-01-05T12:00:00]', 'npz"]\ntimes = [2013-01-05T13:59:59]', "closer"),
        ('npy"]\ncolumns = [60, 80]\ntimes = [2013-01-05T12:00:00]', 'npz"]\ntimes = [2013-01-05]', "closer than 2 h"),
    ],
)
def test_splits_that_leak_are_refused(write, old, new, message):
    read_list(write())
    assert old in TEXT
    head, _, tail = TEXT.rpartition("[[source]]")
    with pytest.raises(ValueError, match=rf"splits in .*mine.toml are not independent: .*{message}"):
        read_list(write(f"{head}[[source]]{tail.replace(old, new)}"))


@pytest.mark.parametrize("times", ["2013-01-05T14:00:00", "2013-01-06", "2013-01-04", "2013-01-05T10:00:00"])
def test_times_at_the_gap_are_independent(write, times):
    head, _, tail = TEXT.rpartition("[[source]]")
    tail = tail.replace('npy"]\ncolumns = [60, 80]', 'npz"]').replace("2013-01-05T12:00:00", times)
    assert len(read_list(write(f"{head}[[source]]{tail}")).entries) == 3


def test_equal_files_of_other_names_are_the_same(write, folder):
    """They have one hash."""
    data = (folder / "a" / "spot.npy").read_bytes()
    (folder / "copy.npy").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    text = TEXT.replace(SPOT, '"copy.npy"]')
    read_list(write(text))
    with pytest.raises(ValueError, match="have a part of a/spot"):
        read_list(write(f'{text}[sha256]\n"a/spot.npy" = "{digest}"\n"copy.npy" = "{digest}"\n'))


def test_patterns_that_overlap_in_the_folder_are_refused(write, folder):
    """The list itself does not show which files they stand for."""
    images = read_list(write(TEXT.replace(SPOT, '"b/t*.npy"]').replace("b/*", "b/*o*")))
    for entry in images.entries[1:]:
        with pytest.raises(ValueError, match=r"part of b/(two|three).npy in common"):
            images.paths(entry, folder)


def test_files_are_compared_with_their_hashes(write, folder):
    digest = hashlib.sha256((folder / "b" / "two.npy").read_bytes()).hexdigest()
    images = read_list(write(f'{TEXT}[sha256]\n"b/two.npy" = "{digest}"\n'))
    plage = images.entries[1]
    assert len(images.paths(plage, folder)) == 3
    np.save(folder / "b" / "two.npy", np.zeros(2))
    with pytest.raises(ValueError, match=rf"two.npy; expected {digest}, as in mine.toml. Use the original file"):
        images.paths(plage, folder)
    (folder / "a" / "spot.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"spot.npy; expected the images that mine.toml lists for 'spot'"):
        images.paths(images.entries[0], folder)


def test_copies_of_a_file_in_both_splits_are_refused(write, folder):
    """They have other names, and no hash in the list."""
    images = read_list(write(TEXT.replace(SPOT, '"copy.npy"]')))
    shutil.copy(folder / "b" / "two.npy", folder / "copy.npy")
    assert images.paths(images.entries[0], folder)
    for entry in images.entries[1:]:
        with pytest.raises(ValueError, match=r"part of (b/two|copy).npy in common"):
            images.paths(entry, folder)


def test_parameters_that_a_recipe_does_not_use_are_refused(write):
    """Its splits would be others than those of the list."""
    with pytest.raises(ValueError, match=r"Found columns of 'spot' in .*mine.toml; expected none, because the recipe"):
        read_list(write(), unused=("rows", "columns"))
    assert read_list(write(), unused=("rows", "frames"))


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"gap = 2 # \xff")
    with pytest.raises(ValueError, match="is no valid TOML"):
        read_list(tmp_path / "mine.toml")


def test_headers_of_another_day_are_refused():
    entry = Entry(name="spot", split="train", files=["a"], times=list(read_times()))
    entry.check_time("2013-01-05T23:00:00", "a")
    with pytest.raises(ValueError, match="image of 2013-01-06 in a; expected one of 2013-01-05, 2013-02-01 for 'spot'"):
        entry.check_time("2013-01-06T00:00:00", "a")
    Entry(name="spot", split="train", files=["a"]).check_time("2013-01-06", "a")


def read_times():
    import datetime

    return datetime.datetime(2013, 1, 5, 12), datetime.date(2013, 2, 1)


def test_a_list_in_the_folder_replaces_that_of_the_package(write, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "mine.toml").write_text("")
    assert find_list("mine", package, tmp_path) == package / "mine.toml"
    assert described_list(tmp_path, "mine") == {}
    path = write()
    assert find_list("mine", package, tmp_path) == path
    assert "spot (75%)" in described_list(tmp_path, "mine")["training_data"]
    with pytest.raises(ValueError, match="Unknown list of training images 'other'; expected one of mine, or"):
        find_list("other", package, tmp_path)


ranges = st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda pair: [pair[0], sum(pair)])


@given(ranges, ranges, st.integers(0, 3), st.integers(0, 3), st.sampled_from(["rows", "columns"]))
def test_parts_leak_if_they_have_a_pixel_in_common(one, other, trim, other_trim, axis):
    entries = [
        Entry(name=split, split=split, files=["a"], trim=edge, **{axis: part})
        for split, part, edge in (("train", one, trim), ("validation", other, other_trim))
    ]
    pixels = [set(range(part[0] + edge, part[1] + edge)) for part, edge in ((one, trim), (other, other_trim))]
    assert (find_list_leak(entries, {}, 1.0) is not None) == bool(pixels[0] & pixels[1])


@given(ranges, st.integers(1, 4), ranges, st.integers(1, 4), st.sampled_from([None, 600.0]))
def test_frames_leak_if_they_are_closer_than_the_gap(one, step, other, other_step, cadence):
    entries = [
        Entry(name=split, split=split, files=["a"], frames=[*part, stride], cadence=cadence)
        for split, part, stride in (("train", one, step), ("validation", other, other_step))
    ]
    frames = [range(*entry.frames) for entry in entries]
    closest = min(abs(a - b) for a in frames[0] for b in frames[1])
    leaks = closest == 0 if cadence is None else closest * cadence < 3600
    assert (find_list_leak(entries, {}, 1.0) is not None) == leaks
