"""Training data from archives, with made answers; the last tests ask the archives themselves."""

import shutil

import numpy as np
import pytest

pytest.importorskip("lightning")
pytest.importorskip("zeep")

from parfive import Results

import astropy.units as u

from sunpy.net import attrs as a
from sunpy.net.base_client import QueryResponseTable
from sunpy.net.fido_factory import UnifiedResponse
from sunpy.net.jsoc.jsoc import JSOCResponse
from sunpy.time import parse_time

from sunpy_restore.cli.main import main
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.tasks import get_task
from sunpy_restore.training import build_dataset
from sunpy_restore.training.dataset import download
from sunpy_restore.training.dataset.query import attributes, parse_query

AIA = "time=2013-03-01/2013-03-06 wavelength=171 sample=1d"


class Archive:
    """An archive with files, some of which cannot be downloaded."""

    def __init__(self, folder):
        self.folder, self.lost, self.fetched, self.queries, self.error = folder, set(), [], [], None

    def search(self, *attrs):
        self.queries.append(attrs)
        time = next(attr for attr in attrs if isinstance(attr, a.Time))
        days = {name: parse_time(f"2013-03-0{name[0]}T12:00:00") for name in sorted(self.names)}
        names = [name for name, day in days.items() if time.start <= day <= time.end]
        kind = JSOCResponse if any(isinstance(attr, a.jsoc.Series) for attr in attrs) else QueryResponseTable
        table = kind({"fileid": names, "Size": np.full(len(names), 3) * u.Mbyte})
        return UnifiedResponse(table[:0], table)

    @property
    def names(self):
        return [path.name for path in self.folder.iterdir()]

    def fetch(self, table, *, path, progress, overwrite):
        if self.error is not None:
            raise self.error
        # JSOC ignores that a table is a part of another one
        assert not isinstance(table, JSOCResponse) or len(table) == table._original_num_rows
        results = Results()
        for name in map(str, table["fileid"]):
            self.fetched.append(name)
            if name in self.lost:
                results.add_error(name, f"http://archive/{name}", TimeoutError("no answer"))
            else:
                results.append(path=shutil.copy(self.folder / name, path.format(file=name)), url=name)
        return results


@pytest.fixture
def archive(tmp_path, sample, write, monkeypatch, other_day):
    """An archive with an AIA image of each of three days, and one of another instrument."""
    image, header = sample("aia_171_quiet")
    for day in (1, 2, 3):
        write(f"archive/{day}.fits", other_day(image, day), header, DATE_OBS=f"2013-03-0{day}T12:00:00")
    write("archive/4.fits", *sample("hmi_magnetogram"))
    archive = Archive(tmp_path / "archive")
    monkeypatch.setattr("sunpy.net.Fido", archive)
    return archive


def test_files_are_downloaded_and_taken(archive, tmp_path):
    manifest = build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    assert [item.origin for item in manifest.split("train")] == ["downloads/1.fits", "downloads/2.fits"]
    assert [item.origin for item in manifest.split("validation")] == ["downloads/3.fits"]
    assert [name for name, _ in manifest.refused] == ["downloads/4.fits"]
    (attrs,) = archive.queries
    assert a.Instrument("AIA") in attrs
    assert a.Wavelength(171 * u.AA) in attrs
    assert not (tmp_path / "data" / ".downloads").exists()


def test_files_that_are_there_are_not_fetched_again(archive, tmp_path):
    build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    assert archive.fetched == ["1.fits", "2.fits", "3.fits", "4.fits"]
    archive.fetched.clear()
    before = build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    assert archive.fetched == []
    (tmp_path / "data" / "downloads" / "2.fits").unlink()
    shutil.copy(archive.folder / "1.fits", archive.folder / "5.fits")
    after = build_dataset("desaturate", None, tmp_path / "data", fido=[AIA])
    assert set(archive.fetched) >= {"2.fits", "5.fits"}
    assert after.items == before.items
    # A later run without a query keeps the images
    (tmp_path / "more").mkdir()
    assert build_dataset("desaturate", tmp_path / "more", tmp_path / "data").items == before.items


@pytest.mark.parametrize(("cadence", "searches"), [("sample=1d", 4), ("", 3)])
def test_jsoc_is_asked_for_parts_of_the_time(archive, tmp_path, monkeypatch, cadence, searches):
    """Each part is fetched as a whole, and is not fetched again."""
    monkeypatch.setattr(download, "_CHUNK", 2)
    query = f"{AIA.replace('sample=1d', cadence)} archive=jsoc notify=me@there.org"
    manifest = build_dataset("desaturate", None, tmp_path / "data", fido=query)
    assert len(manifest.items) == 3
    assert archive.fetched == ["1.fits", "2.fits", "3.fits", "4.fits"]
    assert len(archive.queries) == searches
    archive.fetched.clear()
    archive.lost = {"3.fits"}
    (tmp_path / "data" / "downloads" / "3.fits").unlink()
    with pytest.warns(RestoreWarning, match="2 of 4 files could not be downloaded"):
        build_dataset("desaturate", None, tmp_path / "data", fido=query)
    assert archive.fetched == ["3.fits", "4.fits"]


def test_files_that_fail_are_named_and_fetched_later(archive, tmp_path):
    archive.lost = {"2.fits"}
    with pytest.warns(
        RestoreWarning, match=r"1 of 4 files could not be downloaded \(such as http://archive/2.fits: no a"
    ):
        manifest = build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    assert len(manifest.items) == 2
    archive.lost, archive.fetched = set(), []
    assert len(build_dataset("desaturate", None, tmp_path / "data", fido=AIA).items) == 3
    assert archive.fetched == ["2.fits"]


def test_a_line_that_was_not_written_to_its_end_is_ignored(archive, tmp_path):
    build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    record = tmp_path / "data" / "downloads" / "downloads.jsonl"
    record.write_text(record.read_text()[:-9])
    archive.fetched.clear()
    for count in (4, 0):
        build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
        assert len(archive.fetched) == count
        archive.fetched.clear()
    # Files of the same content are kept once
    assert sorted(path.name for path in record.parent.glob("*.fits")) == ["1.fits", "2.fits", "3.fits", "4.fits"]


def test_other_files_of_the_same_name_are_kept(archive, tmp_path, write, sample):
    image, header = sample("aia_171_quiet")
    write("data/downloads/1.fits", image[::-1], header, DATE_OBS="2013-03-01T00:00:00")
    manifest = build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    assert {item.origin for item in manifest.items} >= {"downloads/1.fits", "downloads/2-1.fits", "downloads/2.fits"}


def test_archives_without_an_answer_are_errors(archive, tmp_path, monkeypatch):
    archive.error = ConnectionError("no route")
    with pytest.raises(
        RuntimeError, match=r"4 of 4 files could not be downloaded \(such as ConnectionError: no route\)"
    ):
        build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    archive.error = ValueError("Email address is invalid or not registered")
    with pytest.raises(ValueError, match=r"JSOC refused notify=me@there.org \(Email .*registered at http"):
        build_dataset("desaturate", None, tmp_path / "data", fido=f"{AIA} archive=jsoc notify=me@there.org")
    monkeypatch.setattr(archive, "search", lambda *attrs: UnifiedResponse())
    with pytest.raises(ValueError, match=r"Found no files for the query 'time=.*; expected some"):
        build_dataset("desaturate", None, tmp_path / "data", fido=AIA)
    monkeypatch.setattr(archive, "search", lambda *attrs: 1 / 0)
    with pytest.raises(
        RuntimeError, match=r"search for 'time=.*' failed \(division by zero\). Check the query and the"
    ):
        build_dataset("desaturate", None, tmp_path / "data", fido=AIA)


def test_missing_packages_are_named(tmp_path, monkeypatch):
    monkeypatch.delattr("sunpy.net.Fido")
    with pytest.raises(RuntimeError, match=r'Run: pip install "sunpy_restore\[fido\]"'):
        build_dataset("desaturate", None, tmp_path / "data", fido=AIA)


def test_command(archive, tmp_path, capsys):
    arguments = ["dataset", "desaturate", "--out", str(tmp_path / "data")]
    assert main([*arguments, "--fido", AIA]) == 0
    assert "AIA, level 1  2      1" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "neither a folder with images nor a query" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("backproj", "pixel data of STIX, but no back-projected images"),
        ("synthesize-gan", "Give a folder with such images"),
    ],
)
def test_tasks_without_an_archive_say_why(task, reason, tmp_path):
    with pytest.raises(ValueError, match=f"No images for {task} can be downloaded: .*{reason}"):
        build_dataset(task, None, tmp_path / "data", fido="time=2021-01-01/2021-01-02")


def archive_of(task):
    return recipe_of(get_task(task)).archive


@pytest.mark.parametrize(
    ("task", "query", "expected"),
    [
        ("enhance-continuum", "time=2014-01-01/2014-01-02", [a.Instrument("HMI"), a.Physobs("intensity")]),
        (
            "enhance-magnetogram",
            "instrument=hmi time=2014-01-01/2014-01-02 sample=30min",
            [a.Instrument("HMI"), a.Physobs("LOS_magnetic_field"), a.Sample(1800 * u.s)],
        ),
        (
            "enhance-magnetogram",
            "time=2014-01-01/2014-01-02 archive=JSOC notify=me@there.org series=hmi.M_45s",
            [a.jsoc.Series("hmi.M_45s"), a.jsoc.Segment("magnetogram"), a.jsoc.Notify("me@there.org")],
        ),
        (
            "desaturate",
            "time='2014-01-01 00:00/2014-01-02' wavelength=171,19.3nm archive=jsoc notify=me@there.org",
            [
                a.jsoc.Series("aia.lev1_euv_12s"),
                a.jsoc.Segment("image"),
                a.jsoc.Notify("me@there.org"),
                a.Wavelength(171 * u.AA) | a.Wavelength(193 * u.AA),
            ],
        ),
        (
            "inpaint",
            "time=2014-01-01/2014-01-02 detector=c2,C3 level=0.5",
            [a.Instrument("LASCO"), a.Physobs("intensity"), a.Detector("C2") | a.Detector("C3"), a.Level("0.5")],
        ),
    ],
)
def test_queries_of_the_tasks(task, query, expected):
    archive = archive_of(task)
    time, *others = attributes(parse_query(query, archive), archive)
    assert time == a.Time("2014-01-01", "2014-01-02")
    assert others == expected


@pytest.mark.parametrize(
    ("task", "query", "message"),
    [
        ("inpaint", "detector=C2", "Found no time in the query 'detector=C2'; expected START/END, such as"),
        ("inpaint", "time=2014-01-01/2014-01-02", "Found no detector in the query"),
        ("desaturate", "time=2014-01-01/2014-01-02", "Found no wavelength in the query .*; expected it in angstrom"),
        ("inpaint", "times=1", "Unknown key 'times' .*; expected some of instrument, time, sample, archive, detector"),
        ("inpaint", "time", "Found 'time' in the query 'time'; expected KEY=VALUE"),
        ("inpaint", "time='1", "cannot be read .*No closing quotation"),
        ("inpaint", "detector=C2 detector=C3", "Found detector twice"),
        ("inpaint", "time=2014/2015 detector=C2 instrument=aia", "Found instrument=aia in the query; expected LASCO"),
        ("inpaint", "time=2014/2015 detector=C2 archive=jsoc", "Found archive=jsoc in the query; expected vso"),
        ("inpaint", "time=2014-01-01 detector=C2", "Found time=2014-01-01 in the query; expected START/END"),
        ("inpaint", "time=2014-01-02/2014-01-01 detector=C2", "with the earlier one first"),
        ("inpaint", "time=now/then detector=C2", "Found time=now/then in the query"),
        (
            "inpaint",
            "time=2014-01-01/2014-01-02 detector=C2 sample=1",
            "Found sample=1 in the query .* it in s",
        ),
        ("inpaint", "time=2014-01-01/2014-01-02 detector=C2 sample=-1h", "expected a positive value in s"),
        ("desaturate", "time=2014-01-01/2014-01-02 wavelength=171,", "Found wavelength= in the query .* in Angstrom"),
        (
            "enhance-continuum",
            "time=2014-01-01/2014-01-02 archive=jsoc",
            "Found no notify in the query .*; expected an e-mail address .* at JSOC, .* Register it at http",
        ),
        ("enhance-continuum", "time=2014-01-01/2014-01-02 archive=jsoc notify=me", "Found notify=me in the query"),
        ("enhance-continuum", "time=2014-01-01/2014-01-02 notify=me@a.b", "expected it with archive=jsoc only"),
    ],
)
def test_errors_of_queries_say_what_is_expected(task, query, message):
    archive = archive_of(task)
    with pytest.raises(ValueError, match=message):
        attributes(parse_query(query, archive), archive)


@pytest.mark.remote_data
@pytest.mark.parametrize(
    ("task", "query"),
    [
        ("desaturate", "time=2014-10-26T10:00/2014-10-26T10:01 wavelength=193"),
        ("enhance-continuum", "time=2014-10-26T10:00/2014-10-26T10:10"),
        ("enhance-magnetogram", "time=2014-10-26T10:00/2014-10-26T10:10"),
        ("inpaint", "time=2010-01-12T00:00/2010-01-12T12:00 detector=C2"),
    ],
)
def test_archives_know_the_queries(task, query):
    from sunpy.net import Fido

    archive = archive_of(task)
    assert Fido.search(*attributes(parse_query(query, archive), archive)).file_num > 0
