"""Tests of the recipe: configurations, data sets, losses and the rows of the score table."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from sunpy_restore.backprojection.channels import PIXEL
from sunpy_restore.backprojection.classical import clean_observation
from sunpy_restore.backprojection.fitting.scenes import image_of, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.recipe import BackprojectionRecipe
from sunpy_restore.backprojection.recipe.paired import PairedObservation
from sunpy_restore.backprojection.recipe.pairs import SceneDataset, simulated
from sunpy_restore.backprojection.recipe.scores import GRID, SimulatedObservation, simulated_scene
from sunpy_restore.backprojection.task import CHANNELS, TASK
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.networks.papers.pix2pix_clean import CleanDiscriminator, CleanPix2Pix
from sunpy_restore.networks.unrolled import UnrolledUNet

OPTIONS = {"target": "truth", "sides": {"24": 0.5, "32": 0.5}}
RECIPE = recipe_of(TASK)
CONFIGS = RECIPE.configs()
PLAIN = replace(CONFIGS["compact"], options=OPTIONS)


def batch_of(count):
    """A batch of random scenes of the same size."""
    dataset = SceneDataset(count, batch_size=count, options=OPTIONS, seed=0)
    return [torch.stack(parts) for parts in zip(*[dataset[index] for index in range(count)], strict=True)]


def test_recipe_of_the_task():
    assert isinstance(RECIPE, BackprojectionRecipe)


def test_configurations_are_the_same_after_a_round_trip_through_json():
    """Weights files contain them as JSON."""
    for name, config in CONFIGS.items():
        assert config.name == name
        again = json.loads(json.dumps(asdict(config)))
        assert again["network"] == config.network
        assert again["options"] == config.options
        assert sum(config.options["sides"].values()) == pytest.approx(1)
        assert again["adversary"] == config.adversary


def test_networks_of_the_configurations():
    compact, paper = (CONFIGS[name].network for name in ("compact", "paper"))
    compact, paper = TASK.build_network(compact), TASK.build_network(paper | {"width": 4})
    assert isinstance(compact, UnrolledUNet)
    points = stix_uv(range(1, 11))
    np.testing.assert_allclose(compact.uv, np.stack([points.u, points.v], axis=1), rtol=1e-6)
    assert compact.pixel == PIXEL
    assert isinstance(paper, CleanPix2Pix)
    adversary = CONFIGS["paper"].adversary
    assert isinstance(RECIPE.build_adversary(adversary | {"width": 4}), CleanDiscriminator)
    with pytest.raises(ValueError, match="'magic'; expected 'CleanDiscriminator'"):
        RECIPE.build_adversary({"architecture": "magic"})
    with pytest.raises(ValueError, match="'magic'; expected 'GuidedUNet' or 'UnrolledUNet' or 'CleanPix2Pix'"):
        TASK.build_network({"architecture": "magic"})


def test_training_and_validation_data():
    config = replace(CONFIGS["compact"], steps=3, batch_size=2, options=OPTIONS)
    training, validation = RECIPE.datasets(None, config)
    assert len(training) == 6
    assert list(validation) == ["scenes"]
    channels, truth = validation["scenes"][0]
    assert len(validation["scenes"]) == 192
    assert channels.shape == (len(CHANNELS), 64, 64)
    assert truth.shape == (1, 64, 64)
    expected = simulated(np.random.default_rng([99, 0]), 64)
    np.testing.assert_array_equal(channels, expected[0])
    np.testing.assert_array_equal(truth[0], expected[1])


class Given(torch.nn.Module):
    """A network with given images."""

    def __init__(self, *images):
        super().__init__()
        self.images = images

    def forward_stages(self, channels):
        return list(self.images)


def test_loss_is_the_relative_error_plus_the_flux_error_of_all_stages():
    batch = batch_of(4)
    truth = batch[1]
    # The truth has the softening only
    least = float(RECIPE.loss(Given(truth), batch, PLAIN))
    assert least == pytest.approx(0.01, rel=1e-4)
    wrong = 1.2 * truth
    one = float(RECIPE.loss(Given(wrong), batch, PLAIN))
    # Relative error 0.2, and the smooth l1 norm of a flux error of 0.2 with a transition at 0.1, which is 0.15
    assert one == pytest.approx(np.sqrt(0.2**2 + 1e-4) + 0.3 * 0.15, rel=1e-3)
    late = float(RECIPE.loss(Given(truth, wrong), batch, PLAIN))
    early = float(RECIPE.loss(Given(wrong, truth), batch, PLAIN))
    assert late == pytest.approx(one + 0.3 * least, rel=1e-4)
    assert early == pytest.approx(0.3 * one + least, rel=1e-4)
    assert early < late
    negative = truth - 0.1 * (truth < 1e-3)
    errors = (negative - truth).square().sum(dim=(1, 2, 3)) / truth.square().sum(dim=(1, 2, 3))
    expected = float((errors + 1e-4).sqrt().mean())
    assert float(RECIPE.loss(Given(negative), batch, PLAIN)) == pytest.approx(expected, abs=0.02)


def test_loss_has_a_gradient_for_all_parameters():
    torch.manual_seed(0)
    network = TASK.build_network(CONFIGS["compact"].network | {"widths": [4, 6]})
    for stage in network.stages:
        torch.nn.init.normal_(stage.leave.weight, std=0.1)
    batch = batch_of(1)
    RECIPE.loss(network, batch, PLAIN).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    with torch.no_grad():
        assert torch.equal(RECIPE.predict(network, batch[0], PLAIN), network(batch[0]))


def test_only_the_blend_of_a_guided_network_is_trained():
    config = CONFIGS["guided"]
    small = {"widths": [4, 6], "blend_widths": [4, 6]}
    network = TASK.build_network(config.network | small)
    torch.nn.init.normal_(network.blend.leave.weight, std=0.1)
    batch = batch_of(1)
    batch[0][:, CHANNELS.index("noise")] = 0.05
    RECIPE.loss(network, batch, config).backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == name.startswith("blend"), name
    start = TASK.build_network(CONFIGS["compact"].network | {"widths": [4, 6]}).state_dict()
    state = RECIPE.starting_weights(network, start)
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in start.items())


def test_content_loss_is_100_times_the_l1_norm():
    config = CONFIGS["paper"]
    truth = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(RECIPE.content_loss(truth + 0.25, (None, truth), config)) == pytest.approx(25, rel=1e-5)


def test_rows_of_the_score_table():
    rows, methods = list(RECIPE.variants()), list(TASK.methods)
    assert rows[: len(methods)] == methods
    assert rows[len(methods) :] == ["clean, beam of 17 arcsec", "clean, uniform weights", "clean, residual added"]


@pytest.mark.filterwarnings("ignore:The image does not agree with the visibilities")
def test_variants_of_clean_have_their_options():
    _, observation, _ = next(RECIPE.evaluation_pairs(None))
    method = load_method(TASK, "clean")
    for label, variant in RECIPE.variants().items():
        if variant.method == "clean":
            found = RECIPE.restored(observation, method, variant.options)
            expected = clean_observation(observation, **variant.options) / beam_area()
            np.testing.assert_array_equal(found, expected, err_msg=label)
    np.testing.assert_array_equal(
        RECIPE.restored(observation, method, {}), restore_observation(observation, method).data
    )


def test_table_has_a_column_for_every_score():
    scores = set()
    for kind in ("single", "double"):
        scene = simulated_scene(kind, np.random.default_rng(0))
        image = image_of(scene, GRID, BEAM) / beam_area()
        visibilities = visibilities_of_scene(scene, stix_uv())
        observation = SimulatedObservation(
            visibilities=visibilities, points=stix_uv(), matrix=2 * np.eye(2), shape=GRID.shape, scene=scene, noise=1e-3
        )
        scores |= set(RECIPE.measure(observation, image, image))
    assert scores == set(RECIPE.score_columns)


def test_configurations_have_the_uv_points_and_pixels_of_the_package():
    points = stix_uv(range(1, 11))
    for name in ("broad", "compact", "guided"):
        network = CONFIGS[name].network
        np.testing.assert_array_equal(np.reshape(network["uv"], (-1, 2)), np.stack([points.u, points.v], axis=1))
        assert (network["pixel"], network["beam"]) == (PIXEL, BEAM)


def test_a_folder_without_pairs_is_told(tmp_path):
    with pytest.warns(RestoreWarning, match=r"^Found no pairs of own images in .*simulated flares"):
        RECIPE.evaluation_pairs(tmp_path)


def test_residual_maps_of_observed_images_are_not_compared_with_clean_images():
    """Their flux is arbitrary."""
    observation = PairedObservation.__new__(PairedObservation)
    assert RECIPE.restored(observation, load_method(TASK, "clean"), {"residual": True}) is None
