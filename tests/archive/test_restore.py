"""Many files are restored as one by one, and not again."""

import gzip
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from frames import SIDE, check_folder, doubled, make_frames

import astropy.units as u
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

import sunpy.map

import sunpy_restore
from sunpy_restore import filled, load, measure, restore_archive
from sunpy_restore.archive.sinks import KEYWORD
from sunpy_restore.archive.zarrstore import open_frames
from sunpy_restore.data import sample_path

FLARE, SPOT, SAMPLE = (sample_path(name) for name in ("aia_193_flare", "hmi_continuum_spot", "hmi_magnetogram"))


@pytest.fixture
def source(tmp_path):
    make_frames(tmp_path / "in", 4)
    return tmp_path / "in"


def counts(report):
    return report.restored, report.done, len(report.failed)


def test_each_file_is_restored_once(source, tmp_path):
    report = restore_archive(doubled, source, tmp_path / "out")
    assert counts(report) == (4, 0, 0)
    check_folder(tmp_path / "out", 4)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.fits")}
    assert counts(restore_archive(doubled, source, tmp_path / "out")) == (0, 4, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.fits")} == before
    table = report.table()
    assert list(table["source"]) == [str(source / f"{index:05d}.fits") for index in range(4)]
    assert set(table["state"]) == {"done"}


def test_the_rest_is_done(source, tmp_path):
    out = tmp_path / "out"
    restore_archive(doubled, sorted(source.iterdir())[:2], out)
    assert counts(restore_archive(doubled, source, out)) == (2, 2, 0)
    (out / "00001_doubled.fits").unlink()
    assert counts(restore_archive(doubled, source, out)) == (1, 3, 0)
    # Results that are complete are recognised without the ledger
    (out / "ledger.sqlite").unlink()
    assert counts(restore_archive(doubled, source, out)) == (0, 4, 0)
    check_folder(out, 4)


def test_truncated_results_are_not_done(source, tmp_path):
    out = tmp_path / "out"
    restore_archive(doubled, source, out)
    # As a copy of the folder without its ledger may end
    (out / "ledger.sqlite").unlink()
    path = out / "00001_doubled.fits"
    path.write_bytes(path.read_bytes()[:-2880])
    report = restore_archive(doubled, source, out)
    assert counts(report) == (0, 3, 1)
    assert "overwrite=True" in report.failed[str(source / "00001.fits")]
    assert counts(restore_archive(doubled, source, out, overwrite=True)) == (1, 3, 0)
    check_folder(out, 4)


@pytest.mark.parametrize("sink", ["out", "out.zarr"])
def test_other_content_is_not_done(source, tmp_path, sink):
    restore_archive(doubled, source, tmp_path / sink)
    changed = source / "00002.fits"
    header = fits.getheader(changed)
    fits.writeto(changed, np.full((SIDE, SIDE), 77, "f4"), header, overwrite=True)
    os.utime(changed, ns=(1, 1))
    report = restore_archive(doubled, source, tmp_path / sink)
    assert counts(report) == (0, 3, 1)
    assert "is no result of this source" in report.failed[str(changed)]
    assert counts(restore_archive(doubled, source, tmp_path / sink, skip_existing=True)) == (0, 3, 0)
    assert counts(restore_archive(doubled, source, tmp_path / sink, overwrite=True)) == (1, 3, 0)
    if sink == "out":
        assert (fits.getdata(tmp_path / sink / "00002_doubled.fits") == 154).all()
    else:
        assert float(open_frames(tmp_path / sink)[2].data.max()) == 154


def test_other_options_and_weights_are_not_done(tmp_path):
    out = tmp_path / "out"
    options = {"method": "richardson-lucy"}
    assert counts(restore_archive("enhance", SPOT, out, **options)) == (1, 0, 0)
    assert counts(restore_archive(sunpy_restore.enhance, SPOT, out, **options, device="cpu")) == (0, 1, 0)
    for other in ({"method": "bicubic"}, {}, {"weights": "compact"}, options | {"uncertainty": True}):
        report = restore_archive("enhance", SPOT, out, **other)
        assert counts(report) == (0, 0, 1)
        assert "with these options" in report.failed[str(SPOT)]
    with pytest.raises(ValueError, match="no-such-weights"):
        restore_archive("enhance", SPOT, out, weights="no-such-weights")


def test_failures_are_listed_and_tried_again(source, tmp_path):
    (source / "00001.fits").write_text("no image")
    report = restore_archive(doubled, source, tmp_path / "out")
    assert counts(report) == (3, 0, 1)
    assert "does not open as a Map" in report.failed[str(source / "00001.fits")]
    assert "00001.fits: " in str(report)
    assert list(report.table()["state"]) == ["done", "failed", "done", "done"]
    header = fits.getheader(source / "00000.fits")
    fits.writeto(source / "00001.fits", np.full((SIDE, SIDE), 1, "f4"), header, overwrite=True)
    assert counts(restore_archive(doubled, source, tmp_path / "out")) == (1, 3, 0)
    check_folder(tmp_path / "out", 4)


def test_results_are_those_of_the_function(tmp_path):
    report = restore_archive("desaturate", [FLARE], tmp_path / "out", method="biharmonic")
    expected = sunpy_restore.desaturate(sunpy.map.Map(FLARE), method="biharmonic")
    found = load(tmp_path / "out" / "aia_193_flare_desaturate.fits")
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(filled(found), filled(expected))
    assert found.meta.pop(KEYWORD)
    assert found.meta.keys() == expected.meta.keys()
    assert report.failed == {}


def test_zarr_stores_have_what_the_maps_have(tmp_path):
    pytest.importorskip("zarr")
    twin = tmp_path / "twin.fits"
    twin.write_bytes(SPOT.read_bytes())
    store = tmp_path / "out.zarr"
    options = {"method": "bicubic"}
    assert counts(restore_archive("enhance", [SPOT, twin], store, **options, uncertainty=True)) == (2, 0, 0)
    expected = sunpy_restore.enhance(sunpy.map.Map(SPOT), **options, uncertainty=True)
    for smap in open_frames(store):
        assert smap.data.chunks is not None
        assert type(smap) is type(expected)
        np.testing.assert_array_equal(smap.data.compute(), expected.data)
        np.testing.assert_array_equal(smap.uncertainty.array, expected.uncertainty.array.astype("f4"))
        assert u.allclose(measure(smap).flux_error, measure(expected).flux_error, rtol=1e-4)
        assert (smap.mask is None) == (expected.mask is None)
        assert smap.meta["rstmeth"] == "bicubic"
        assert u.allclose(smap.scale.axis1, expected.scale.axis1)
    # Another shape does not fit, and is no reason to stop
    report = restore_archive("enhance", [SPOT, twin, SAMPLE], store, **options, uncertainty=True)
    assert counts(report) == (0, 2, 1)
    assert "expected (256, 256)" in report.failed[str(SAMPLE)]
    assert len(open_frames(store)) == 2


def test_zarr_stores_grow(source, tmp_path):
    pytest.importorskip("zarr")
    store = tmp_path / "out.zarr"
    restore_archive(doubled, [source / "00003.fits"], store)
    restore_archive(doubled, source, store)
    assert [float(smap.data.max()) for smap in open_frames(store)] == [6, 0, 2, 4]


def test_filled_pixels_of_zarr_stores(tmp_path):
    pytest.importorskip("zarr")
    restore_archive("desaturate", FLARE, tmp_path / "out.zarr", method="biharmonic")
    (found,) = open_frames(tmp_path / "out.zarr")
    expected = sunpy_restore.desaturate(sunpy.map.Map(FLARE), method="biharmonic")
    np.testing.assert_array_equal(filled(found), filled(expected))


def test_folders_and_names_are_kept(source, tmp_path):
    (source / "2014").mkdir()
    (source / "00003.fits").rename(source / "2014" / "00003.fits")
    # Results inside of the source are no sources
    for _ in range(2):
        restore_archive(doubled, source, source / "out")
    names = sorted(path.relative_to(source / "out").as_posix() for path in (source / "out").rglob("*.fits"))
    assert names == [*(f"{index:05d}_doubled.fits" for index in range(3)), "2014/00003_doubled.fits"]


@pytest.mark.parametrize("compressed", [False, True])
def test_of_two_sources_of_one_result_the_second_is_not_restored(source, tmp_path, compressed):
    """The others are restored, and the result stays that of the first one."""
    if compressed:
        second, given = source / "00001.fits.gz", source
        second.write_bytes(gzip.compress((source / "00002.fits").read_bytes()))
    else:
        second = tmp_path / "00001.fits"
        second.write_bytes((source / "00002.fits").read_bytes())
        given = [source, second]
    for number in (4, 0):
        report = restore_archive(doubled, given, tmp_path / "out")
        assert counts(report) == (number, 4 - number, 1)
        assert f"would be written to 00001_doubled.fits, as {source / '00001.fits'}" in report.failed[str(second)]
        check_folder(tmp_path / "out", 4)


def test_no_source_is_replaced(source):
    (source / "00000.fits").rename(source / "00001_doubled.fits")
    with pytest.raises(ValueError, match="is an input"):
        restore_archive(doubled, [*source.iterdir()], source, overwrite=True)


def test_warnings_name_the_file(tmp_path):
    dark = tmp_path / "dark.fits"
    observed = sunpy.map.Map(FLARE)
    sunpy.map.Map(np.minimum(observed.data, 100), observed.meta).save(dark)
    with pytest.warns(sunpy_restore.RestoreWarning, match="dark.fits: "):
        restore_archive("desaturate", dark, tmp_path / "out")
    # Nothing was restored; the archive is complete all the same
    assert (tmp_path / "out" / "dark_desaturate.fits").exists()


def test_wrong_arguments(source, tmp_path):
    with pytest.raises(ValueError, match="Unknown function 'magic'; expected one of enhance"):
        restore_archive("magic", source, tmp_path / "out")
    with pytest.raises(TypeError, match="expected one of enhance"):
        restore_archive(3, source, tmp_path / "out")
    for sink, message in (
        (tmp_path / "a.fits", "expected a folder"),
        ("s3://bucket/out", "URL"),
        (3, "expected a folder"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            restore_archive(doubled, source, sink)
    with pytest.raises(ValueError, match="only one of them"):
        restore_archive(doubled, source, tmp_path / "out", workers=1, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ValueError, match="workers=0"):
        restore_archive(doubled, source, tmp_path / "out", workers=0)


def test_keys_do_not_depend_on_the_process():
    from sunpy_restore.archive.identity import settings_of

    options = {"mask": np.eye(2, dtype=bool), "noise": 3 * u.G, "path": Path("a"), "many": [1, (2.5, None)]}
    assert settings_of("f", (), options) == settings_of("f", (), dict(reversed(options.items())))
    for name, other in {"mask": np.eye(3, dtype=bool), "noise": 3 * u.T, "path": Path("b"), "many": [1]}.items():
        assert settings_of("f", (), options | {name: other}) != settings_of("f", (), options)
    assert settings_of("f", (), {"image": sunpy.map.Map(SPOT)}) == settings_of("f", (), {"image": sunpy.map.Map(SPOT)})


def test_results_next_to_their_sources_are_no_sources(source):
    for pattern in ("", "/*.fits"):
        restore_archive(doubled, f"{source}{pattern}", source)
        assert counts(restore_archive(doubled, f"{source}{pattern}", source)) == (0, 4, 0)
    check_names = {f"{index:05d}{end}.fits" for index in range(4) for end in ("", "_doubled")}
    assert {path.name for path in source.glob("*.fits")} == check_names


def test_a_file_that_is_no_result_is_not_lost(source):
    precious = source / "00000_doubled.fits"
    precious.write_bytes((source / "00001.fits").read_bytes())
    with pytest.raises(ValueError, match="is an input, which would be lost"):
        restore_archive(doubled, source, source)


def test_a_file_given_twice_is_restored_once(source, tmp_path):
    twice = [source / "00000.fits", str(source / ".." / "in" / "00000.fits")]
    assert counts(restore_archive(doubled, twice, tmp_path / "out")) == (1, 0, 0)


def test_suffixes_in_capitals_are_suffixes(source, tmp_path):
    (source / "00000.fits").rename(source / "00000.FITS")
    restore_archive(doubled, source / "00000.FITS", tmp_path / "out")
    assert (tmp_path / "out" / "00000_doubled.fits").exists()


def reported(smap):
    """Doubles an image, and warns as astropy does of a header."""
    for text in ("Verification reported errors:", "    Unfixable error: a card\n", "Note: indices begin with zero.\n"):
        warnings.warn(text, VerifyWarning, stacklevel=2)
    return doubled(smap)


def test_a_report_on_a_header_is_one_warning(source, tmp_path):
    with pytest.warns(sunpy_restore.RestoreWarning, match="FITS header: Unfixable error: a card$") as caught:
        restore_archive(reported, source / "00000.fits", tmp_path / "out")
    assert len(caught) == 1


def test_existing_results_are_replaced_or_kept(tmp_path):
    with pytest.raises(ValueError, match="overwrite=True and skip_existing=True; expected at most one"):
        restore_archive("enhance", tmp_path, tmp_path / "out", overwrite=True, skip_existing=True)


def test_other_files_are_kept_and_do_not_stop_the_others(source, tmp_path):
    other = tmp_path / "out" / "00002_doubled.fits"
    other.parent.mkdir()
    other.write_bytes(b"precious")
    for number in (3, 0):
        report = restore_archive(doubled, source, tmp_path / "out")
        assert counts(report) == (number, 3 - number, 1)
        assert f"{other} exists, and is no result" in report.failed[str(source / "00002.fits")]
        assert other.read_bytes() == b"precious"
    assert counts(restore_archive(doubled, source, tmp_path / "out", overwrite=True)) == (1, 3, 0)
    check_folder(tmp_path / "out", 4)
