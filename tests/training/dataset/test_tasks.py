"""From a folder of own files to a function that uses the network which was trained on them, for each task."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sunpy.map

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.data import sample_path
from sunpy_restore.tasks import get_task

pytest.importorskip("lightning")

from sunpy_restore import desaturate, enhance, inpaint, synthesize_granulation
from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.core.images.filled import filled
from sunpy_restore.core.weights.store import read_metadata
from sunpy_restore.desaturation.recipe import scores
from sunpy_restore.enhancement.optics.telescope import Telescope
from sunpy_restore.inpainting.recipe import datasets as inpainting_datasets
from sunpy_restore.inpainting.recipe import scores as inpainting_scores
from sunpy_restore.training import build_dataset, evaluate, train
from sunpy_restore.training.calibration import calibrate


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(task, **changes):
    config = recipe_of(get_task(task)).configs()["compact"]
    options = config.options | changes.pop("options", {})
    common = {"batch_size": 2, "steps": 2, "precision": "32-true", "validation_interval": 2}
    return replace(config, options=options, **(common | changes))


NO_MIXTURES = {"views": 4}
"""Options of a training with patches that are made in advance."""


def trained(task, tmp_path, config):
    path = train(task, tmp_path / "data", tmp_path / "run", config=config, progress=False)
    manifest = read_manifest(tmp_path / "data")
    assert all(item.group in read_metadata(path)["training_data"] for item in manifest.items)
    return path


def check_calibration(task, tmp_path, path, cases):
    models, rows = calibrate(task, tmp_path / "data", weights=path, cases=cases)
    assert list(models) == ["network"]
    assert rows[0]["cases"] == 3 * cases
    assert 0.2 < rows[0]["within_1"] < 0.95


def described(manifest):
    """Files of each split."""
    return {
        split: sorted(item.origin.partition("/")[2] for item in manifest.split(split))
        for split in ("train", "validation")
    }


@pytest.mark.slow
def test_enhance_continuum(tmp_path, sample, write, granules, other_day):
    spot, header = sample("hmi_continuum_spot")
    for day in (1, 2, 3):
        write(f"own/day/{day}.bin", other_day(spot, day, axis=1), header, DATE_OBS=f"2013-01-0{day}T00:00:00")
    np.save(tmp_path / "own" / "other.npy", granules((420, 400), 0))
    (tmp_path / "own" / "other.toml").write_text('pixel_scale = 0.1\nunit = "DN"\ninstrument = "Other"\n')
    manifest = build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    assert described(manifest) == {
        "train": ["day/1.bin", "day/2.bin", "other.npy"],
        "validation": ["day/3.bin", "other.npy"],
    }
    network = {"architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "offset": 1.0, "scale": 0.1}
    network |= {"noise_to_signal": 1.5e-4, "spectral_index": 1.0}
    config = small("enhance-continuum", network=network, patch_size=8, options={"views": 2, "margin": 2})
    path = trained("enhance-continuum", tmp_path, config)
    rows = evaluate("enhance-continuum", tmp_path / "data", methods=["network", "bicubic"], weights=path)
    assert {(row["source"], row["method"]) for row in rows} == {
        (source, method) for source in ("HMI", "Other") for method in ("network", "bicubic")
    }
    assert all(row["psnr"] > 15 for row in rows)
    check_calibration("enhance-continuum", tmp_path, path, 6)
    result = enhance(sunpy.map.Map(sample_path("hmi_continuum_quiet")), weights=path)
    assert result.meta["rstmodel"] == path.name


@pytest.mark.slow
def test_enhance_continuum_of_another_telescope(tmp_path, granules):
    """A Gaussian point spread function and other pixels: training, scores, and the function with these weights."""
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "own" / "fine.npy", granules((160, 400), 0))
    (tmp_path / "own" / "fine.toml").write_text('pixel_scale = 0.1\nunit = "DN"\ninstrument = "Fine"\n')
    build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    angle = np.arange(0, 3, 0.02)
    np.savetxt(tmp_path / "psf.txt", np.stack([angle, np.exp(-0.5 * (angle / 0.4) ** 2)], axis=1))
    network = {"architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "offset": 1.0, "scale": 0.1}
    network |= {"noise_to_signal": 1.5e-4, "spectral_index": 1.0}
    config = small("enhance-continuum", network=network, patch_size=8, options={"views": 2, "margin": 2})
    changes = {"psf": str(tmp_path / "psf.txt"), "pixel_scale": 0.4, "aperture": 0.2}
    path = train(
        "enhance-continuum", tmp_path / "data", tmp_path / "run", config=config, changes=changes, progress=False
    )
    telescope = Telescope.from_description(read_metadata(path)["hyperparameters"]["telescope"])
    assert (telescope.pixel_scale, telescope.aperture, telescope.psf.values[0]) == (0.4, 0.2, 1.0)
    rows = evaluate(
        "enhance-continuum", tmp_path / "data", methods=["network", "bicubic", "richardson-lucy"], weights=path
    )
    found = {row["method"]: row for row in rows}
    assert found["network"]["residual"] < 0.01
    assert found["richardson-lucy"]["psnr"] > found["bicubic"]["psnr"]
    quiet = sunpy.map.Map(sample_path("hmi_continuum_quiet"))
    other = {"cdelt1": 0.4, "cdelt2": 0.4, "instrume": "Imager", "telescop": "Ground", "obsrvtry": "Ground"}
    smap = sunpy.map.Map(quiet.data, dict(quiet.meta) | other)
    result = enhance(smap, weights=path)
    assert type(result) is type(smap)
    assert result.data.shape == tuple(2 * length for length in smap.data.shape)
    residual = telescope.reconvolve(result.data.astype(float))[8:-8, 8:-8] / smap.data[8:-8, 8:-8] - 1
    assert np.std(residual) < 0.01
    with pytest.raises(ValueError, match=r"expected 0\.4 arcsec"):
        enhance(quiet, weights=path)


@pytest.mark.slow
def test_enhance_magnetogram(tmp_path, sample, write, granules):
    field, header = sample("hmi_magnetogram")
    write("own/x", field, header)
    fine = granules((200, 200), 0)
    np.save(tmp_path / "own" / "fine.npy", 500 * (fine / fine.mean() - 1))
    (tmp_path / "own" / "fine.toml").write_text('pixel_scale = 0.2\nunit = "kG"\nfactor = 2e-3\n')
    manifest = build_dataset("enhance-magnetogram", [tmp_path / "own"], tmp_path / "data")
    train_item, kept = (item for item in manifest.items if item.group == "HMI")
    assert train_item.columns == (0, 156)  # 40 of 200 columns are kept back, 4 lie between the regions
    assert kept.columns == (160, 200)
    np.testing.assert_allclose(manifest.read(kept), field[:, 160:] / 1e3, rtol=1e-6)
    network = {"architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "offset": 0.0, "scale": 0.1}
    network |= {"noise_to_signal": 1e-2, "spectral_index": 1.0}
    config = small("enhance-magnetogram", network=network, patch_size=8, options={"views": 2, "margin": 2})
    path = trained("enhance-magnetogram", tmp_path, config)
    rows = evaluate("enhance-magnetogram", tmp_path / "data", methods=["network", "bicubic"], weights=path)
    assert [row["source"] for row in rows] == ["HMI", "HMI", "other magnetograms", "other magnetograms"]
    assert enhance(sunpy.map.Map(sample_path("hmi_magnetogram")), weights=path).meta["rstmodel"] == path.name


@pytest.mark.slow
def test_synthesize(tmp_path, granules):
    folder = tmp_path / "own"
    folder.mkdir()
    for number in range(2):
        np.save(folder / f"{number}.npy", granules((150, 450), number))
        (folder / f"{number}.toml").write_text('pixel_km = 60\ninstrument = "Simulation"\nlicence = "CC0"\n')
    spot = granules((150, 450), 2)
    spot[50:100, 50:100] *= 0.3
    for name, image, scale in (("spot", spot, 60), ("tiny", granules((150, 450), 3), 6), ("hmi", spot, 365)):
        np.save(folder / f"{name}.npy", image)
        (folder / f"{name}.toml").write_text(f"pixel_km = {scale}")
    manifest = build_dataset("synthesize-vae", folder, tmp_path / "data")
    assert len(manifest.items) == 4
    reasons = [reason for _, reason in manifest.refused]
    found = zip(("pixels of 0.503", "sunspots", "900 km wide"), reasons, strict=True)
    assert all(text in reason for text, reason in found)
    assert {item.licence for item in manifest.items} == {"CC0"}
    path = trained("synthesize-vae", tmp_path, small("synthesize-vae"))
    assert "CC0" in read_metadata(path)["training_data"]
    rows = evaluate("synthesize-vae", tmp_path / "data", methods=["physics"])
    assert [row["source"] for row in rows] == ["Simulation"]
    smap = synthesize_granulation((150, 140), method="vae", weights=path, seed=1, device="cpu")
    assert smap.meta["rstmodel"] == path.name
    # The same folder serves the other generators
    training, _ = recipe_of(get_task("synthesize-gan")).datasets(tmp_path / "data", small("synthesize-gan"))
    assert training[0][1].shape == (1, 128, 128)


@pytest.mark.slow
def test_desaturate(tmp_path, sample, write, write_jp2, monkeypatch, other_day):
    image, header = sample("aia_171_quiet")
    bright = image.copy()
    bright[96:160, 96:160] += 4000
    names = ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CDELT1", "CDELT2", "CRPIX1", "CRPIX2", "INSTRUME", "TELESCOP")
    own = {name: header[name] for name in (*names, "WAVELNTH", "WAVEUNIT")}
    for day in (1, 2, 3):
        write(f"own/{day}", other_day(bright, day, axis=0), header, DATE_OBS=f"2013-03-0{day}T12:00:00")
        display = np.clip(np.sqrt(other_day(bright, 5 * day, axis=1).clip(0)) * 3, 0, 250).astype(np.uint8)
        write_jp2(f"own/{day}.jp2", display, own, DATE_OBS=f"2013-03-0{day}T12:01:00", QUALITY=1 << 30)
    write("own/doubtful", np.roll(image, 4, axis=1), header, QUALITY=1)
    write("own/cutout", image[:200], header)
    flare, flare_header = sample("aia_193_flare")
    write("own/flare", np.pad(flare, 40, mode="edge"), flare_header)
    write("own/hmi", *sample("hmi_continuum_spot"))
    manifest = build_dataset("desaturate", tmp_path / "own", tmp_path / "data", gap="20 h")
    assert described(manifest) == {"train": ["1", "1.jp2", "2", "2.jp2"], "validation": ["3", "3.jp2"]}
    reasons = {name.partition("/")[2]: reason for name, reason in manifest.refused}
    expected = {"doubtful": "QUALITY = 0x1", "cutout": "200 x 256", "flare": "saturated", "hmi": "HMI"}
    assert reasons.keys() == expected.keys()
    assert all(text in reasons[name] for name, text in expected.items())
    network = {"architecture": "FillingUNet", "widths": [4, 8], "others": 1, "brightest": "channel"}
    options = {"views": 4, "shares": {"shapes": 0.5, "injected": 0.5}}
    path = trained("desaturate", tmp_path, small("desaturate", network=network, patch_size=64, options=options))
    monkeypatch.setattr(scores, "_TILES", 1)
    monkeypatch.setattr(scores, "_FLARES", 1)
    rows = evaluate("desaturate", tmp_path / "data", methods=["network"], weights=path)
    sources = {row["source"] for row in rows}
    assert {"injected flares", "level 1, random boxes", "random boxes"} <= sources
    # One day, and images that are too narrow for three bands
    with pytest.raises(ValueError, match=r"1 of 3 parts.*at least 768 columns"):
        calibrate("desaturate", tmp_path / "data", weights=path)
    result = desaturate(sunpy.map.Map(sample_path("aia_193_flare")), weights=path)
    assert result.meta["rstmodel"] == path.name


@pytest.mark.slow
def test_inpaint(tmp_path, sample, write, monkeypatch):
    image, header = sample("lasco_c3_cme")
    later, later_header = sample("lasco_c3_later")
    write("own/a.bin", image.astype(np.int16), header)
    write("own/b.bin", later.astype(np.int16), later_header)
    lost = image.copy()
    lost[320:352, 640:704] = 0
    write("own/lost", lost, header, TIME_OBS="01:00:00")
    write("own/cutout", image[:512], header, TIME_OBS="02:00:00")
    write("own/binned", image[::2, ::2], header, CDELT1=112.0, CDELT2=112.0)
    write("own/cor1", image, header, INSTRUME="SECCHI", DETECTOR="COR1")
    with pytest.raises(ValueError, match=r"none for validation.*set gap= or add images"):
        build_dataset("inpaint", tmp_path / "own", tmp_path / "data")
    manifest = build_dataset("inpaint", tmp_path / "own", tmp_path / "data", gap="6 h")
    assert described(manifest) == {"train": ["a.bin"], "validation": ["b.bin"]}
    assert manifest.items[0].time == "2002-01-08T20:18:05.541"
    reasons = {name.partition("/")[2]: reason for name, reason in manifest.refused}
    expected = {"lost": "missing blocks", "cutout": "full frame", "binned": "full frame", "cor1": "SECCHI"}
    assert reasons.keys() == expected.keys()
    assert all(text in reasons[name] for name, text in expected.items())
    monkeypatch.setattr(inpainting_datasets, "_VALIDATION_PAIRS", 1)
    network = {"architecture": "CoronaUNet", "widths": [4, 6], "view": "equalized"}
    path = trained("inpaint", tmp_path, small("inpaint", network=network, patch_size=64, options=NO_MIXTURES))
    monkeypatch.setattr(inpainting_scores, "_SIZES", {"64 px": (2, 2)})
    monkeypatch.setattr(inpainting_scores, "_HOLES", 1)
    monkeypatch.setattr(inpainting_scores, "_LEAST_CROSSED", 0)
    rows = evaluate("inpaint", tmp_path / "data", methods=["network", "harmonic"], weights=path)
    assert ("C3, level 0.5: 64 px", "network") in {(row["source"], row["method"]) for row in rows}
    check_calibration("inpaint", tmp_path, path, 3)
    result = inpaint(sunpy.map.Map(lost, dict(header)), weights=path)
    assert result.meta["rstmodel"] == path.name
    assert filled(result).sum() == 2 * 32 * 32


@pytest.mark.slow
def test_a_list_in_the_folder_of_the_data(tmp_path, granules):
    """Without a data set: the files lie as they are, and the list says what they are for."""
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "sim.npy", granules((150, 450), 0))
    entry = (
        '[[source]]\nname = "Sim"\nsplit = "{}"\nfiles = ["sim.npy"]\ncolumns = {}\npixel_km = 60\nlicence = "CC0"\n'
    )
    text = entry.format("train", [0, 320]) + entry.format("validation", [320, 450])
    (folder / "synthesize.toml").write_text(text)
    path = train("synthesize-vae", folder, tmp_path / "run", config=small("synthesize-vae"), progress=False)
    described = read_metadata(path)["training_data"]
    assert "Sim (100%)" in described
    assert "CC0" in described
    assert [row["source"] for row in evaluate("synthesize-vae", folder, methods=["physics"])] == ["Sim"]
