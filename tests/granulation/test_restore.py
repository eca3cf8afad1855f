"""The methods with networks, here untrained ones, as users and evaluation call them."""

import hashlib
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.core.weights import registry
from sunpy_restore.core.weights.store import write
from sunpy_restore.granulation.request import Request
from sunpy_restore.granulation.task import METHODS, STITCHINGS, SYNTHESIZE_GRANULATION

PIXEL = 60.0
WIDTHS = [8, 8, 8, 8, 4, 4]
NETWORKS = {
    "convolutional": {"architecture": "SpatialGenerator", "latent": 24, "widths": [8, 8, 4, 4], "blocks": 1, "taps": 3},
    "gan": {"architecture": "TileGenerator", "latent": 8, "widths": WIDTHS},
    "vae": {"architecture": "TileVAE", "hidden": 8, "latent": 8, "widths": WIDTHS},
}

pytestmark = pytest.mark.usefixtures("short_evolution", "one_thread", "tiny_registry")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, with_all_weights):
    """Untrained networks with pixels of 60 km, and a registry."""
    folder = tmp_path_factory.mktemp("generators")
    text = f'base_url = ""\nfolder = {json.dumps(str(folder))}\n'
    for task in SYNTHESIZE_GRANULATION.tasks:
        torch.manual_seed(0)
        hyperparameters = NETWORKS[task.kind]
        network = with_all_weights(task.build_network(hyperparameters))
        network.calibration.pixel.fill_(PIXEL)
        path = folder / f"{task.name}.safetensors"
        architecture = hyperparameters["architecture"]
        write(
            path,
            network.state_dict(),
            {"task": task.name, "architecture": architecture, "hyperparameters": hyperparameters},
        )
        text += f"""
[weights.{task.name}-tiny]
task = "{task.name}"
kind = "compact"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
size = {path.stat().st_size}
licence = "BSD-3-Clause"
doi = "{task.doi}"
default = true
description = "A tiny network."
"""
    (folder / "registry.toml").write_text(text)
    return folder


@pytest.fixture
def tiny_registry(folder, monkeypatch):
    monkeypatch.setattr(registry, "REGISTRY", folder / "registry.toml")


def made(method, shape=(60, 75), **options):
    return synthesize_granulation(shape, **{"method": method, "seed": 1, "device": "cpu"} | options)


def test_every_generator_is_tested():
    assert NETWORKS.keys() == {task.kind for task in SYNTHESIZE_GRANULATION.tasks}


@pytest.mark.parametrize("method", METHODS)
def test_users_and_evaluation_run_the_same_code(method):
    task, name = METHODS[method]
    pixel, own = 2 * PIXEL, {"stitching": "greedy"} if task.stitchings else {}
    loaded = load_method(task, name, device="cpu")
    restored = restore_observation(Request(shape=(40, 50), seed=3, pixel=pixel), loaded, **own)
    smap = made(method, (40, 50), seed=3, scale=pixel * u.km, **own)
    np.testing.assert_array_equal(restored.data.image(), smap.data)
    assert restored.method == smap.meta["rstmeth"]
    assert restored.data.pixel == pytest.approx(pixel)


def test_options_replace_fields_of_the_request():
    loaded = load_method(METHODS["gan"][0], device="cpu")
    request = Request(shape=(90, 140), seed=1)
    changes = {"shape": (60, 130), "seed": 2, "stitching": "latent"}
    one = restore_observation(request, loaded, **changes)
    other = restore_observation(replace(request, **changes), loaded)
    np.testing.assert_array_equal(one.data.image(), other.data.image())
    assert one.method == other.method == "gan, latent"


@pytest.mark.parametrize("method", NETWORKS)
def test_the_seed_determines_the_texture(method):
    one, same, other = (made(method, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.data, same.data)
    assert (one.data - other.data).std() > 0.3 * one.data.std()
    drawn = made(method, seed=None)
    np.testing.assert_array_equal(made(method, seed=drawn.meta["rstseed"]).data, drawn.data)


@pytest.mark.parametrize("method", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 1), (13, 150), (130, 9), (128, 129)])
def test_any_shape(method, shape):
    smap = made(method, shape)
    assert smap.data.shape == shape
    assert smap.data.dtype == np.float32
    assert np.isfinite(smap.data).all()
    assert smap.data.size == 1 or smap.data.std() > 0.01


@pytest.mark.parametrize("method", NETWORKS)
def test_the_header_names_the_weights(method, folder):
    path = folder / f"synthesize-{method}.safetensors"
    named, given, default = (made(method, weights=weights) for weights in (f"synthesize-{method}-tiny", path, None))
    assert named.meta["rstmodel"] == default.meta["rstmodel"] == f"synthesize-{method}-tiny"
    assert given.meta["rstmodel"] == path.name
    for smap in (named, given, default):
        # Abbreviated or complete
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(smap.meta["rstsha"])
        assert len(smap.meta["rstsha"]) >= 12
        assert smap.meta["rsttask"] == f"synthesize-{method}"
        assert smap.meta["synthetic"] is True
        np.testing.assert_array_equal(smap.data, named.data)


def test_the_header_names_the_stitching():
    assert made("convolutional").meta["rstmeth"] == "convolutional"
    assert made("gan").meta["rstmeth"] == f"gan, {STITCHINGS[0]}"
    assert made("vae", stitching="latent").meta["rstmeth"] == "vae, latent"


def test_the_default_method_is_convolutional():
    smap = synthesize_granulation((20, 30), seed=1, device="cpu")
    np.testing.assert_array_equal(smap.data, made("convolutional", (20, 30)).data)
    assert smap.meta["rsttask"] == "synthesize-convolutional"


@pytest.mark.parametrize("method", NETWORKS)
def test_pixels_have_the_size_in_the_weights(method):
    assert made(method).scale.axis1.to_value(u.arcsec / u.pix) == pytest.approx(PIXEL / 725.2709, rel=1e-5)
    # Pixels of twice the side are the mean of four
    coarse, fine = made(method, (20, 25), scale=2 * PIXEL * u.km), made(method, (44, 54))
    assert coarse.scale.axis1.to_value(u.arcsec / u.pix) == pytest.approx(2 * PIXEL / 725.2709, rel=1e-5)
    expected = fine.data[:40, :50].reshape(20, 2, 25, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse.data, expected, atol=1e-4)
    with pytest.raises(ValueError, match="expected 6 to 6000 km for a generator trained at 60 km"):
        made(method, scale=5 * u.km)


@pytest.mark.parametrize("shape", [(30, 40), (77, 41)])
def test_smaller_textures_are_parts_of_larger_ones(shape):
    large = made("convolutional", (600, 90)).data
    np.testing.assert_allclose(made("convolutional", shape).data, large[: shape[0], : shape[1]], atol=1e-4)


@pytest.mark.parametrize("method", NETWORKS)
def test_files_contain_the_same_texture(method, tmp_path):
    smap = made(method, (140, 60), out=tmp_path / "granules.fits")
    np.testing.assert_array_equal(smap.data, made(method, (140, 60)).data)


def test_stitchings_differ():
    images = {stitching: made("gan", (100, 140), stitching=stitching).data for stitching in STITCHINGS}
    for one, other in combinations(STITCHINGS, 2):
        assert not np.array_equal(images[one], images[other]), (one, other)


def test_refined_tiles_are_drawn():
    assert not np.array_equal(made("gan", (100, 140), refine_worst=1).data, made("gan", (100, 140)).data)


@pytest.mark.parametrize("method", NETWORKS)
def test_weights_of_another_method_are_refused(method, folder):
    other = next(name for name in NETWORKS if name != method)
    with pytest.raises(ValueError, match=f"synthesize-{other}.*synthesize-{method}"):
        made(method, weights=folder / f"synthesize-{other}.safetensors")


@pytest.mark.parametrize("method", NETWORKS)
def test_networks_run_on_the_device_that_is_asked_for(method):
    with pytest.raises(ValueError, match="device='abacus'"):
        made(method, device="abacus")
