"""From a folder of pairs of real images to a function that uses the network which was trained on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from astropy.io import fits

import sunpy.map

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.cli.main import main
from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.enhancement.optics.forward import observe, observe_target, reconvolve
from sunpy_restore.tasks import get_task

pytest.importorskip("lightning")

from sunpy_restore import backproj_to_clean, enhance
from sunpy_restore.training import build_dataset, build_pairs, evaluate, format_manifest, train
from sunpy_restore.training.dataset import pairs as module

SIDE, PIXEL = 65, 4.0


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def flare(day, energies=(6, 10)):
    """Back-projection and CLEAN image of the flare of a day, and their header."""
    rng = np.random.default_rng([day, energies[0]])
    scene = ellipse(10.0 ** rng.uniform(0, 2), *rng.uniform(-50, 50, 2), 20, 10, rng.uniform(0, 3))
    points, grid = stix_uv(), Grid((SIDE, SIDE), (PIXEL, PIXEL))
    visibilities = visibilities_of_scene(scene, points)
    header = {
        "TELESCOP": "SOLO/STIX", "INSTRUME": "STIX", "CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec",
        "CUNIT2": "arcsec", "CDELT1": PIXEL, "CDELT2": PIXEL, "CRPIX1": (SIDE + 1) / 2, "CRPIX2": (SIDE + 1) / 2,
        "CRVAL1": 100.0, "CRVAL2": -50.0, "DATE-OBS": f"2022-11-{day:02d}T01:30:00",
        "DATE-END": f"2022-11-{day:02d}T01:31:00", "HGLN_OBS": 10.0, "HGLT_OBS": 2.0, "DSUN_OBS": 9e10,
        "ENERGY_L": energies[0], "ENERGY_H": energies[1],
    }  # fmt: skip
    cleaned = clean_visibilities(visibilities, points, grid).image
    return back_projection(visibilities, points, grid, weights_of(points)), cleaned, fits.Header(header)


@pytest.fixture
def stix_folder(tmp_path, write):
    """Pairs of four days, one in two energy ranges, under names that tell nothing, and images without a partner."""
    for number, (day, energies) in enumerate([(1, (6, 10)), (2, (6, 10)), (3, (6, 10)), (4, (6, 10)), (4, (10, 15))]):
        dirty, cleaned, header = flare(day, energies)
        write(f"own/a{number}", dirty, header, ALG_USED="STX BPROJ")
        write(f"own/b{7 - number}", 3 * cleaned, header, ALG_USED="STX CLEAN")
    dirty, cleaned, header = flare(5)
    write("own/alone", dirty, header, ALG_USED="STX BPROJ")
    write("own/other", flare(6)[1], flare(1, (15, 25))[2], ALG_USED="STX CLEAN")
    write("own/moved", flare(8)[0][::-1, ::-1], flare(8)[2], ALG_USED="STX BPROJ")
    write("own/cleaned", flare(8)[1], flare(8)[2], ALG_USED="STX CLEAN")
    return tmp_path / "own"


def names(manifest, split):
    return sorted(item.origin.replace("own/", "") for item in manifest.split(split))


def test_images_are_paired_by_their_headers(tmp_path, stix_folder, monkeypatch):
    manifest = build_pairs("backproj", stix_folder, tmp_path / "data")
    # Both energy ranges of the fourth day are in the same split
    assert names(manifest, "train") == ["a1 + b6", "a2 + b5", "a3 + b4", "a4 + b3"]
    assert names(manifest, "validation") == ["a0 + b7"]
    reasons = {name.partition("/")[2]: reason for name, reason in manifest.refused}
    expected = {
        "alone": "no CLEAN image that belongs",
        "other": "6-10 keV and a CLEAN image of 15-25 keV",
        "moved": "no CLEAN image that belongs",
        "cleaned": "a correlation of",
    }
    assert reasons.keys() == expected.keys()
    assert all(text in reasons[name] for name, text in expected.items())
    assert "STIX" in format_manifest(manifest)
    (item,) = manifest.split("validation")
    dirty, _, header = flare(1)
    assert item.shape == (64, 64)
    assert item.values["crpix"] == [header["CRPIX1"], header["CRPIX2"]]
    np.testing.assert_allclose(manifest.read(item), dirty[:64, :64], rtol=1e-6)
    assert manifest.read(item, "truth").shape == (64, 64)
    # A second run compares the pixels of new files only
    examined = []
    original = module._written
    monkeypatch.setattr(module, "_written", lambda *args: examined.append(args[1].origin) or original(*args))
    assert build_pairs("backproj", stix_folder, tmp_path / "data") == manifest
    assert examined == []


def test_pairs_and_images_are_not_mixed(tmp_path, stix_folder):
    build_pairs("backproj", stix_folder, tmp_path / "data")
    with pytest.raises(ValueError, match="Found images for backproj, pairs in"):
        build_dataset("enhance-continuum", stix_folder, tmp_path / "data")
    with pytest.raises(ValueError, match="does not learn from pairs"):
        build_pairs("inpaint", stix_folder, tmp_path / "other")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The image does not agree with the visibilities")  # after two steps of training
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("paper", {"architecture": "CleanPix2Pix", "width": 2, "norm": "instance"}),
        ("paper", {"architecture": "CleanPix2Pix", "width": 2, "norm": "instance", "pixel": 8.0}),
        ("compact", {"widths": (4, 6), "stages": 1}),
        ("guided", {"widths": (4, 6), "stages": 1, "blend_widths": (4, 6)}),
    ],
)
def test_configurations_train_on_pairs(tmp_path, stix_folder, name, network, capsys):
    data, run = tmp_path / "data", tmp_path / "run"
    assert main(["dataset", "backproj", "--pairs", str(stix_folder), "--out", str(data)]) == 0
    assert "a correlation of" in capsys.readouterr().out
    config = recipe_of(get_task("backproj")).configs()[name]
    config = replace(
        config, network=config.network | network, steps=2, batch_size=2, precision="32-true", validation_interval=2,
        adversary=config.adversary | {"width": 2} if config.adversary else None,
        options=config.options | ({"flares": 2} if "flares" in config.options else {}),
    )  # fmt: skip
    path = train("backproj", data, run, config=config, progress=False)
    rows = evaluate("backproj", data, methods=["network", "clean"], weights=path)
    assert [(row["source"], row["method"]) for row in rows] == [("CLEAN images", "network"), ("CLEAN images", "clean")]
    assert rows[1]["scaled_error"] < 0.25
    assert rows[1]["median_position"] < 2
    assert abs(rows[1]["flux_error"]) < 0.1
    result = backproj_to_clean(sunpy.map.Map(stix_folder / "a0"), weights=path)
    assert result.meta["rstmodel"] == path.name
    assert read_manifest(data).data == "backproj, pairs"


HMI, FINE = 0.504, 0.12
"""Pixel sizes in arcsec of HMI, and of the other telescope and the simulated Sun."""
TOP, LEFT = 90, 70
"""First row and column of the simulated Sun that the other telescope sees."""


def sun(day, magnetic):
    """A spot and granules, or field of both polarities in kG."""
    rng = np.random.default_rng(day)
    field = ndimage.gaussian_filter(rng.standard_normal((560, 600)), 5)
    field /= field.std()
    if magnetic:
        return 0.8 * np.sign(field) * np.maximum(np.abs(field) - 1, 0)
    rows, columns = np.indices(field.shape)
    return 1 + 0.1 * field - 0.7 * np.exp(-((rows - 260) ** 2 + (columns - 320) ** 2) / 50**2)


def part_of(day, magnetic):
    """What the other telescope sees, in DN or gauss."""
    return (500 * sun(day, magnetic)[TOP:460, LEFT:500]).astype(np.float32)


@pytest.fixture
def hmi_folder(tmp_path, write, sample):
    """``hmi_folder(magnetic)``: HMI images of three days, and images of another telescope with wrong pointing."""

    def hmi_folder(magnetic):
        _, header = sample("hmi_magnetogram" if magnetic else "hmi_continuum_spot")
        header.remove("T_OBS")
        header.update({"CDELT1": HMI, "CDELT2": HMI, "CRPIX1": 71.0, "CRPIX2": 67.0, "CROTA2": 180.0})
        other = {name: header[name] for name in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRVAL1", "CRVAL2")}
        other |= {"TELESCOP": "SST", "INSTRUME": "CRISP", "CDELT1": FINE, "CDELT2": FINE}
        other |= {"BUNIT": "Gauss"} if magnetic else {"WAVELNTH": 617.0, "WAVEUNIT": "nm"}
        # The place of disk centre, but 2.4 arcsec and 0.8 degrees wrong
        other["CRPIX1"], other["CRPIX2"] = ((header[f"CRPIX{axis}"] - 0.5) * HMI / FINE + 0.5 for axis in (1, 2))
        other |= {"CRPIX1": other["CRPIX1"] - LEFT + 2.4 / FINE, "CRPIX2": other["CRPIX2"] - TOP, "CROTA2": 180.8}
        other = fits.Header(other)
        for day in (1, 2, 3):
            seen = observe(sun(day, magnetic), FINE)
            seen = seen + (5e-3 if magnetic else 1e-3) * np.random.default_rng(day).standard_normal(seen.shape)
            seen = (1000 if magnetic else 50_000) * seen.astype(np.float32)
            write(f"own/a{day}", seen, header, DATE_OBS=f"2013-01-0{day}T00:00:00")
            write(f"own/b{day}", part_of(day, magnetic), other, DATE_OBS=f"2013-01-0{day}T00:00:30")
        write("own/late", part_of(1, magnetic), other, DATE_OBS="2013-01-01T01:00:00")
        write("own/false", part_of(9, magnetic), other, DATE_OBS="2013-01-02T00:00:10")
        other["CRVAL1"] += 400
        write("own/elsewhere", part_of(3, magnetic), other, DATE_OBS="2013-01-03T00:00:10")
        return tmp_path / "own"

    return hmi_folder


@pytest.mark.parametrize("magnetic", [False, True])
def test_images_of_another_telescope_are_aligned(tmp_path, hmi_folder, magnetic):
    task = "enhance-magnetogram" if magnetic else "enhance-continuum"
    manifest = build_pairs(task, hmi_folder(magnetic), tmp_path / "data")
    assert names(manifest, "train") == ["a1 + b1", "a2 + b2"]
    assert names(manifest, "validation") == ["a3 + b3"]
    reasons = {name.partition("/")[2]: reason for name, reason in manifest.refused}
    expected = {"late": "within 360 s", "false": "after the alignment", "elsewhere": "common field of view"}
    assert reasons.keys() == expected.keys()
    assert all(text in reasons[name] for name, text in expected.items())
    for day, item in zip((1, 2, 3), [*manifest.split("train"), *manifest.split("validation")], strict=True):
        assert item.values["rotation"] == pytest.approx(-0.8, abs=0.1)
        assert item.values["scale"] == pytest.approx(1, rel=2e-3)
        truth, seen = manifest.read(item, "truth", 2), manifest.read(item)
        assert truth.shape == tuple(2 * n for n in seen.shape)
        row, column = item.values["corner"]
        whole = observe_target(sun(day, magnetic), FINE)
        wanted = whole[2 * row : 2 * row + truth.shape[0], 2 * column : 2 * column + truth.shape[1]]
        assert np.corrcoef(truth.ravel(), wanted.ravel())[0, 1] > 0.999
        # Although the other telescope shows half of the intensity or of the field
        assert truth.std() == pytest.approx(wanted.std(), rel=0.05)
        assert np.sqrt(np.mean((reconvolve(truth) - seen)[9:-9, 9:-9] ** 2)) < 0.1 * seen.std()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["enhance-continuum", "enhance-magnetogram"])
def test_enhancement_trains_on_pairs(tmp_path, hmi_folder, task):
    build_pairs(task, hmi_folder(task == "enhance-magnetogram"), tmp_path / "data")
    config = recipe_of(get_task(task)).configs()["compact"]
    config = replace(
        config, network=config.network | {"blocks": 1, "channels": 4}, steps=2, batch_size=2, precision="32-true",
        validation_interval=2, patch_size=16, options=config.options | {"margin": 4},
    )  # fmt: skip
    path = train(task, tmp_path / "data", tmp_path / "run", config=config, progress=False)
    rows = evaluate(task, tmp_path / "data", methods=["network", "bicubic", "richardson-lucy"], weights=path)
    assert {row["source"] for row in rows} == {"HMI with SST CRISP"}
    scores = {row["method"]: row["psnr"] for row in rows}
    assert scores["richardson-lucy"] > scores["bicubic"] > 20
    result = enhance(sunpy.map.Map(tmp_path / "own" / "a3"), weights=path)
    assert result.meta["rstmodel"] == path.name
    with pytest.raises(ValueError, match="expected at least 116 along each axis"):
        train(task, tmp_path / "data", tmp_path / "large", config=replace(config, patch_size=108), progress=False)
