"""
A sixth function, defined here: a Gaussian blur of any Map is undone.

With its record in `sunpy_restore.tasks.FUNCTIONS` and its weights in the registry it has everything that the functions
of the package have, without any change of the package.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from ndcube import NDCube
from scipy import ndimage
from torch import nn
from torch.utils.data import Dataset

import astropy.units as u

import sunpy.map

import sunpy_restore
from sunpy_restore import tasks
from sunpy_restore.cli.main import main
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn, Variant
from sunpy_restore.core.reports.report import Check
from sunpy_restore.core.restoration import observation as base
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.task import MapFunction, Option, Restoration
from sunpy_restore.core.weights import registry
from sunpy_restore.data import sample_path

WIDTH = 1.5  # pixels
RADIUS = 6  # pixels; where the blur ends


def blur(image):
    """The forward model."""
    return ndimage.gaussian_filter(image, WIDTH, mode="reflect", radius=RADIUS)


@dataclass(frozen=True, kw_only=True)
class Observation(base.Observation):
    image: np.ndarray
    valid: np.ndarray
    level: float
    nothing_to_do: str | None = None

    @classmethod
    def check(cls, smap, *, lowest=None):
        if smap.meta.get("sharp") == "never":
            raise ValueError("Found SHARP = 'never'; expected a Map that can be sharp.")

    @classmethod
    def from_map(cls, smap, *, lowest=None):
        image, valid = fill_invalid(smap.data)
        reason = "The Map is flat, it comes back unchanged." if np.ptp(image) == 0 else None
        return cls(image=image.astype(float), valid=valid, level=float(np.abs(image).max()), nothing_to_do=reason)


def sharpened(observation, *, progress=False):
    """The classical method: unsharp masking."""
    image = observation.image / observation.level
    return 2 * image - blur(image)


def with_network(observation, network, *, progress=False):
    return network(observation.image / observation.level, progress=progress)


def restore(observation, method, *, strength=1.0, progress=False):
    change = observation.level * method(observation, progress=progress) - observation.image
    data = observation.image + strength * change
    return Restored(data=np.where(observation.valid, data, np.nan), cards={"strength": strength})


class Deblurrer(nn.Module):
    """A linear filter of sum zero, zero at the start, whose answer is added to the image."""

    def __init__(self, side):
        super().__init__()
        self.receptive_radius = side // 2
        self.filter = nn.Parameter(torch.zeros(1, 1, side, side))

    def forward(self, image):
        padded = nn.functional.pad(image, [self.receptive_radius] * 4, mode="reflect")
        return image + nn.functional.conv2d(padded, self.filter - self.filter.mean())


class Pairs(Dataset):
    def __init__(self, images, length, side, seed):
        self.images, self.length, self.side, self.seed = images, length, side, seed

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        image = self.images[rng.integers(len(self.images))]
        row, column = (rng.integers(length - self.side + 1) for length in image.shape)
        truth = image[row : row + self.side, column : column + self.side].astype(np.float32)
        return tuple(torch.from_numpy(part)[None] for part in (blur(truth), truth))


class DeblurRecipe(Recipe):
    score_columns: ClassVar = {"error": ScoreColumn("RMS error [% of the contrast]", "{:.1%}")}

    def configs(self):
        network = {"architecture": "Deblurrer", "side": 9}
        options = {"patch_size": 24, "batch_size": 8, "steps": 150, "learning_rate": 0.03, "ema_decay": 0.0}
        return {"compact": TrainingConfig(name="compact", network=network, validation_interval=75, **options)}

    def training_data(self, config):
        return "Noise with a steep spectrum."

    @staticmethod
    def images(directory, split):
        return [np.load(path) for path in sorted(directory.glob(f"{split}*.npy"))]

    def datasets(self, directory, config):
        train, kept = (self.images(directory, split) for split in ("train", "kept"))
        length = config.steps * config.batch_size
        return Pairs(train, length, config.patch_size, config.seed), {"kept": Pairs(kept, 8, config.patch_size, 1)}

    def loss(self, network, batch, config):
        observed, truth = batch
        return nn.functional.mse_loss(self.predict(network, observed, config), truth)

    def evaluation_pairs(self, directory):
        for truth in self.images(directory, "kept"):
            observed = blur(truth)
            yield "noise", Observation(image=observed, valid=np.isfinite(observed), level=1.0), truth

    def measure(self, observation, restored, truth):
        return {"error": float(np.std(restored - truth) / truth.std())}

    def variants(self):
        return {**super().variants(), "network, half": Variant("network", {"strength": 0.5})}


TASK = Restoration(
    name="deblur-gaussian",
    title="Gaussian blur of any Map",
    doi="10.1000/182",
    unit="largest value",
    build_network=lambda hyperparameters: Deblurrer(hyperparameters["side"]),
    network_method=with_network,
    classical={"unsharp": sharpened},
    restore=restore,
    recipe=DeblurRecipe,
)

DEBLUR = MapFunction(
    name="deblur",
    module=__name__,
    summary="undo a Gaussian blur",
    tasks=(TASK,),
    observation=Observation,
    options=(Option("strength", "share of the correction", "S", read=float),),
)


def deblur(image, *, strength=1.0, method="network", weights=None, device=None, progress=False):
    """The public function."""
    options = {"method": method, "weights": weights, "device": device, "progress": progress}
    return run(DEBLUR, image, **options, restoring={"strength": strength})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for index, name in enumerate(("train0", "train1", "train2", "kept0")):
        noise = np.random.default_rng(index).standard_normal((80, 90))
        image = ndimage.gaussian_filter(noise, 1.0)
        np.save(folder / f"{name}.npy", 0.5 + 0.2 * image / np.abs(image).max())
    return folder


@pytest.fixture
def known(monkeypatch):
    """The one line in tasks.py."""
    monkeypatch.setattr(tasks, "FUNCTIONS", (*tasks.FUNCTIONS, DEBLUR))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Weights of a training by the command line."""
    pytest.importorskip("lightning", reason="training needs the extra 'train'")
    out = tmp_path_factory.mktemp("run")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "FUNCTIONS", (*tasks.FUNCTIONS, DEBLUR))
        arguments = ["train", TASK.name, "--data", str(data), "--out", str(out), "--no-progress"]
        assert main(arguments) == 0
    torch.set_num_threads(threads)
    return out / "deblur-gaussian-compact.safetensors"


@pytest.fixture
def registered(trained, known, monkeypatch, tmp_path):
    """The one entry in the registry."""
    sha256 = hashlib.sha256(trained.read_bytes()).hexdigest()
    (tmp_path / "registry.toml").write_text(
        f'base_url = ""\nfolder = {json.dumps(str(trained.parent))}\n[weights.deblur]\ntask = "{TASK.name}"\n'
        f'kind = "compact"\nfile = "{trained.name}"\nsha256 = "{sha256}"\nsize = {trained.stat().st_size}\n'
        'licence = "BSD-3-Clause"\ndoi = "10.1000/182"\ndefault = true\ndescription = "A filter."\n'
    )
    monkeypatch.setattr(registry, "REGISTRY", tmp_path / "registry.toml")
    return sha256


@pytest.fixture
def blurred():
    smap = sunpy.map.Map(sample_path("hmi_continuum_spot"))
    return sunpy.map.Map(blur(smap.data.astype(float)), smap.meta)


def test_it_restores_maps_with_weights_of_the_registry(registered, blurred):
    result = deblur(blurred)
    truth = sunpy.map.Map(sample_path("hmi_continuum_spot")).data
    errors = [np.std(image - truth) for image in (result.data, blurred.data, deblur(blurred, method="unsharp").data)]
    assert errors[0] < 0.6 * errors[1]
    assert errors[0] < errors[2]
    assert type(result) is type(blurred)
    assert (result.meta["rsttask"], result.meta["rstmeth"], result.meta["rstmodel"]) == (TASK.name, "network", "deblur")
    assert result.meta["rstsha"] == registered
    assert result.meta["strength"] == 1
    assert "deblur-gaussian" in result.meta["history"]


@pytest.mark.parametrize("method", ["network", "unsharp"])
def test_it_takes_all_containers(registered, blurred, method):
    expected = deblur(blurred, method=method)
    for container in ([blurred, blurred], (blurred, blurred), sunpy.map.Map(blurred, blurred, sequence=True)):
        result = deblur(container, method=method)
        assert type(result) is type(container)
        for smap in result:
            np.testing.assert_array_equal(smap.data, expected.data)
    cube = NDCube(blurred.data, wcs=blurred.wcs, meta=dict(blurred.meta), unit=u.ct)
    result = deblur(cube, method=method)
    np.testing.assert_array_equal(result.data, expected.data)
    assert result.meta["RSTTASK"] == TASK.name
    assert result.meta["strength"] == 1


def test_errors_and_warnings_are_those_of_all_functions(known, blurred):
    with pytest.raises(ValueError, match="Unknown method 'magic'; expected one of network, unsharp"):
        deblur(blurred, method="magic")
    restored = deblur(blurred, method="unsharp")
    with pytest.raises(ValueError, match=r"Image 2 of 2: .*deblur has restored this Map already"):
        deblur([blurred, restored], method="unsharp")
    never = sunpy.map.Map(blurred.data, {**blurred.meta, "sharp": "never"})
    with pytest.raises(ValueError, match="Found SHARP = 'never'"):
        deblur(never, method="unsharp")
    flat = sunpy.map.Map(np.ones_like(blurred.data), blurred.meta)
    with pytest.warns(RestoreWarning, match="Image 2 of 2: The Map is flat") as warned:
        result = deblur([blurred, flat], method="unsharp")
    assert [warning.filename for warning in warned] == [__file__]
    assert result[1] is flat


def test_its_results_survive_saving(registered, blurred, tmp_path):
    blurred.data[3:5, 7] = np.nan
    blurred.mask = np.zeros(blurred.data.shape, dtype=bool)
    blurred.mask[5, 6] = True
    result = deblur(blurred)
    sunpy_restore.save(result, tmp_path / "sharp.fits")
    loaded = sunpy_restore.load(tmp_path / "sharp.fits")
    np.testing.assert_array_equal(loaded.data, result.data)
    np.testing.assert_array_equal(loaded.mask, result.mask)
    assert loaded.meta["rstsha"] == registered
    with pytest.raises(ValueError, match="restored this Map already"):
        deblur(loaded)


def test_its_results_are_checked(known, blurred, tmp_path, capsys):
    """By the checks of all functions, until its record names more."""
    restored = deblur(blurred, method="unsharp")
    found = sunpy_restore.report(restored, blurred, lowest=1)
    assert [check.name for check in found] == ["Pixels without a value"]
    assert found.passed
    assert (found.task, found.method) == (TASK.name, "unsharp")
    restored.data[3, 4:6] = np.nan
    assert sunpy_restore.report(restored, blurred)["Pixels without a value"].value == 2
    sunpy_restore.save(restored, tmp_path / "sharp.fits")
    blurred.save(tmp_path / "blurred.fits")
    assert main(["report", str(tmp_path / "sharp.fits"), str(tmp_path / "blurred.fits")]) == 1
    assert "FLAG  Pixels without a value  2 (expected 0)" in capsys.readouterr().out


def test_checks_of_its_own_follow(monkeypatch, blurred):
    def checks(comparison):
        change = comparison.restored.mean() / comparison.observation.image.mean() - 1
        return [Check(name="Mean", value=float(change), low=-0.01, high=0.01, meaning="Change of the mean.")]

    task = dataclasses.replace(TASK, checks=checks)
    function = dataclasses.replace(DEBLUR, tasks=(task,))
    monkeypatch.setattr(tasks, "FUNCTIONS", (*tasks.FUNCTIONS, function))
    restored = deblur(blurred, method="unsharp")
    assert sunpy_restore.report(restored, blurred).passed
    restored.data[:] *= 1.03
    assert [check.name for check in sunpy_restore.report(restored, blurred).flagged] == ["Mean"]


def test_it_has_a_command(registered, blurred, tmp_path, capsys):
    blurred.save(tmp_path / "blurred.fits")
    target = tmp_path / "sharp.fits"
    assert main(["deblur", str(tmp_path / "blurred.fits"), "-o", str(target), "--strength", "0.5"]) == 0
    found = sunpy_restore.load(target)
    np.testing.assert_array_equal(found.data, deblur(blurred, strength=0.5).data)
    assert found.meta["strength"] == 0.5
    assert main(["weights", "list"]) == 0
    assert f"deblur  {TASK.name}  compact, default" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["deblur", "--help"])
    text = capsys.readouterr().out
    assert "Undo a Gaussian blur." in text
    assert "{network,unsharp}" in text
    assert "--strength S" in text


def test_it_is_evaluated_as_users_run_it(registered, data, capsys):
    pytest.importorskip("lightning", reason="evaluation needs the extra 'train'")
    assert main(["evaluate", TASK.name, "--data", str(data)]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[-1].strip() == "RMS error [% of the contrast]"
    errors = {row[7:22].strip(): float(row.split()[-1]) for row in rows}
    assert list(errors) == ["network", "unsharp", "network, half"]
    assert errors["network"] < errors["network, half"] < 100
    assert errors["network"] < errors["unsharp"]


def test_weights_say_how_they_were_trained(trained):
    from sunpy_restore.core.weights.store import read_metadata

    metadata = read_metadata(trained)
    assert metadata["task"] == TASK.name
    assert metadata["training_data"] == "Noise with a steep spectrum."
    assert metadata["validation"].keys() == {"nmse/kept", "contrast/kept"}
    assert metadata["validation"]["nmse/kept"] < 0.5
