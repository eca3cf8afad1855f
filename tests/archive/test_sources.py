"""Sources of an archive: files, folders, patterns, lists, URLs and results of searches."""

import fsspec
import numpy as np
import pytest
from parfive import Results

from sunpy_restore.archive.sources import local_file, sources_of


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.fits",
        "2014/10/a.fits.gz",
        "2014/9/c.jp2",
        "2014/d.FTS",
        "notes.txt",
        ".hidden.fits",
        "out/e.fits",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "in"


def found(source, **options):
    sources, failed = sources_of(source, **options)
    assert failed == {}
    return [one.relative for one in sources]


def test_folders_are_searched_in_order_and_results_left_out(folder):
    expected = ["2014/10/a.fits.gz", "2014/9/c.jp2", "2014/d.FTS", "b.fits"]
    assert found(folder, without=folder / "out") == expected
    assert found(str(folder)) == [*expected, "out/e.fits"]
    assert [one.name for one in sources_of(folder)[0]] == [str(folder / name) for name in [*expected, "out/e.fits"]]


@pytest.mark.parametrize("without", ["in", "."])
def test_the_folder_of_the_results_may_be_that_of_the_sources_or_above(folder, without):
    assert "b.fits" in found(folder, without=(folder.parent / without).resolve())


def test_patterns_leave_out_results(folder):
    assert found(f"{folder}/**/*.fits", without=folder / "out") == ["b.fits"]
    # A file by its name is wanted
    assert found(folder / "out" / "e.fits", without=folder / "out") == ["e.fits"]


@pytest.mark.parametrize("pattern", ["", "/2014/*"])
def test_links_to_nothing_do_not_stop_others(folder, pattern):
    link = folder / "2014" / "broken.fits"
    link.symlink_to(folder / "nothing")
    sources, failed = sources_of(f"{folder}{pattern}")
    assert [one.relative.rpartition("/")[2] for one in sources][-1] in ("e.fits", "d.FTS")
    assert failed == {str(link): "No such file or directory"}


def test_folders_that_cannot_be_read_are_failures(folder, monkeypatch):
    def walk(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "2014")))
        yield str(top), [], ["b.fits"]

    monkeypatch.setattr("os.walk", walk)
    sources, failed = sources_of(folder)
    assert [one.relative for one in sources] == ["b.fits"]
    assert list(failed) == [str(folder / "2014")]
    assert "Permission denied" in failed[str(folder / "2014")]


def test_patterns_keep_the_folders_that_they_match(folder):
    assert found(f"{folder}/2014/*/*") == ["10/a.fits.gz", "9/c.jp2"]
    assert found(f"{folder}/**/*.fits") == ["b.fits", "out/e.fits"]
    # The user knows what the file is
    assert found(f"{folder}/*.txt") == ["notes.txt"]


def test_lists_keep_their_order(folder):
    assert found([folder / "b.fits", folder / "2014"]) == ["b.fits", "10/a.fits.gz", "9/c.jp2", "d.FTS"]
    assert found(path for path in [folder / "b.fits"]) == ["b.fits"]


def test_names_with_brackets_are_files(tmp_path):
    (tmp_path / "a[1].fits").touch()
    assert found(tmp_path / "a[1].fits") == ["a[1].fits"]


def test_urls(folder):
    system = fsspec.filesystem("memory")
    system.pipe({"/archive/2014/a.fits": b"one", "/archive/b.fits": b"two", "/archive/c.txt": b""})
    try:
        assert found("memory://archive") == ["2014/a.fits", "b.fits"]
        assert found("memory://archive/*.fits") == ["b.fits"]
        (source,), _ = sources_of("memory://archive/b.fits")
        assert source.name == "memory:///archive/b.fits"
        with local_file(source.name) as path:
            assert (path.name, path.read_bytes()) == ("b.fits", b"two")
        assert not path.exists()
        system.pipe("/archive/b.fits", b"other content")
        assert sources_of("memory://archive/b.fits")[0][0].identity != source.identity
        with pytest.raises(FileNotFoundError, match="memory://archive/none"):
            sources_of("memory://archive/none.fits")
    finally:
        system.rm("/archive", recursive=True)
    assert found(f"file://{folder}/2014/9") == ["c.jp2"]


def test_identity_is_that_of_the_content(folder):
    (before,), _ = sources_of(folder / "b.fits")
    assert sources_of(folder / "b.fits")[0][0].identity == before.identity
    (folder / "b.fits").write_text("changed content")
    assert sources_of(folder / "b.fits")[0][0].identity != before.identity


def test_downloads_that_failed_are_listed(folder):
    results = Results([str(folder / "b.fits")])
    results.add_error("x.fits", "https://example.org/x.fits", ValueError("404"))
    sources, failed = sources_of(results)
    assert [one.relative for one in sources] == ["b.fits"]
    assert failed == {"https://example.org/x.fits": "404"}


def test_searches_are_downloaded(folder, monkeypatch):
    from sunpy.net import Fido
    from sunpy.net.fido_factory import UnifiedResponse

    asked = []

    def fetch(response):
        asked.append(response)
        return Results([str(folder / "b.fits")])

    monkeypatch.setattr(type(Fido), "fetch", lambda self, response: fetch(response))
    response = UnifiedResponse()
    assert found(response) == ["b.fits"]
    assert asked == [response]


@pytest.mark.parametrize("wrong", [3, [3], np.zeros(3), [None]])
def test_other_sources_are_refused(wrong):
    with pytest.raises(TypeError, match="expected"):
        sources_of(wrong)


def test_nothing_there(tmp_path):
    for wrong in (tmp_path, tmp_path / "none.fits", f"{tmp_path}/*.fits"):
        with pytest.raises(FileNotFoundError, match="no"):
            sources_of(wrong)
