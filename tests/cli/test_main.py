import functools
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import astropy.units as u
from astropy.io import fits

import sunpy.map

import sunpy_restore
from sunpy_restore import filled, load, synthesize_granulation
from sunpy_restore.cli.main import main
from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.core.uncertainty import errorfile
from sunpy_restore.core.weights import registry
from sunpy_restore.core.weights.store import available, default_for, locate, write
from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength
from sunpy_restore.enhancement.optics.forward import reconvolve
from sunpy_restore.granulation.statistics import reference_statistics
from sunpy_restore.tasks import FUNCTIONS, all_tasks

SAMPLE = sample_path("hmi_magnetogram")
SPOT = sample_path("hmi_continuum_spot")
FLARE = sample_path("aia_193_flare")
CORONA = sample_path("lasco_c3_cme")
TASKS = all_tasks()


@pytest.fixture
def networks(monkeypatch, tmp_path_factory):
    """A registry of its own with the default weights of every task, as far as they are on this machine."""
    folder = tmp_path_factory.mktemp("networks")
    defaults = {entry.file: path for entry in available() if entry.default and (path := locate(entry)) is not None}
    for name, path in defaults.items():
        (folder / name).symlink_to(path)
    text = registry.REGISTRY.read_text(encoding="utf-8").replace('"../../data/weights"', json.dumps(str(folder)))
    heads = re.split(r"^(?=\[weights\.)", text, flags=re.MULTILINE)
    kept = [part for part in heads[1:] if re.search('file = "(.*)"', part)[1] in defaults]
    # All of them in the one folder, as those of the package are
    text = "".join([heads[0], *kept]).replace('kind = "full"', 'kind = "compact"')
    (folder / "registry.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(registry, "REGISTRY", folder / "registry.toml")
    return folder


def default_name(task):
    """Name of the default weights of a task in the registry."""
    return default_for(task.name).name


@pytest.fixture
def run(capsys):
    """Run the command line: exit code, output, errors."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fails(run):
    """Run the command line, which has to fail with one line that has all the given texts."""

    def fails(*arguments, texts, code=1):
        found, out, err = run(*arguments)
        assert found == code, err
        assert err.startswith("sunpy-restore: error: ")
        assert len(err.splitlines()) == 1, err
        for text in texts:
            assert str(text) in err
        return out

    return fails


def bicubic(*inputs):
    return ["enhance", *inputs, "--method", "bicubic"]


def test_help_lists_all_commands(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for command in (
        "demo",
        "enhance",
        "desaturate",
        "inpaint",
        "backproj_to_clean",
        "report",
        "synthesize",
        "train",
        "weights",
    ):
        assert f"\n    {command}" in out


@pytest.mark.parametrize(
    "command",
    [
        ["enhance"],
        ["desaturate"],
        ["inpaint"],
        ["backproj_to_clean"],
        ["demo"],
        ["synthesize"],
        ["train"],
        ["evaluate"],
        ["weights"],
        ["weights", "fetch"],
    ],
)
def test_every_command_has_help(run, command):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: sunpy-restore {' '.join(command)} ")


def test_version(run):
    assert run("--version") == (0, f"sunpy-restore {sunpy_restore.__version__}\n", "")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_help_lists_methods_and_options(run, function):
    command = "synthesize" if function.name == "synthesize_granulation" else function.name.replace("_", "-")
    out = run(command, "--help")[1]
    for option in getattr(function, "options", ()):
        assert f"--{option.name}" in out
    if hasattr(function, "options"):
        assert f"{{{','.join(function.methods)}}}" in out.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["enhance"],
        ["enhance", "a.fits"],
        ["train", "enhance-continuum"],
        ["evaluate", "backproj"],
        ["evaluate", "backproj", "--data", "D", "--observations", "D"],
        ["weights"],
        ["demo", "--x"],
    ],
)
def test_usage(fails, arguments):
    fails(*arguments, texts=["--help"], code=2)


def test_enhances_a_file_as_python_does(run, tmp_path):
    target = tmp_path / "new" / "enhanced.fits"
    code, out, err = run(*bicubic(SAMPLE), "-o", target)
    assert (code, out, err) == (0, f"{target}\n", "")
    found = sunpy.map.Map(target)
    expected = sunpy_restore.enhance(sunpy.map.Map(SAMPLE), method="bicubic")
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.meta["rstmeth"] == "bicubic"
    assert [path.name for path in target.parent.iterdir()] == ["enhanced.fits"]


def test_the_uncertainty_for_a_share_of_the_truth(run, fails, tmp_path):
    target = tmp_path / "enhanced.fits"
    assert run(*bicubic(SAMPLE), "-o", target, "--coverage", "0.95")[0] == 0
    found = sunpy_restore.load(target)
    expected = sunpy_restore.enhance(sunpy.map.Map(SAMPLE), method="bicubic", uncertainty=0.95)
    np.testing.assert_array_equal(found.uncertainty.array, expected.uncertainty.array)
    assert found.meta["rstcover"] == 0.95
    assert run(*bicubic(SAMPLE), "-o", target, "--coverage", "0.680", "--overwrite")[0] == 0
    assert sunpy_restore.load(target).meta["rstcover"] == 0.68
    fails(*bicubic(SAMPLE), "-o", tmp_path / "no.fits", "--coverage", "0.9", texts=["'0.9'", "0.68 or 0.95"], code=2)
    fails(*bicubic(SAMPLE), "-o", tmp_path / "no.fits", "--coverage", "x", texts=["'x'", "0.68 or 0.95"], code=2)


def test_new_folders_of_one_result_end_with_a_slash(run, fails, tmp_path):
    fails(*bicubic(SAMPLE), "-o", tmp_path / "new", texts=[f"End the name of a new folder with {os.sep}"])
    assert run(*bicubic(SAMPLE), "-o", f"{tmp_path / 'new'}/")[0] == 0
    assert (tmp_path / "new/hmi_magnetogram_enhance.fits").is_file()


def test_calibrations_without_shares_name_the_options(fails, tmp_path, monkeypatch):
    models_of = errorfile._models_of

    def without_shares(method):
        return {name: replace(model, ratios={}) for name, model in models_of(method).items()}

    monkeypatch.setattr(errorfile, "_models_of", without_shares)
    texts = ["Found a share of 0.95; expected --uncertainty, because the errors of bicubic"]
    fails(*bicubic(SAMPLE), "-o", tmp_path / "no.fits", "--coverage", "0.95", texts=texts)


def test_network_of_the_registry_and_of_a_file(run, networks, tmp_path):
    assert run("enhance", SAMPLE, "-o", tmp_path / "default.fits", "--device", "cpu")[0] == 0
    entry = default_for("enhance-magnetogram")
    weights = entry.folder / entry.file
    assert run("enhance", SAMPLE, "-o", tmp_path / "file.fits", "--weights", weights)[0] == 0
    default, file = (sunpy.map.Map(tmp_path / f"{name}.fits") for name in ("default", "file"))
    assert default.meta["rstmodel"] == entry.name
    assert file.meta["rstmodel"] == weights.name
    assert default.meta["rstsha"] == file.meta["rstsha"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    np.testing.assert_array_equal(default.data, file.data)


@pytest.mark.slow
def test_inpaints_a_file_as_python_does(run, networks, tmp_path):
    target, lost = tmp_path / "inpainted.fits", tmp_path / "lost.fits"
    observed = sunpy.map.Map(CORONA)
    observed.data[320:352, 640:704] = 0
    observed.save(lost)
    assert run("inpaint", lost, "-o", target, "--device", "cpu") == (0, f"{target}\n", "")
    found, expected = sunpy.map.Map(target), sunpy_restore.inpaint(observed)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found.data, expected.data)
    changed = found.data != observed.data
    assert changed.sum() == filled(expected).sum() == 2048
    later = sample_path("lasco_c3_later")
    options = ("-o", target, "--overwrite", "--neighbours", later, "--method", "temporal")
    assert run("inpaint", lost, *options) == (0, f"{target}\n", "")
    expected = sunpy_restore.inpaint(observed, neighbours=sunpy.map.Map(later), method="temporal")
    np.testing.assert_array_equal(sunpy.map.Map(target).data, expected.data)
    assert run("inpaint", lost, *options, "--texture")[0] == 0
    added = (sunpy.map.Map(target).data - expected.data)[filled(expected)]
    assert added.std() > 1


@pytest.mark.slow
def test_desaturates_a_file_as_python_does(run, networks, tmp_path):
    target = tmp_path / "desaturated.fits"
    assert run("desaturate", FLARE, "-o", target, "--device", "cpu") == (0, f"{target}\n", "")
    observed, found = sunpy.map.Map(FLARE), sunpy.map.Map(target)
    expected = sunpy_restore.desaturate(observed)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found.data, expected.data)
    assert (found.data > 1.2 * observed.data.max()).any()
    assert found.meta["rstmeth"] == "network+diffraction"
    assert run("desaturate", FLARE, "-o", target, "--consistency", "none", "--overwrite")[0] == 0
    assert sunpy.map.Map(target).meta["rstmeth"] == "network"


def test_mask_of_a_file(run, fails, tmp_path):
    observed = sunpy.map.Map(FLARE)
    mask = np.zeros(observed.data.shape, dtype=bool)
    mask[40:44, 100:110] = True
    np.save(tmp_path / "mask.npy", mask)
    target = tmp_path / "filled.fits"
    options = ["--method", "biharmonic", "-o", target]
    assert run("desaturate", FLARE, "--mask", tmp_path / "mask.npy", *options)[0] == 0
    changed = sunpy.map.Map(target).data != observed.data
    assert changed.any()
    assert not changed[~mask].any()
    options += ["--overwrite"]
    fails("desaturate", FLARE, "--mask", tmp_path / "nowhere.npy", *options, texts=["nowhere.npy", "no such file"])
    np.save(tmp_path / "mask.npy", mask[1:])
    fails("desaturate", FLARE, "--mask", tmp_path / "mask.npy", *options, texts=[FLARE, "(200, 200)", "(199, 200)"])
    fails("desaturate", FLARE, "--consistency", "magic", *options, texts=["magic", "diffraction"], code=2)
    fails("enhance", SAMPLE, "--mask", tmp_path / "mask.npy", "-o", target, texts=["--mask"], code=2)


def test_several_files_go_to_a_folder(run, tmp_path):
    code, out, _ = run(*bicubic(SAMPLE, SPOT), "-o", tmp_path / "out")
    assert code == 0
    names = ["hmi_magnetogram_enhance.fits", "hmi_continuum_spot_enhance.fits"]
    assert [Path(line).name for line in out.splitlines()] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*names, "ledger.sqlite"])
    assert sunpy.map.Map(tmp_path / "out" / names[1]).data.shape == (256, 256)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("key", ["history", "comment"])
def test_a_tab_in_a_commentary_card_is_not_reported(run, tmp_path, key):
    """Real LASCO files have one, which changes nothing and which astropy reports in four warnings."""
    corona, file = sunpy.map.Map(CORONA), tmp_path / "tab.fits"
    header = corona.fits_header
    header[key] = "offset_bias.pro #1.23"
    fits.writeto(file, corona.data, header)
    file.write_bytes(file.read_bytes().replace(b"offset_bias.pro #", b"offset_bias.pro \t"))
    code, _, err = run("inpaint", file, "-o", tmp_path / "filled.fits", "--method", "radial")
    assert code == 0
    assert [line for line in err.splitlines() if "missing pixels" not in line] == []


def test_a_reader_that_closes_the_pipe_is_no_error():
    """The code differs from those of an error and of a flagged report."""
    arguments = [sys.executable, "-m", "sunpy_restore", "weights", "list"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_one_file_into_a_folder(run, tmp_path):
    (tmp_path / "old").mkdir()
    for folder in (tmp_path / "old", f"{tmp_path}/new/"):
        assert run(*bicubic(SAMPLE), "-o", folder)[0] == 0
        assert (Path(folder) / "hmi_magnetogram_enhance.fits").is_file()


def test_workers_are_for_several_files(fails, tmp_path):
    fails(*bicubic(SAMPLE), "-o", tmp_path / "e.fits", "--workers", "3", texts=["--workers", "several files or a fo"])


def test_compressed_output(run, tmp_path):
    target = tmp_path / "enhanced.fits.gz"
    assert run(*bicubic(SAMPLE), "-o", target)[0] == 0
    assert target.read_bytes().startswith(b"\x1f\x8b")
    assert sunpy.map.Map(target).data.shape == (400, 400)


def test_nothing_is_overwritten_unasked(run, fails, tmp_path):
    target = tmp_path / "enhanced.fits"
    target.write_bytes(b"precious")
    fails(*bicubic(SAMPLE), "-o", target, texts=[target, "exists", "--overwrite"])
    assert target.read_bytes() == b"precious"
    assert run(*bicubic(SAMPLE), "-o", target, "--overwrite")[0] == 0
    assert sunpy.map.Map(target).data.shape == (400, 400)


def test_a_folder_that_cannot_be_written_is_named_before_the_work(fails, tmp_path, monkeypatch):
    from sunpy_restore.enhancement import verb

    monkeypatch.setattr(verb, "enhance", lambda *_, **__: pytest.fail("restored first"))
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "a.fits"
    fails(*bicubic(SAMPLE), "-o", target, texts=[target, "cannot be written", "no folder that you may write to"])
    # The user root may write everywhere
    monkeypatch.setattr("os.access", lambda path, mode: False)
    target = tmp_path / "new" / "a.fits"
    fails(*bicubic(SAMPLE), "-o", target, texts=[target, "cannot be written", f"{tmp_path} is no folder"])


def test_an_input_is_never_overwritten(fails, tmp_path):
    source = tmp_path / "hmi.fits"
    source.write_bytes(SAMPLE.read_bytes())
    fails(*bicubic(source), "-o", source, "--overwrite", texts=[source, "is an input"])
    link = tmp_path / "link.fits"
    link.symlink_to(source)
    fails(*bicubic(source), "-o", link, "--overwrite", texts=[link, "is an input"])
    assert source.read_bytes() == SAMPLE.read_bytes()


def test_all_names_are_checked_first(fails, tmp_path):
    out = tmp_path / "out"
    missing = tmp_path / "missing.fits"
    fails(*bicubic(SAMPLE, missing), "-o", out, texts=[missing, "no such file"])
    (tmp_path / "file").write_text("no folder")
    fails(*bicubic(SAMPLE, SPOT), "-o", tmp_path / "file", texts=[tmp_path / "file", "expected a folder"])
    fails(*bicubic(SAMPLE), "-o", tmp_path / "enhanced.png", texts=["enhanced.png", ".fits"])
    assert not out.exists()


def test_goes_on_after_a_bad_file_and_names_it(run, tmp_path):
    bad = [tmp_path / "bad.fits", tmp_path / "worse.fits"]
    for path in bad:
        path.write_text("no image")
    code, out, err = run(*bicubic(bad[0], SAMPLE, bad[1], SPOT), "-o", tmp_path / "out")
    assert code == 1
    names = ["hmi_magnetogram_enhance.fits", "hmi_continuum_spot_enhance.fits"]
    assert out.splitlines() == [str(tmp_path / "out" / name) for name in names]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*names, "ledger.sqlite"])
    *errors, last = [line for line in err.splitlines() if line.startswith("sunpy-restore: error: ")]
    assert [str(path) in line for path, line in zip(bad, errors, strict=True)] == [True, True]
    assert last == f"sunpy-restore: error: 2 of 4 files were not restored: {bad[0]}, {bad[1]}"


def test_goes_on_after_two_files_of_one_output(run, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "q.fits").write_bytes(SAMPLE.read_bytes())
    (folder / "q.fits.gz").write_bytes(gzip.compress(SAMPLE.read_bytes()))
    (folder / "spot.fits").write_bytes(SPOT.read_bytes())
    code, printed, err = run(*bicubic(folder), "-o", out)
    assert (code, printed.splitlines()) == (1, [str(out / f"{name}_enhance.fits") for name in ("q", "spot")])
    first, last = err.splitlines()
    assert f"error: {folder / 'q.fits.gz'}: It would be written to q_enhance.fits, as {folder / 'q.fits'}." in first
    assert last == f"sunpy-restore: error: 1 of 3 files were not restored: {folder / 'q.fits.gz'}"


def test_several_files_do_not_go_to_one_fits_file(fails, tmp_path):
    for name in ("new.fits", "new.fts.gz"):
        fails(*bicubic(SAMPLE, SPOT), "-o", tmp_path / name, texts=[name, "archive", "expected a folder"])
    assert not list(tmp_path.iterdir())


def test_existing_results_are_skipped(run, fails, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    kept = folder / "hmi_magnetogram_enhance.fits"
    kept.write_bytes(b"precious")
    code, out, err = run(*bicubic(SAMPLE, SPOT), "-o", folder)
    assert (code, out) == (1, f"{folder / 'hmi_continuum_spot_enhance.fits'}\n")
    assert f"error: {SAMPLE}: {kept} exists" in err
    assert "another --output, or set --overwrite or --skip-existing" in err
    assert f"1 of 2 files were not restored: {SAMPLE}" in err
    assert kept.read_bytes() == b"precious"
    code, out, err = run(*bicubic(SAMPLE, SPOT), "-o", folder, "--skip-existing")
    notes = ["1 of 2 files were restored before", "1 of 2 files were left out, because their outputs exist"]
    assert (code, out, err) == (0, "", "".join(f"sunpy-restore: note: {note}\n" for note in notes))
    assert run(*bicubic(SAMPLE), "-o", folder / "hmi_magnetogram_enhance.fits", "--skip-existing") == (0, "", "")
    both = ["--skip-existing", "--overwrite"]
    fails(*bicubic(SAMPLE), "-o", folder, *both, texts=["not allowed with"], code=2)


def test_a_file_of_several_planes_is_refused_and_files_are_counted_once(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.fits").symlink_to(tmp_path / "nothing")
    shutil.copy(SAMPLE, folder / "good.fits")
    with fits.open(SAMPLE) as hdus:
        hdu = next(hdu for hdu in hdus if hdu.data is not None)
        fits.writeto(folder / "cube.fits", np.stack([hdu.data] * 3), hdu.header)
        fits.writeto(folder / "flat.fits", hdu.data[None], hdu.header)
    code, out, err = run(*bicubic(folder), "-o", tmp_path / "out")
    assert (code, len(out.splitlines())) == (1, 2)
    assert "cube.fits: Found an image of 3 planes (3 x 200 x 200); expected one plane" in err
    assert "2 of 4 files were not restored" in err
    code, _, err = run(*bicubic(folder), "-o", tmp_path / "out")
    assert "2 of 4 files were restored before" in err
    assert "2 of 4 files were not restored" in err


def test_a_link_to_nothing_is_told(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.fits").symlink_to(tmp_path / "nothing")
    code, _, err = run(*bicubic(folder), "-o", tmp_path / "out")
    assert code == 1
    assert f"{folder / 'link.fits'}: No such file or directory\n" in err
    assert "1 of 1 files were not restored" in err


def test_an_unexpected_error_in_a_file_does_not_stop_the_others(run, monkeypatch, tmp_path):
    from sunpy_restore.enhancement import verb

    enhance = verb.enhance

    @functools.wraps(enhance)
    def fails_for_spots(image, **options):
        if image.meta["content"].startswith("CONTINUUM"):
            raise KeyError("some key")
        return enhance(image, **options)

    monkeypatch.setattr(verb, "enhance", fails_for_spots)
    code, out, err = run(*bicubic(SPOT, SAMPLE), "-o", tmp_path)
    assert (code, out) == (1, f"{tmp_path / 'hmi_magnetogram_enhance.fits'}\n")
    assert f"error: {SPOT}: KeyError: 'some key' (--debug shows where)" in err
    assert f"1 of 2 files were not restored: {SPOT}" in err


def test_files_that_are_truncated_or_need_a_reader(fails, tmp_path, monkeypatch):
    out = ["-o", tmp_path / "out.fits"]
    whole = SAMPLE.read_bytes()
    for size in (20_000, 4000):
        (tmp_path / "part.fits").write_bytes(whole[:size])
        fails(*bicubic(tmp_path / "part.fits"), *out, texts=["part.fits", f"{size} bytes", "truncated"])
    (tmp_path / "part.fits.gz").write_bytes(gzip.compress(whole)[:5000])
    fails(*bicubic(tmp_path / "part.fits.gz"), *out, texts=["part.fits.gz", "5000 bytes", "truncated"])
    monkeypatch.setitem(sys.modules, "glymur", None)
    (tmp_path / "disk.jp2").write_bytes(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(100))
    fails(*bicubic(tmp_path / "disk.jp2"), *out, texts=["disk.jp2", 'pip install "sunpy[jpeg2000]"', "openjpeg"])


def test_product_of_a_sharp_segment(run, fails, tmp_path):
    changed(tmp_path / "sharp.fits", CONTENT="HMI observable", INSTRUME="HMI_SIDE1", BUNIT="Mx/cm^2")
    out = ["-o", tmp_path / "out.fits"]
    fails(*bicubic(tmp_path / "sharp.fits"), *out, texts=["'HMI observable'", "--product"])
    assert run(*bicubic(tmp_path / "sharp.fits"), *out, "--product", "magnetogram")[0] == 0
    expected = sunpy_restore.enhance(sunpy.map.Map(SAMPLE), method="bicubic")
    np.testing.assert_array_equal(sunpy.map.Map(tmp_path / "out.fits").data, expected.data)
    fails(*bicubic(SAMPLE), *out, "--overwrite", "--product", "vector", texts=["vector", "magnetogram"], code=2)


@pytest.mark.parametrize("command", ["backproj_to_clean", "backproj-to-clean", "backproj"])
def test_names_of_a_command_and_ranges_of_subcollimators(run, fails, tmp_path, command):
    out = ["-o", tmp_path / "clean.fits", "--method", "clean"]
    assert run(command, sample_path("stix_flare"), *out, "--subcollimators", "3-10")[0] == 0
    expected = sunpy_restore.backproj_to_clean(
        sunpy.map.Map(sample_path("stix_flare")), method="clean", subcollimators=list(range(3, 11))
    )
    np.testing.assert_array_equal(load(tmp_path / "clean.fits").data, expected.data)
    fails(command, sample_path("stix_flare"), *out, "--overwrite", "--subcollimators", "3-x", texts=["3-x", "3-10"])


def test_several_neighbours_and_texture_without_a_value(run, monkeypatch, tmp_path):
    from sunpy_restore.inpainting import verb

    given = []

    def records(image, **options):
        given.append(options)
        return image

    monkeypatch.setattr(verb, "inpaint", records)
    neighbours = [sample_path("lasco_c3_later"), CORONA]
    options = ["-o", tmp_path / "out.fits", "--overwrite"]
    assert run("inpaint", CORONA, *options, "--neighbours", *neighbours, "--texture")[0] == 0
    dates = [sunpy.map.Map(path).date for path in neighbours]
    assert [smap.date for smap in given[0]["neighbours"]] == dates
    assert given[0]["texture"] is True


@pytest.mark.filterwarnings("default")
def test_warnings_of_several_files_name_the_file(run, tmp_path):
    limb = tmp_path / "limb.fits"
    changed(limb, CRPIX1=-1800.0)
    code, _, err = run(*bicubic(SAMPLE, limb), "-o", tmp_path / "out")
    assert code == 0
    assert err.startswith(f"sunpy-restore: warning: {limb}: Part of the image lies closer to the limb")


def test_masks_of_input_files_are_used(run, tmp_path):
    masked = sunpy.map.Map(SPOT)
    masked.mask = np.zeros(masked.data.shape, dtype=bool)
    masked.mask[5, 6] = True
    sunpy_restore.save(masked, tmp_path / "masked.fits")
    target = tmp_path / "enhanced.fits"
    assert run(*bicubic(tmp_path / "masked.fits"), "-o", target)[0] == 0
    np.testing.assert_array_equal(load(target).mask, sunpy_restore.enhance(masked, method="bicubic").mask)
    sunpy_restore.save([masked, masked], tmp_path / "two.fits")
    code, _, err = run(*bicubic(tmp_path / "two.fits"), "-o", target, "--overwrite")
    assert code == 1
    assert f"{tmp_path / 'two.fits'}: Found 2 images; expected one" in err


def test_results_are_loaded_with_their_filled_pixels(run, tmp_path):
    target = tmp_path / "filled.fits"
    assert run("desaturate", FLARE, "--method", "biharmonic", "-o", target)[0] == 0
    expected = sunpy_restore.desaturate(sunpy.map.Map(FLARE), method="biharmonic")
    found = load(target)
    np.testing.assert_array_equal(filled(found), filled(expected))
    np.testing.assert_array_equal(found.data, expected.data)


def truncated(path):
    path.write_bytes(SAMPLE.read_bytes()[:20_000])


def table(path):
    columns = [fits.Column("a", "E", array=np.arange(3.0))]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)


def two_images(path):
    with fits.open(SAMPLE) as hdus:
        image = next(hdu for hdu in hdus if hdu.data is not None)
        second = fits.ImageHDU(image.data, image.header)
        fits.HDUList([fits.PrimaryHDU(image.data, image.header), second]).writeto(path)


BAD = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("SIMPLE: no\n" * 400),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(9000)),
    "bad gzip": lambda path: path.write_bytes(b"\x1f\x8b" + b"x" * 9000),
    "truncated": truncated,
    "header alone": lambda path: fits.PrimaryHDU().writeto(path),
    "table": table,
    "two images": two_images,
    "no coordinates": lambda path: fits.writeto(path, np.ones((5, 5))),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.filterwarnings("default")
def test_bad_files(run, tmp_path, kind):
    """One line of error; whatever sunpy warns of before is one line each, too."""
    path = tmp_path / "bad.fits"
    BAD[kind](path)
    code, out, err = run(*bicubic(path), "-o", tmp_path / "out.fits")
    assert (code, out) == (1, "")
    *warnings, error = [line for line in err.splitlines() if line.startswith("sunpy-restore: ")]
    assert error.startswith(f"sunpy-restore: error: {path}: ")
    assert all(line.startswith("sunpy-restore: warning: ") for line in warnings)
    assert "Traceback" not in err
    assert not (tmp_path / "out.fits").exists()


def changed(path, **keywords):
    with fits.open(SAMPLE) as hdus:
        image = next(hdu for hdu in hdus if hdu.data is not None)
        for key, value in keywords.items():
            image.header[key.replace("_", "-")] = value
        fits.writeto(path, image.data, image.header)


@pytest.mark.parametrize(
    ("keywords", "texts"),
    [
        ({"CDELT1": 0.6, "CDELT2": 0.6}, ["0.6", "0.504"]),
        ({"CONTENT": "DOPPLERGRAM"}, ["DOPPLERGRAM", "MAGNETOGRAM"]),
        ({"INSTRUME": "MDI", "TELESCOP": "SOHO"}, ["HMI"]),
    ],
)
@pytest.mark.filterwarnings("default")
def test_wrong_images(fails, tmp_path, keywords, texts):
    path = tmp_path / "other.fits"
    changed(path, **keywords)
    fails(*bicubic(path), "-o", tmp_path / "out.fits", texts=[path, *texts])


def test_wrong_options(fails, networks, tmp_path):
    out = ["-o", tmp_path / "out.fits"]
    fails("enhance", SAMPLE, *out, "--method", "magic", texts=["'magic'", "richardson-lucy"], code=2)
    name = default_for("enhance-magnetogram").name
    fails("enhance", SAMPLE, *out, "--weights", "no-such-weights", texts=["no-such-weights", name])
    entry = default_for("enhance-continuum")
    other = entry.folder / entry.file
    fails("enhance", SAMPLE, *out, "--weights", other, texts=["'enhance-continuum'", "'enhance-magnetogram'"])
    fails("enhance", SAMPLE, *out, "--device", "abacus", texts=["'abacus'"])
    wrong = tmp_path / "wrong.safetensors"
    hyperparameters = {"blocks": 1, "channels": 4, "noise_to_signal": 1e-2, "spectral_index": 1.0}
    hyperparameters["architecture"] = "ResidualRestorer"
    metadata = {"task": "enhance-magnetogram", "architecture": "ResidualRestorer", "hyperparameters": hyperparameters}
    write(wrong, {"other": torch.zeros(3)}, metadata)
    fails("enhance", SAMPLE, *out, "--weights", wrong, texts=[SAMPLE, "other"])
    assert not (tmp_path / "out.fits").exists()


def test_traceback_for_developers(tmp_path):
    with pytest.raises(ValueError, match="no-such-weights"):
        main(["--debug", "enhance", str(SAMPLE), "-o", str(tmp_path / "out.fits"), "--weights", "no-such-weights"])


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(run, monkeypatch, tmp_path):
    from sunpy_restore.core.messages import warn_user
    from sunpy_restore.enhancement import verb

    def warns(image, **options):
        warn_user("close to\nthe limb")
        return image

    monkeypatch.setattr(verb, "enhance", warns)
    code, _, err = run("enhance", SAMPLE, "-o", tmp_path / "out.fits")
    assert (code, err) == (0, "sunpy-restore: warning: close to the limb\n")


def test_interrupted_writing_leaves_nothing(run, monkeypatch, tmp_path):
    def interrupted(self, file, **options):
        file.write(b"half")
        raise KeyboardInterrupt

    target = tmp_path / "out.fits"
    target.write_bytes(b"precious")
    monkeypatch.setattr(fits.HDUList, "writeto", interrupted)
    code, _, err = run(*bicubic(SAMPLE), "-o", target, "--overwrite")
    assert (code, err) == (130, "sunpy-restore: error: interrupted\n")
    assert target.read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_demo(run, networks, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    figures, savefig = [], Figure.savefig

    def recorded(figure, *args, **options):
        figures.append(figure)
        return savefig(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", recorded)
    folder = tmp_path / "demo"
    code, out, err = run("demo", "-o", folder)
    assert (code, err) == (0, "")
    files = sorted(path.name for path in folder.iterdir())
    stems = ("hmi_continuum_spot", "hmi_magnetogram")
    ends = (".png", "_network.fits", "_richardson-lucy.fits")
    flare = [f"aia_193_flare{end}" for end in (".png", "_biharmonic.fits", "_diffraction.fits", "_network.fits")]
    flare += [f"lasco_c3_cme{end}" for end in (".png", "_harmonic.fits", "_network.fits", "_radial.fits")]
    methods = ("clean", "mem", "forward-fit", "network")
    flare += ["stix_flare.png", *(f"stix_flare_{method}.fits" for method in methods)]
    flare += [f"granulation{end}" for end in (".png", "_convolutional.fits", "_spectrum.fits")]
    assert files == sorted([*flare, *(f"{stem}{end}" for stem in stems for end in ends)])
    for name in files:
        assert str(folder / name) in out
    for stem, size in zip(stems, (256, 400), strict=True):
        smap = sunpy.map.Map(folder / f"{stem}_network.fits")
        assert smap.data.shape == (size, size)
        assert smap.meta["rstmeth"] == "network"
        assert (folder / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
    # What is printed is measured
    line = next(line for line in out.splitlines() if line.endswith("magnetogram_network.fits"))
    observed = sunpy.map.Map(SAMPLE).data
    residual = np.abs(reconvolve(smap.data) - observed).sum() / np.abs(observed).sum()
    assert f"residual {100 * residual:5.2f} %" in line
    assert "unsigned" in line
    line = next(line for line in out.splitlines() if line.endswith("flare_diffraction.fits"))
    observed, smap = sunpy.map.Map(FLARE), sunpy.map.Map(folder / "aia_193_flare_diffraction.fits")
    mask = find_saturation(observed).mask
    np.testing.assert_array_equal(smap.data[~mask], observed.data[~mask])
    strength, share = fringe_strength(smap.data, mask, 193), 100 * (1 - fringe_residual(smap.data, mask, 193))
    assert f"fringes observed / predicted {strength:.2f}, explain {share:.2f} %" in line
    assert "Compare rows: more is better." in out
    assert f"core {1e-6 * smap.data[mask].sum():.2f} million DN" in line
    line = next(line for line in out.splitlines() if line.endswith("cme_radial.fits"))
    observed, smap = sunpy.map.Map(CORONA), sunpy.map.Map(folder / "lasco_c3_cme_radial.fits")
    changed = smap.data != observed.data
    # A fill may hit the truth by chance
    assert 0.08 < changed.mean() < 0.2
    corona = np.median(observed.data[observed.data > 0]) - observed.meta["offset"]
    error = np.sqrt(np.mean((smap.data - observed.data)[changed] ** 2)) / corona
    assert float(line.split()[5]) == pytest.approx(100 * error, rel=0.02)
    assert [len(figure.axes) for figure in figures] == [7, 7, 9, 6, 7, 4]
    for figure in figures[:3]:
        check_figure(figure)
    # Neither a nominal date, nor the name of a camera
    titles = [figure.get_suptitle() for figure in figures[:3]]
    assert titles == [SAMPLES[stem] for stem in (*stems, "aia_193_flare")]
    assert not any(text in title for title in titles for text in ("FRONT", "AIA 2", "2013-01-05"))
    *panels, bar = figures[3].axes
    assert "[%]" in bar.get_ylabel()
    assert [axes.get_title() for axes in panels] == ["lost", "harmonic", "radial", "network", "truth"]
    titles = [axes.get_title() for axes in figures[4].axes if axes.get_title()]
    assert titles == ["back-projection", *methods]
    assert len({axes.images[0].get_clim() for axes in figures[4].axes[1:5]}) == 1
    line = next(line for line in out.splitlines() if line.endswith("stix_flare_mem.fits"))
    assert 0.9 < float(line.split()[3]) < 1.1
    flux = 4 * sunpy.map.Map(folder / "stix_flare_mem.fits").data.sum()
    assert f"flux {flux:5.1f} counts" in line
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    check_granulation(folder, out, figures[5])


def check_granulation(folder, out, figure):
    """Textures with the pixels of the simulation, and with figures that are measured."""
    reference = reference_statistics()
    *panels, curves, _ = figure.axes
    assert [axes.get_title() for axes in panels] == ["spectrum", "convolutional"]
    assert len({(axes.images[0].get_clim(), *axes.images[0].get_extent()) for axes in panels}) == 1
    assert panels[0].images[0].get_extent() == pytest.approx([0, 400 * 0.048, 0, 400 * 0.048])
    assert [line.get_label() for line in curves.lines] == ["spectrum", "convolutional", "simulation"]
    np.testing.assert_array_equal(curves.lines[-1].get_xdata(), reference.intensities)
    for method in ("spectrum", "convolutional"):
        line = next(line for line in out.splitlines() if line.endswith(f"granulation_{method}.fits"))
        smap = sunpy.map.Map(folder / f"granulation_{method}.fits")
        assert smap.meta["synthetic"] is True
        assert smap.data.shape == (400, 400)
        assert f"seed {smap.meta['rstseed']} " in line
        for value in (contrast(smap.data), reference.contrast):
            assert f"{100 * value:.2f} %" in line
        assert f"histogram KS {reference.histogram_distance(smap.data):.3f} " in line
        assert u.allclose(smap.scale.axis1, 0.0662 * u.arcsec / u.pix, rtol=2e-3)


def check_figure(figure):
    """Panels in one stretch, the right side up, before and after of the same part of the Sun."""
    *panels, bar = figure.axes
    columns = len(panels) // 2
    assert "[" in bar.get_ylabel()
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    fields = []
    for axes in panels:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        first, last = (axes.wcs.pixel_to_world(*corner) for corner in ((left, bottom), (right, top)))
        assert first.Tx < last.Tx
        assert first.Ty < last.Ty
        fields.append([value.arcsec for corner in (first, last) for value in (corner.Tx, corner.Ty)])
    for row in (fields[:columns], fields[columns:]):
        np.testing.assert_allclose(row[1:], row[:1] * (columns - 1), atol=1e-3)


def test_list_of_weights(run, networks):
    code, out, err = run("weights", "list")
    assert (code, err) == (0, "")
    assert len(available()) >= len(TASKS) - 1
    for entry in available():
        assert f"{entry.name}  {entry.task}  compact, default" in out


def test_verify_and_fetch_weights(run, fails, networks, monkeypatch, tmp_path):
    names, files = [entry.name for entry in available()], [entry.file for entry in available()]
    code, out, err = run("weights", "verify")
    assert (code, err) == (0, "")
    assert [line.endswith(": OK") for line in out.splitlines()] == [True] * len(files)
    assert run("weights", "fetch", *names)[1].splitlines() == [str(networks / file) for file in files]
    # Short names stand for the weights of all tasks, and nothing is fetched twice
    assert run("weights", "fetch", "compact", names[0])[1].splitlines() == [str(networks / file) for file in files]
    assert run("weights", "verify", "compact")[1].splitlines() == [f"{networks / file}: OK" for file in files]
    fails("weights", "fetch", "no-such-weights", texts=["'no-such-weights'", *names])
    # A damaged file is named, and the others are checked all the same
    for path in networks.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "registry.toml").read_text().replace(str(networks), str(tmp_path))
    (tmp_path / "registry.toml").write_text(text)
    (tmp_path / files[0]).write_bytes(b"<html>")
    monkeypatch.setattr(registry, "REGISTRY", tmp_path / "registry.toml")
    out = fails("weights", "verify", texts=[names[0]])
    assert sorted(out.splitlines()) == sorted(f"{tmp_path / file}: OK" for file in files[1:])


def test_features_among_the_weights(run, fails, networks, monkeypatch, tmp_path):
    text = (networks / "registry.toml").read_text()
    data = b"tensors"
    text += f'''
[weights.vgg]
kind = "features"
file = "vgg.pth"
sha256 = "{hashlib.sha256(data).hexdigest()}"
size = {len(data)}
licence = "BSD-3-Clause"
doi = "10.48550/arXiv.1409.1556"
description = "Features."
'''
    (tmp_path / "registry.toml").write_text(text)
    monkeypatch.setattr(registry, "REGISTRY", tmp_path / "registry.toml")
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path / "cache"))
    for name in ("SUNPY_RESTORE_WEIGHTS_URL", "SUNPY_RESTORE_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    assert "vgg  for training  features  0.0 MB  not downloaded" in run("weights", "list")[1]
    # What was never downloaded is not checked unless it is named
    assert run("weights", "verify")[0] == 0
    fails("weights", "verify", "vgg", texts=["vgg.pth is not on this machine", "sunpy-restore weights fetch vgg"])
    fails("weights", "fetch", "vgg", texts=["'vgg'", "SUNPY_RESTORE_WEIGHTS_MIRROR"])
    path = tmp_path / "cache" / "vgg.pth"
    path.parent.mkdir()
    path.write_bytes(data)
    assert "vgg  for training  features  0.0 MB  in the cache" in run("weights", "list")[1]
    assert f"{path}: OK" in run("weights", "verify")[1].splitlines()
    assert run("weights", "fetch", "vgg")[1].splitlines() == [str(path)]
    # The folder of the user goes first
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "vgg.pth").write_bytes(data)
    monkeypatch.setenv("SUNPY_RESTORE_WEIGHTS_MIRROR", str(mirror))
    assert f"vgg  for training  features  0.0 MB  in {mirror}\n" in run("weights", "list")[1]


def test_training_without_its_extra(fails, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith(("sunpy_restore.training", "lightning"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    for command in ("train", "evaluate"):
        out = ["--out", tmp_path / "out"] if command == "train" else []
        fails(command, "enhance-continuum", "--data", tmp_path, *out, texts=[command, '"sunpy_restore[train]"'])


def test_training_refusals(fails, tmp_path):
    pytest.importorskip("lightning", reason="training needs the extra 'train'")
    out = ["--out", tmp_path / "out"]
    fails("train", "no-such-task", "--data", tmp_path, *out, texts=["'no-such-task'", "enhance-continuum"])
    name = "enhance-continuum"
    fails("train", name, "--data", tmp_path / "nowhere", *out, texts=[tmp_path / "nowhere"])
    known = "compact, light, paper, paper-light"
    fails("train", name, "--data", tmp_path, *out, "--config", "huge", texts=["'huge'", known])
    fails("train", name, "--data", tmp_path, *out, "--resume", texts=["last.ckpt"])
    fails("train", name, "--data", tmp_path, *out, "--no-progress", texts=["imax"])
    fails("evaluate", name, "--data", tmp_path / "nowhere", "--method", "bicubic", texts=[tmp_path / "nowhere"])
    fails("evaluate", name, "--data", tmp_path, "--method", "magic", texts=["'magic'"])
    fails("evaluate", name, "--observations", tmp_path, "--method", "bicubic", texts=["no scores for observations"])
    fails("evaluate", "backproj", "--observations", tmp_path, "--method", "clean", texts=["no FITS file", tmp_path])


def test_observations_are_evaluated(run, tmp_path):
    pytest.importorskip("lightning", reason="evaluation needs the extra 'train'")
    shutil.copy(sample_path("stix_flare"), tmp_path / "flare.fits")
    options = ["--method", "clean", "--method", "mem", "--json", tmp_path / "scores.json"]
    code, out, _ = run("evaluate", "backproj", "--observations", tmp_path, *options)
    assert code == 0
    heading, *lines = out.splitlines()
    assert "reduced chi squared" in heading
    assert [tuple(re.split(r"  +", line)[:2]) for line in lines] == [
        ("flare", "clean"), ("flare", "mem"), ("median of 1", "clean"), ("median of 1", "mem"),
    ]  # fmt: skip
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    assert 0.8 < rows[0]["flux"] < 1.2


def test_training_and_evaluation_are_called(run, monkeypatch, tmp_path):
    pytest.importorskip("lightning", reason="training needs the extra 'train'")
    from sunpy_restore import training

    calls = {}

    def train(task, data, out, **options):
        calls["train"] = (task, data, out, options)
        return Path(out) / "weights.safetensors"

    def evaluate(task, data, **options):
        calls["evaluate"] = (task, data, options)
        return [{"source": "MURaM", "method": "bicubic", "psnr": 30.0}]

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(training, "evaluate", evaluate)
    options = ["--config", "paper", "--resume", "--steps", "7", "--workers", "2", "--start", "W", "--no-progress"]
    options += ["--set", "network.width=8", "--set", "schedule=constant", "--patience", "3", "--accumulate", "2"]
    options += ["--export", "best", "--devices", "2", "--nodes", "3", "--accelerator", "cpu", "--minutes", "9"]
    code, out, _ = run("train", "enhance-continuum", "--data", "D", "--out", "R", *options)
    assert (code, out) == (0, "R/weights.safetensors\n")
    wanted = {"config": "paper", "resume": True, "start": "W", "steps": 7, "workers": 2, "progress": False}
    wanted |= {"devices": 2, "nodes": 3, "accelerator": "cpu", "minutes": 9.0}
    changes = {"network.width": 8, "schedule": "constant", "patience": 3, "accumulate": 2, "export": "best"}
    wanted["changes"] = changes
    assert calls["train"] == ("enhance-continuum", "D", "R", wanted)
    file = tmp_path / "scores.json"
    options = ["--method", "bicubic", "--method", "network", "--weights", "V", "W", "--device", "cpu", "--json", file]
    code, out, _ = run("evaluate", "enhance-continuum", "--data", "D", *options)
    assert code == 0
    assert out.splitlines()[1].split() == ["MURaM", "bicubic", "30.00"]
    wanted = {"methods": ["bicubic", "network"], "weights": ["V", "W"], "device": "cpu"}
    assert calls["evaluate"] == ("enhance-continuum", "D", wanted)
    rows = [{"source": "MURaM", "method": "bicubic", "psnr": 30.0}]
    assert json.loads(file.read_text()) == {"task": "enhance-continuum", "rows": rows}


def test_weights_are_exported(run, monkeypatch, tmp_path):
    pytest.importorskip("lightning", reason="export needs the extra 'train'")
    from sunpy_restore import training

    calls = []
    monkeypatch.setattr(
        training, "export_weights", lambda *arguments, **options: calls.append((arguments, options)) or ["a", "b"]
    )
    options = [
        "--out",
        "O",
        "--name",
        "mine",
        "--licence",
        "CC0-1.0",
        "--data",
        "D",
        "--method",
        "network",
        "--onnx",
        "--device",
        "cpu",
    ]
    assert run("weights", "export", "R", *options) == (0, "a\nb\n", "")
    expected = {
        "name": "mine",
        "licence": "CC0-1.0",
        "data": "D",
        "methods": ["network"],
        "onnx": True,
        "device": "cpu",
    }
    assert calls == [(("R", "O"), expected)]


SIZES = ("--shape", "40", "150", "--seed", "3", "--device", "cpu")


@pytest.mark.parametrize("method", ["convolutional", "gan", "vae", "spectrum"])
def test_synthesis_makes_a_file(run, networks, tmp_path, method, full_weights):
    if method == "vae":
        full_weights("synthesize-vae-compact")
    target = tmp_path / "texture.fits"
    assert run("synthesize", *SIZES, "--method", method, "-o", str(target)) == (0, f"{target}\n", "")
    smap = sunpy.map.Map(target)
    assert smap.data.shape == (40, 150)
    assert np.isfinite(smap.data).all()
    assert smap.meta["synthetic"] is True
    assert smap.meta["rstseed"] == 3
    assert smap.meta["rsttask"] == f"synthesize-{method}"
    again = synthesize_granulation((40, 150), method=method, seed=3, device="cpu")
    np.testing.assert_array_equal(again.data, smap.data)


def test_synthesis_replaces_a_file_only_when_told(run, fails, networks, tmp_path):
    target = tmp_path / "texture.fits"
    arguments = ("synthesize", *SIZES, "--method", "spectrum", "-o", str(target))
    target.write_text("precious")
    fails(*arguments, texts=["exists. Give another name, or --overwrite"])
    assert target.read_text() == "precious"
    fails(*arguments, "--overwrite", "--scale", "-3", texts=["-3 km"])
    assert target.read_text() == "precious"
    assert run(*arguments, "--overwrite", "--scale", "96")[0] == 0
    assert sunpy.map.Map(target).meta["cdelt1"] == pytest.approx(96 / 725.2709, rel=1e-5)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("command", ["synthesize", "synthesize_granulation", "synthesize-granulation"])
@pytest.mark.parametrize("scale", ["72.5271", "72.5271 km", "0.1 arcsec", "100 mas / pix", "72527.1 m"])
def test_pixel_sizes_have_units(run, tmp_path, command, scale):
    target = tmp_path / "texture.fits"
    assert run(command, *SIZES, "--method", "spectrum", "--scale", scale, "-o", str(target))[0] == 0
    assert sunpy.map.Map(target).meta["cdelt1"] == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("scale", "text"),
    [("3 s", "expected a length on the Sun or an angle"), ("wide", "--scale wide: Found 'wide'; expected a number")],
)
def test_wrong_pixel_sizes(fails, tmp_path, scale, text):
    target = tmp_path / "texture.fits"
    fails("synthesize", *SIZES, "--method", "spectrum", "--scale", scale, "-o", str(target), texts=[text])


@pytest.mark.slow
def test_synthesis_by_tiles_names_how_they_were_stitched(run, networks, tmp_path):
    target = tmp_path / "texture.fits"
    arguments = ("synthesize", *SIZES, "--method", "gan", "--stitching", "greedy", "--refine-worst", "1")
    assert run(*arguments, "-o", str(target))[0] == 0
    assert sunpy.map.Map(target).meta["rstmeth"] == "gan, greedy"


def test_report_prints_checks(run, fails, tmp_path):
    source, result = sample_path("hmi_continuum_quiet"), tmp_path / "enhanced.fits"
    assert run("enhance", source, "-o", result, "--method", "richardson-lucy")[0] == 0
    code, out, err = run("report", result, source)
    assert (code, err) == (0, "")
    assert out.startswith("enhance-continuum, method richardson-lucy: 8 of 8 checks passed\n  pass  Pixels without a ")
    code, out, _ = run("report", result, source, "--json")
    described = json.loads(out)
    assert code == 0
    assert described["passed"]
    assert len(described["checks"]) == 8
    assert run("enhance", source, "-o", result, "--method", "bicubic", "--overwrite")[0] == 0
    code, out, _ = run("report", result, source)
    assert code == 1
    assert "FLAG  Degraded again, quiet Sun" in out
    assert run("report", result, source, "--product", "continuum")[1] == out
    fails("report", result, source, "--exposure", "2", texts=["Unknown option 'exposure'"])
    fails("report", source, result, texts=["wrong order"])
    fails("report", tmp_path / "none.fits", source, texts=["none.fits", "no such file"])
