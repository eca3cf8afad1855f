"""Cases for the calibration of an uncertainty come from the validation images of own data sets."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.manifest import Manifest
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.desaturation.recipe import calibration as desaturation
from sunpy_restore.desaturation.recipe import parts
from sunpy_restore.desaturation.recipe.own import EIGHT_BIT, LEVEL_1
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe import owncases
from sunpy_restore.enhancement.task import CONTINUUM
from sunpy_restore.tasks import get_task
from sunpy_restore.training import build_dataset

PARTS = {"first", "second", "third"}


def recipe(task):
    return recipe_of(get_task(task))


def check_enhanced(cases):
    assert {case.part for case in cases} == PARTS
    assert len({case.name for case in cases}) == len(cases)
    for case in cases[:6]:
        observation, truth = case.make()
        assert truth.shape == tuple(2 * length for length in observation.data.shape)
        assert np.isfinite(truth).any()
        np.testing.assert_array_equal(case.make()[0].data, observation.data)
        binned = truth.reshape(len(truth) // 2, 2, -1, 2).mean(axis=(1, 3))
        known = np.isfinite(binned)
        assert np.corrcoef(binned[known], observation.data[known])[0, 1] > 0.6


def test_fine_continuum_images(tmp_path, granules):
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "own" / "high.npy", granules((420, 400), 0))
    (tmp_path / "own" / "high.toml").write_text('pixel_scale = 0.1\nunit = "DN"\n')
    build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    cases = recipe("enhance-continuum").calibration(tmp_path / "data")
    assert len(cases) == 3 * 4 * 5
    assert {case.group for case in cases} == {"noise 0.03 %", "noise 0.1 %", "noise 0.3 %", "noise 1 %"}
    check_enhanced(cases)
    telescope = replace(HMI, pixel_scale=0.4, aperture=0.2)
    other = recipe("enhance-continuum").for_networks([{"telescope": telescope.described()}])
    observation, _ = other.calibration(tmp_path / "data")[0].make()
    assert observation.telescope.pixel_scale == 0.4
    with pytest.raises(ValueError, match=r"another|0\.4 arcsec"):
        other.calibration(tmp_path / "own")


def test_low_images_belong_to_parts_by_time(tmp_path, granules):
    (tmp_path / "own").mkdir()
    for number in range(12):
        np.save(tmp_path / "own" / f"{number}.npy", granules((200, 200), number))
        card = f'pixel_scale = 0.1\nunit = "DN"\ntime = "2014-01-{1 + number:02d}T00:00:00"\n'
        (tmp_path / "own" / f"{number}.toml").write_text(card)
    manifest = build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    kept = manifest.split("validation")
    if len(kept) < 3:
        with pytest.raises(ValueError, match=r"of 3 parts.*Add images of at least 40 arcsec"):
            recipe("enhance-continuum").calibration(tmp_path / "data")
        return
    cases = recipe("enhance-continuum").calibration(tmp_path / "data")
    parts = [{case.part for case in cases if case.source == item.origin} for item in kept]
    assert all(len(found) == 1 for found in parts)
    check_enhanced(cases)


def test_hmi_images_are_the_truth_near_spots_only(tmp_path, sample, write, other_day):
    spot, header = sample("hmi_continuum_spot")
    high = np.tile(spot, (4, 1))
    for day in (1, 3):
        write(f"own/{day}.fits", other_day(high, day, axis=0), header, DATE_OBS=f"2013-01-0{day}T00:00:00")
    build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    cases = recipe("enhance-continuum").calibration(tmp_path / "data")
    check_enhanced(cases)
    quiet, header = sample("hmi_continuum_quiet")
    for day in (1, 3):
        write(f"quiet/{day}.fits", other_day(quiet, day, axis=0), header, DATE_OBS=f"2013-01-0{day}T00:00:00")
    build_dataset("enhance-continuum", tmp_path / "quiet", tmp_path / "other")
    with pytest.raises(ValueError, match="Found only HMI images without sunspots and plage"):
        recipe("enhance-continuum").calibration(tmp_path / "other")


def fake_manifest(monkeypatch, tmp_path, images, groups):
    items = [
        Item(
            origin=str(number),
            sha256=str(number),
            shard="",
            shape=image.shape,
            group=group,
            unit="",
            pixel_scale=0.6,
            time=f"2014-01-0{1 + number}T00:00:00",
            split="validation",
        )
        for number, (image, group) in enumerate(zip(images, groups, strict=True))
    ]

    class Read(Manifest):
        def read(self, item, name="image", scale=1):
            return images[int(item.origin)]

    monkeypatch.setattr(desaturation, "has_manifest", lambda _: True)
    monkeypatch.setattr(parts, "read_manifest", lambda *_: Read(tmp_path, "desaturate", 2.0, items, []))


@pytest.mark.parametrize("levels", [(EIGHT_BIT, EIGHT_BIT), (LEVEL_1, EIGHT_BIT)])
def test_desaturated_images(monkeypatch, tmp_path, levels):
    rng = np.random.default_rng(0)
    y, x = np.indices((300, 800))
    shape = 40 + 100 * np.exp(-((x % 260 - 130) ** 2 + (y - 150) ** 2) / 2000)
    display = [np.clip(shape + 5 * rng.normal(size=shape.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    images = [
        10.0 * image.astype(float) if group == LEVEL_1 else image
        for image, group in zip(display, levels, strict=True)
    ]  # fmt: skip
    fake_manifest(monkeypatch, tmp_path, images, levels)
    cases = recipe("desaturate").calibration(tmp_path)
    assert {case.part for case in cases} == PARTS
    held = cases[0].make.args[0]
    assert all(len(bands) == 2 for bands in held.disks.values())
    assert all(len(bands) == levels.count(LEVEL_1) for bands in held.exposures.values())
    columns = [row.tobytes() for bands in held.disks.values() for band in bands for row in band.image.T]
    assert len(set(columns)) == len(columns)
    for case in [*cases[:7], cases[-1]]:
        observation, truth = case.make()
        assert observation.mask.any()
        assert truth.shape == observation.image.shape


def test_pairs_are_used_as_they_are(monkeypatch, tmp_path):
    observed = np.random.default_rng(0).normal(1, 0.1, (90, 40)).astype(np.float32)
    truth = np.repeat(np.repeat(observed, 2, axis=0), 2, axis=1)
    item = Item(
        origin="pair", sha256="", shard="", shape=observed.shape, group="HMI with Other", unit="", pixel_scale=0.504,
        split="validation",
    )  # fmt: skip

    class Read(Manifest):
        def read(self, item, name="image", scale=1):
            return truth if name == "truth" else observed

    monkeypatch.setattr(owncases, "holds", lambda *_: True)
    monkeypatch.setattr(owncases, "read_manifest", lambda *_: Read(tmp_path, "pairs", 2.0, [item], []))
    made = {case.part: case.make() for case in owncases.own_cases(CONTINUUM, tmp_path, "pairs")}
    assert set(made) == PARTS
    for observation, own in made.values():
        np.testing.assert_array_equal(own[::2, ::2], observation.data)
    assert sum(len(observation.data) for observation, _ in made.values()) == 90 - 2 * 4
