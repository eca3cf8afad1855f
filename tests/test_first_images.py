"""
The pages of the functions begin with an example that runs from the query of an archive to the saved file.

The answers of the archives to these queries are recorded in ``tests/recordings``. This asks the archives again:

    pytest tests/test_first_images.py -k record --remote-data=any
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("zeep")

import drms
import matplotlib.pyplot as plt
import pandas as pd
from parfive import Results

import astropy.units as u
from astropy.table import Table

import sunpy.map
from sunpy.net import attrs as a
from sunpy.net.attr import AttrAnd, SimpleAttr, and_
from sunpy.net.jsoc import JSOCClient
from sunpy.net.jsoc.attrs import walker as jsoc_walker
from sunpy.net.vso import VSOClient

import sunpy_restore
from sunpy_restore.data import sample_path

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
SECTION = re.compile(r"^A first image\n=+\n(.*?)^[^\n]+\n==+\n", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^\.\. (code-block:: python|plot::)\n\n((?:    [^\n]*\n|\n)+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(not GUIDE.is_dir(), reason="docs are not here: the tests are not in a clone")

SAMPLES = {
    "enhance": "hmi_magnetogram",
    "desaturate": "aia_193_flare",
    "inpaint": "lasco_c3_cme",
    "backproj_to_clean": "stix_flare",
}
"""The sample that the query of each page finds."""
RECORDINGS = Path(__file__).parent / "recordings"


def blocks(function):
    """The code of the first section: the query, unless there is none, the figure, and the saving."""
    (section,) = SECTION.findall((GUIDE / f"{function}.rst").read_text(encoding="utf-8"))
    return [re.sub("^    ", "", code, flags=re.MULTILINE) for _, code in BLOCK.findall(section)]


class Archive:
    """An archive that has one file, a sample."""

    def __init__(self, sample):
        self.path, self.attrs, self.fetched = sample_path(sample), (), None

    def search(self, *attrs):
        self.attrs = attrs
        return Table({"fileid": [self.path.name]})

    def fetch(self, table):
        self.fetched = table["fileid"][0]
        return Results([str(self.path)])

    def one(self, kind):
        """The value of the attribute of a kind."""
        (attr,) = (attr for attr in self.attrs if isinstance(attr, kind))
        return attr.value if isinstance(attr, SimpleAttr) else attr


@pytest.fixture
def archive_of(monkeypatch, tmp_path):
    """``archive_of(function)``: what sunpy finds in place of Fido, in an empty folder."""

    def make(function):
        archive = Archive(SAMPLES[function])
        monkeypatch.setattr("sunpy.net.Fido", archive)
        return archive

    monkeypatch.chdir(tmp_path)
    yield make
    plt.close("all")


def run(function, code=None):
    names = {}
    for block in blocks(function) if code is None else code:
        exec(compile(block, function, "exec"), names)
    return names


def test_every_function_has_an_example():
    assert {task.name for task in sunpy_restore.tasks.FUNCTIONS} == {*SAMPLES, "synthesize_granulation"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Missing metadata", "ignore:FigureCanvasAgg", "ignore:.*uses uniform weights")
@pytest.mark.parametrize("function", [name for name in SAMPLES if name != "backproj_to_clean"])
def test_archive_to_file(function, archive_of, tmp_path):
    """The figure begins with the file that the query finds; its result is saved and read again."""
    archive = archive_of(function)
    query, figure, saving = blocks(function)
    found = run(function, [query])
    assert archive.fetched == archive.path.name
    (opened,) = (value for value in found.values() if isinstance(value, sunpy.map.GenericMap))
    names = run(function, [figure, saving])
    (path,) = tmp_path.iterdir()
    loaded = sunpy_restore.load(path)
    assert loaded.meta["restored"]
    assert any(
        isinstance(value, sunpy.map.GenericMap) and np.array_equal(value.data, opened.data) for value in names.values()
    )
    assert len(plt.get_fignums()) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg", "ignore:.*uses uniform weights")
@pytest.mark.parametrize("function", ["backproj_to_clean", "synthesize_granulation"])
def test_figure_to_file(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(function, blocks(function)[-2:])
    (path,) = tmp_path.iterdir()
    assert sunpy_restore.load(path).meta["rstmeth"]
    plt.close("all")


@pytest.mark.parametrize("function", list(SAMPLES))
def test_query_finds_the_sample(function, archive_of, monkeypatch):
    if function == "backproj_to_clean":
        client(monkeypatch)
    archive = archive_of(function)
    run(function, blocks(function)[:1])
    time = archive.one(a.Time)
    smap = sunpy.map.Map(archive.path)
    assert time.start <= smap.date <= time.end
    assert time.end - time.start < 21 * u.min
    if function != "enhance":
        names = f"{smap.meta.get('instrume')} {smap.meta.get('telescop')}".upper()
        assert archive.one(a.Instrument).upper() in names


@pytest.mark.parametrize("function", ["desaturate", "inpaint"])
def test_observatory_understands_the_query(function, archive_of):
    archive = archive_of(function)
    run(function, blocks(function)[:1])
    assert VSOClient._can_handle_query(*archive.attrs)
    assert not JSOCClient._can_handle_query(*archive.attrs)
    if function == "desaturate":
        assert archive.one(a.Wavelength).min == archive.one(a.Wavelength).max == 193 * u.AA
    else:
        assert archive.one(a.Detector).upper() == "C3"


def test_jsoc_understands_the_query(archive_of, monkeypatch):
    """The record set is that of the sample, and the cutout has its field of view."""
    archive = archive_of("enhance")
    run("enhance", blocks("enhance")[:1])
    assert JSOCClient._can_handle_query(*archive.attrs)
    assert not VSOClient._can_handle_query(*archive.attrs)
    query = and_(*archive.attrs)
    assert isinstance(query, AttrAnd)
    (request,) = jsoc_walker.create(query)

    # What JSOC says of the series
    keys = ["T_REC", "CAMERA"]
    series = SimpleNamespace(primekeys=keys, keywords=pd.DataFrame({"is_time": [True, False]}, index=keys))
    monkeypatch.setattr(drms.Client, "info", lambda *arguments: series)
    monkeypatch.setattr(drms.Client, "keys", lambda *arguments: [])
    found = JSOCClient()._make_recordset(**request)
    expected = r"hmi\.M_45s\[(2011\.02\.14_.*_TAI)-(2011\.02\.14_.*_TAI)\]\{magnetogram\}"
    first, last = re.fullmatch(expected, found).groups()
    smap = sunpy.map.Map(archive.path)
    assert first < smap.meta["t_rec"] < last
    cutout = archive.one(a.jsoc.Cutout).value
    middle = smap.wcs.pixel_to_world(*[(side - 1) / 2 for side in smap.data.shape])
    assert abs(cutout["x"] - middle.Tx.value) < 1
    assert abs(cutout["y"] - middle.Ty.value) < 1
    assert abs(cutout["width"] - smap.data.shape[1] * smap.scale.axis1.value) < 2


def client(monkeypatch):
    """The attributes that stixpy adds to those of sunpy."""
    for name in ("stixpy", "stixpy.net", "stixpy.net.client"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    class DataProduct(SimpleAttr):
        """Kind of a file."""

    DataProduct.sci_xray_cpd = DataProduct("sci_xray_cpd")
    added = ModuleType("stix")
    added.DataProduct = DataProduct
    monkeypatch.setattr(a, "stix", added, raising=False)
    monkeypatch.setattr(a.Instrument, "stix", a.Instrument("STIX"), raising=False)


def test_stix_archive_is_asked_for_pixel_data(archive_of, monkeypatch):
    client(monkeypatch)
    archive = archive_of("backproj_to_clean")
    run("backproj_to_clean", blocks("backproj_to_clean")[:1])
    assert archive.one(a.Instrument) == "STIX"
    assert archive.one(a.stix.DataProduct) == "sci_xray_cpd"


class Recorder:
    """What the archives themselves find, whose files are a sample."""

    def __init__(self, fido, sample):
        self.fido, self.path, self.found = fido, sample_path(sample), None

    def search(self, *attrs):
        self.found = self.fido.search(*attrs)
        return self.found

    def fetch(self, found):
        assert found is self.found
        return Results([str(self.path)])


def answers(function, cassette, mode, monkeypatch):
    """Tables of what the archives answer to the query of a page, recorded or read from a file of vcrpy."""
    vcr = pytest.importorskip("vcr")
    if function == "backproj_to_clean":
        pytest.importorskip("stixpy.net.client")
    recorder = Recorder(sunpy.net.Fido, SAMPLES[function])
    monkeypatch.setattr("sunpy.net.Fido", recorder)
    options = {"decode_compressed_response": True, "filter_query_parameters": ["notify"]}
    with vcr.use_cassette(str(cassette), record_mode=mode, **options):
        run(function, blocks(function)[:1])
    return [table for table in recorder.found if len(table)]


def check_answer(function, tables):
    """The query of a page finds the sample; only the STIX archive has files that are longer than the query."""
    (table,) = tables
    assert len(table) == 1 or function == "backproj_to_clean"
    smap = sunpy.map.Map(sample_path(SAMPLES[function]))
    if function == "enhance":
        assert list(table["T_REC"]) == [smap.meta["t_rec"]]
    else:
        assert any(start - 1 * u.min < smap.date < end + 1 * u.min for start, end in table["Start Time", "End Time"])


@pytest.mark.remote_data
@pytest.mark.parametrize("function", list(SAMPLES))
def test_record(function, tmp_path, monkeypatch):
    """A recording is only replaced by one in which the archive finds the sample."""
    new = tmp_path / f"{function}.yaml"
    check_answer(function, answers(function, new, "all", monkeypatch))
    RECORDINGS.mkdir(exist_ok=True)
    new.replace(RECORDINGS / new.name)


@pytest.mark.parametrize("function", list(SAMPLES))
def test_recorded_answer(function, monkeypatch):
    path = RECORDINGS / f"{function}.yaml"
    if not path.is_file():
        pytest.skip(f"{path.name} was not recorded yet: see the top of this file")
    check_answer(function, answers(function, path, "none", monkeypatch))


class Jsoc(BaseHTTPRequestHandler):
    """Answers of JSOC to a search, from the header of the sample."""

    asked = ()

    def do_GET(self):
        type(self).asked += (self.path,)
        record = sunpy.map.Map(sample_path(SAMPLES["enhance"])).meta["t_rec"]
        keys = {"T_REC": record, "CAMERA": "2"}
        text = {"type": "string", "units": "", "note": "", "defval": ""}
        answer = {"status": 0, "primekeys": list(keys), "dbindex": [], "interval": {}, "links": []}
        answer["keywords"] = [{"name": key} | text for key in keys]
        answer["segments"] = [{"name": "magnetogram", "protocol": "fits", "dims": "4096x4096"} | text]
        if "rs_list" in self.path:
            answer = {"status": 0, "count": 1, "keywords": [{"name": k, "values": [v]} for k, v in keys.items()]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        pass


def test_recording_needs_no_archive_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(Jsoc, "asked", ())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Jsoc)
    thread = Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/jsoc_info"
    monkeypatch.setitem(drms.config._server_configs["jsoc"].to_dict(), "url_jsoc_info", address)
    try:
        first = answers("enhance", tmp_path / "enhance.yaml", "all", monkeypatch)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    check_answer("enhance", first)
    asked = Jsoc.asked
    assert len(asked) > 1
    monkeypatch.setattr("sunpy.net.Fido", sunpy.net.Fido.fido)
    again = answers("enhance", tmp_path / "enhance.yaml", "none", monkeypatch)
    assert [table.pformat() for table in again] == [table.pformat() for table in first]
    assert Jsoc.asked == asked
