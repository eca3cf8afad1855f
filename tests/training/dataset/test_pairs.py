"""From a folder of pairs of real images to a function that uses the network which was trained on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from astropy.io import fits

import sunpy.map

from sunpy_restore.backprojection.clean import clean_visibilities
from sunpy_restore.backprojection.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.cli.main import main
from sunpy_restore.core.manifest import read_manifest
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.tasks import get_task

pytest.importorskip("lightning")

from sunpy_restore import backproj_to_clean
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
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("paper", {"architecture": "CleanPix2Pix", "width": 2, "norm": "batch"}),
        ("paper", {"architecture": "CleanPix2Pix", "width": 2, "norm": "batch", "pixel": 8.0}),
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
