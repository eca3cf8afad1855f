"""Results of files are kept while the files stay the same."""

import os

import pytest

from sunpy_restore.core.system.unchanged import kept_while_unchanged


@pytest.fixture
def reader():
    calls = []

    @kept_while_unchanged(maxsize=4)
    def read(path, suffix=""):
        calls.append(path)
        return path.read_text() + suffix

    read.calls = calls
    return read


def test_a_file_is_read_once(reader, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("one")
    monkeypatch.chdir(tmp_path)
    assert [reader(path), reader(str(path)), reader("a.txt")] == ["one"] * 3
    assert reader.calls == [path]
    assert reader(path, "!") == "one!"


def test_a_changed_file_is_read_again(reader, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    status = path.stat()
    assert reader(path) == "one"
    # Another file of the same size, which claims to be as old
    other = tmp_path / "b.txt"
    other.write_text("two")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert reader(path) == "two"


def test_a_missing_file_is_an_error_each_time(reader, tmp_path):
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            reader(tmp_path / "none")
