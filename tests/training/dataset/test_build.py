"""What is taken, what is refused and why, and that a second run resumes."""

import gzip
import json
import shutil

import numpy as np
import pytest

from astropy.io import fits

pytest.importorskip("lightning")

from sunpy_restore.core.datasets.manifest import described, read_manifest
from sunpy_restore.training import build_dataset, evaluate, format_manifest, train
from sunpy_restore.training.dataset import build as module

TASK = "enhance-magnetogram"


@pytest.fixture
def magnetogram(sample, write):
    """Write the magnetogram of some day."""
    field, header = sample("hmi_magnetogram")

    def magnetogram(name, time="2011-02-14T20:34:12", *, roll=0, **keywords):
        # Its own noise, without which the image would be a shifted copy
        noise = 5 * bool(roll) * np.random.default_rng(roll).standard_normal(field.shape, dtype=np.float32)
        return write(name, np.roll(field, roll, axis=0) + noise, header, DATE_OBS=time, **keywords)

    return magnetogram


def reasons(manifest):
    return {name.partition("/")[2]: reason for name, reason in manifest.refused}


def test_other_files_are_refused_with_a_reason(tmp_path, magnetogram, sample, write):
    good = magnetogram("own/good.fits")
    (tmp_path / "own/again.fits.gz").write_bytes(gzip.compress(good.read_bytes()))
    with fits.open(good) as hdus:
        fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="GZIP_2", quantize_level=0).writeto(
            tmp_path / "own/packed.fz"
        )
    magnetogram("own/eclipse.fits", roll=1, QUALITY=0x400)
    magnetogram("own/vector.fits", roll=2, CONTENT="AZIMUTH")
    magnetogram("own/made.fits", roll=3, RESTORED=True)
    write("own/aia.fits", *sample("aia_171_quiet"))
    write("own/continuum.fits", *sample("hmi_continuum_spot"))
    (tmp_path / "own/broken.fits").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "own/empty.fits").write_bytes(b"")
    np.save(tmp_path / "own/array.npy", np.ones((40, 40)))
    np.save(tmp_path / "own/typo.npy", np.ones((40, 40)))
    (tmp_path / "own/typo.toml").write_text("pixelscale = 1")
    (tmp_path / "own/notes.txt").write_text("nothing")
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert {item.origin for item in manifest.items} == {"own/again.fits.gz"}
    expected = {
        "good.fits": "same pixels as own/again.fits.gz",
        "packed.fz": "same pixels as own/again.fits.gz",
        "eclipse.fits": "QUALITY = 0x400",
        "vector.fits": "CONTENT = 'AZIMUTH'",
        "made.fits": "RESTORED = True",
        "aia.fits": "pixels of 0.599 arcsec",
        "continuum.fits": "CONTENT = 'CONTINUUM INTENSITY'",
        "broken.fits": "cannot be read",
        "empty.fits": "neither FITS nor",
        "array.npy": "array.toml",
        "typo.npy": "'pixelscale'",
    }
    found = reasons(manifest)
    assert found.keys() == expected.keys()
    assert all(text in found[name] for name, text in expected.items())
    table = format_manifest(manifest)
    assert all(name in table for name in ("HMI", "eclipse.fits", "QUALITY"))


def test_second_run_adds_new_files_and_keeps_the_splits(tmp_path, magnetogram, monkeypatch):
    for day in range(10, 15):
        magnetogram(f"own/{day}.fits", f"2011-02-{day}T00:00:00", roll=day)
    first = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert [item.origin for item in first.split("validation")] == ["own/14.fits"]
    examined = []
    original = module._examine
    monkeypatch.setattr(module, "_examine", lambda *args: examined.append(args[1]) or original(*args))
    assert build_dataset(TASK, tmp_path / "own", tmp_path / "data") == first
    assert examined == []
    magnetogram("own/near.fits", "2011-02-14T01:00:00", roll=1)
    magnetogram("own/early.fits", "2011-02-09T23:00:00", roll=2)
    second = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert sorted(examined) == ["own/early.fits", "own/near.fits"]
    splits = {item.origin: item.split for item in second.items}
    assert splits == {item.origin: item.split for item in first.items} | {
        "own/near.fits": "validation", "own/early.fits": "train",
    }  # fmt: skip
    # A shard that was lost is written again, and a line of the record that was cut off does no harm
    (tmp_path / "data" / second.items[0].shard).unlink()
    with (tmp_path / "data" / "files.jsonl").open("a") as file:
        file.write('{"name": "own/')
    examined.clear()
    magnetogram("own/new.fits", "2011-03-01T00:00:00", roll=3)
    third = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert sorted(examined) == ["own/10.fits", "own/new.fits"]
    assert len(third.items) == 8
    examined.clear()
    build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert examined == []


def test_files_of_equal_names_in_several_folders(tmp_path, magnetogram):
    for number, folder in enumerate(("one/own", "two/own")):
        magnetogram(f"{folder}/a.fits", f"2011-02-{10 + number}T00:00:00", roll=number)
    sources = [tmp_path / "one/own", tmp_path / "two/own"]
    manifest = build_dataset(TASK, sources, tmp_path / "data")
    assert [item.origin for item in manifest.items] == ["own/a.fits", "own/a.fits (2)"]
    # The folder of the data set may lie below one of the images
    shutil.move(tmp_path / "data", tmp_path / "one/own/data")
    assert len(build_dataset(TASK, sources, tmp_path / "one/own/data").items) == 2


@pytest.mark.parametrize("change", ["hash", "time", "region"])
def test_leaking_split_is_refused(tmp_path, magnetogram, change):
    if change == "region":
        magnetogram("own/a.fits")
    else:
        for day in (10, 11):
            magnetogram(f"own/{day}.fits", f"2011-02-{day}T00:00:00", roll=day)
    build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    path = tmp_path / "data" / "manifest.json"
    content = json.loads(path.read_text())
    first, last = content["items"]
    if change == "region":
        first["columns"][1] = last["columns"][0] + 1
    elif change == "time":
        last["time"] = "2011-02-10T01:30:00.000"
    else:
        last["sha256"] = first["sha256"]
    path.write_text(json.dumps(content))
    for run in (
        lambda: train(TASK, tmp_path / "data", tmp_path / "run", progress=False),
        lambda: evaluate(TASK, tmp_path / "data", methods=["bicubic"]),
        lambda: read_manifest(tmp_path / "data"),
        lambda: build_dataset(TASK, tmp_path / "own", tmp_path / "data"),
    ):
        with pytest.raises(ValueError, match="not independent"):
            run()


def test_errors(tmp_path, magnetogram):
    magnetogram("own/a.fits")
    with pytest.raises(ValueError, match="simulated"):
        build_dataset("backproj", tmp_path / "own", tmp_path / "data")
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        build_dataset(TASK, tmp_path / "elsewhere", tmp_path / "data")
    with pytest.raises(ValueError, match=r"0 images .* expected a unit|0 images .*CONTENT"):
        build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "none")
    for gap in ("soon", "-1 h", "3 m", 4):
        with pytest.raises(ValueError, match="gap="):
            build_dataset(TASK, tmp_path / "own", tmp_path / "data", gap=gap)
    build_dataset(TASK, tmp_path / "own", tmp_path / "data", gap="30 min")
    assert read_manifest(tmp_path / "data").gap == 0.5
    with pytest.raises(ValueError, match="another folder"):
        build_dataset(TASK, tmp_path / "own", tmp_path / "data", gap="1 h")
    for run in (train, evaluate):
        options = {"out": tmp_path / "run", "progress": False} if run is train else {"methods": ["bicubic"]}
        with pytest.raises(ValueError, match="for enhance-magnetogram"):
            run("enhance-continuum", tmp_path / "data", **options)
    with pytest.raises(ValueError, match="for enhance-magnetogram"):
        build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")


def test_an_image_has_the_terms_of_all_its_copies(tmp_path, granules):
    (tmp_path / "own").mkdir()
    image, card = granules((160, 400), 0), 'pixel_scale = 0.1\nunit = "DN"\n'
    for name, terms in (("a", ""), ("b", 'licence = "CC0"\ncredit = "B"\n'), ("c", 'licence = "CC0"\ncredit = "C"\n')):
        np.save(tmp_path / f"own/{name}.npy", image)
        (tmp_path / f"own/{name}.toml").write_text(card + terms)
    manifest = build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    assert {(item.origin, item.licence, item.credit) for item in manifest.items} == {("own/a.npy", "CC0", "B; C")}
    np.save(tmp_path / "own/d.npy", image)
    (tmp_path / "own/d.toml").write_text(card + 'licence = "CC-BY-4.0"\n')
    manifest = build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    assert {item.licence for item in manifest.items} == {"CC0; CC-BY-4.0"}
    text = described(tmp_path / "data")["training_data"]
    assert "CC0; CC-BY-4.0" in text
    # No image has a time
    assert "different regions of images" in text
    assert "apart" not in format_manifest(manifest)
