"""A task that fills masked pixels: the image, the mask and the level where it is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from sunpy_restore.core.filling import biharmonic
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.core.task import Method, Restoration
from sunpy_restore.core.weights import write


class Filling(nn.Module):
    """The mean over cells of a grid, once more as a learned multiple, under the mask; the image elsewhere."""

    reach, multiple = 3, 4

    def __init__(self, reach=3):
        super().__init__()
        self.reach = reach
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, planes):
        means = nn.functional.avg_pool2d(planes[:, :1], self.multiple)
        return self.gain * nn.functional.interpolate(means, scale_factor=self.multiple) + planes[:, 2:]


def build_network(hyperparameters):
    return Filling(hyperparameters["reach"])


def valid_pixels_as_they_were(restored, observed):
    return np.where(observed[1] > 0, restored, observed[0])


TASK = Restoration(
    name="fill",
    verb="fill",
    title="Masked pixels",
    doi="10.1000/182",
    unit="mean of the image",
    scale=1,
    planes=("image", "mask", "level"),
    build_network=build_network,
    classical={
        "biharmonic": Method(lambda observed: biharmonic(observed[0], observed[1] > 0), None),
        "level": Method(lambda observed: np.where(observed[1] > 0, observed[2], observed[0]), 0),
    },
    finish=valid_pixels_as_they_were,
    finish_reach=0,
    recipe="",
)


@pytest.fixture
def weights(tmp_path):
    """A function that gives weights of a network of that reach."""

    def weights(reach):
        path = tmp_path / "fill.safetensors"
        state = {"gain": torch.tensor(2.0)}
        write(path, state, {"task": "fill", "architecture": "Filling", "hyperparameters": {"reach": reach}})
        return path

    return weights


@pytest.fixture
def observed():
    rng = np.random.default_rng(0)
    mask = rng.random((30, 45)) < 0.2
    image = np.where(mask, 0.0, 1 + rng.random((30, 45)))
    return np.stack([image, mask, np.where(mask, 3.0, 0.0)]).astype(np.float32)


@pytest.mark.parametrize("reach", [3, None])
def test_network_and_finish_see_all_planes(weights, observed, reach):
    restorer = load_restorer(TASK, weights=weights(reach), device="cpu")
    assert (restorer.reach, restorer.multiple) == (reach, 4)
    result = restorer(observed, tile=8)
    padded = np.pad(observed[0], ((0, 2), (0, 3)), mode="symmetric")
    means = padded.reshape(8, 4, 12, 4).mean(axis=(1, 3)).repeat(4, axis=0).repeat(4, axis=1)[:30, :45]
    mask = observed[1] > 0
    np.testing.assert_allclose(result[mask], 2 * means[mask] + 3, rtol=1e-6)
    np.testing.assert_array_equal(result[~mask], observed[0][~mask])


def test_the_finish_adds_to_the_reach(weights):
    task = replace(TASK, finish_reach=5)
    assert load_restorer(task, weights=weights(3), device="cpu").reach == 8
    assert load_restorer(task, weights=weights(None), device="cpu").reach is None


def test_classical_methods_see_all_planes(observed):
    mask = observed[1] > 0
    result = load_restorer(TASK, "level")(observed, tile=7)
    np.testing.assert_array_equal(result, np.where(mask, 3, observed[0]))
    whole = load_restorer(TASK, "biharmonic")(observed, tile=7)
    np.testing.assert_allclose(whole, biharmonic(observed[0], mask), rtol=1e-5)


def test_tiles_without_work_are_left_out(observed):
    active = np.zeros((30, 45), dtype=bool)
    active[3, 4] = True
    result = load_restorer(TASK, "level")(observed, active=active, tile=15)
    assert np.isfinite(result).sum() == 15 * 15


@pytest.mark.parametrize("shape", [(8, 9), (1, 8, 9), (2, 8, 9), (4, 8, 9), (1, 3, 8, 9)])
def test_another_number_of_planes_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(3, ny, nx\) for the fill task: image, mask, level") as error:
        load_restorer(TASK, "level")(np.zeros(shape))
    assert str(shape) in str(error.value)
    task = replace(TASK, planes=("image",), classical={"same": Method(lambda image: image, 0)})
    if len(shape) > 2:
        with pytest.raises(ValueError, match=r"expected \(ny, nx\) for the fill task: image\."):
            load_restorer(task, "same")(np.zeros(shape))
    else:
        assert load_restorer(task, "same")(np.zeros(shape)).shape == shape


def test_methods_tell_how_they_see_an_image():
    """Where there are several ways; else there is nothing to tell."""
    methods = {
        "one": Method(lambda observed: observed[0], 0, "profile"),
        "other": Method(lambda observed: observed[0], 0),
    }
    task = replace(TASK, classical=methods)
    assert load_restorer(task, "one").view == "profile"
    assert load_restorer(task, "other").view == ""


@pytest.mark.parametrize("view", ["polar", None])
def test_networks_tell_how_they_see_an_image(weights, view):
    def build(hyperparameters):
        network = build_network(hyperparameters)
        if view is not None:
            network.view = view
        return network

    restorer = load_restorer(replace(TASK, build_network=build), weights=weights(3), device="cpu")
    assert restorer.view == (view or "")
