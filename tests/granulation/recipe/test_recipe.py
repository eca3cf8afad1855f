"""Configurations and losses, and trainings of small networks from images to textures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

pytest.importorskip("lightning", reason="training needs the extra 'train'")

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.store import read
from sunpy_restore.granulation import recipe as module
from sunpy_restore.granulation.recipe.textures import read_texture
from sunpy_restore.granulation.statistics import reference_statistics
from sunpy_restore.granulation.task import CONVOLUTIONAL, GAN, SYNTHESIZE_GRANULATION, VAE
from sunpy_restore.training import train

FILES = (("image.npy", 30.0),)
NETWORKS = {
    "convolutional": {
        "architecture": "SpatialGenerator",
        "latent": 24,
        "widths": [8, 8, 4, 4],
        "blocks": 1,
        "taps": 5,
    },
    "gan": {"architecture": "TileGenerator", "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
    "vae": {"architecture": "TileVAE", "hidden": 8, "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
}

every_task = pytest.mark.parametrize("task", SYNTHESIZE_GRANULATION.tasks, ids=lambda task: task.kind)


def small(task, **changes):
    """The compact configuration with a small network, a small discriminator and few steps."""
    config = recipe_of(task).configs()["compact"]
    adversary = config.adversary and {**config.adversary, "widths": [4, 4, 8, 8, 8]}
    options = {**config.options, "files": FILES}
    return replace(
        config, network=NETWORKS[task.kind], adversary=adversary, options=options, batch_size=4, steps=3, **changes
    )


@pytest.fixture
def folder(tmp_path, grains, monkeypatch):
    """A texture of 3 times the usual contrast; calibrations are measured on fewer images."""
    np.save(tmp_path / "image.npy", 500 * (1 + 3 * (grains((150, 512)) - 1)).clip(0.1))
    monkeypatch.setattr(module, "_CALIBRATION_IMAGES", {CONVOLUTIONAL.name: 1, GAN.name: 128, VAE.name: 128})
    return tmp_path


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, id=task.kind, marks=() if task is VAE else pytest.mark.slow)
        for task in SYNTHESIZE_GRANULATION.tasks
    ],
)
def test_generators_can_be_trained_on_another_texture(task, folder):
    """Its images have the pixel size and the intensities of the training texture."""
    path = train(task.name, folder, folder / "out", config=small(task), progress=False)
    state, metadata = read(path)
    texture = read_texture(folder, files=FILES)
    assert state["calibration.pixel"] == 30
    np.testing.assert_allclose(state["calibration.span"], texture.span)
    assert metadata["steps"] == "3"
    assert metadata["validation"].keys() == {f"{name}/kept back" for name in ("contrast", "histogram", "spectrum")}
    assert np.isfinite(list(metadata["validation"].values())).all()
    reference, kept = reference_statistics(path, task=task.name), read_texture(folder, "validation", FILES).images[0]
    assert (reference.source, reference.pixel) == ("image.npy, the last quarter of the columns", 30)
    assert reference.contrast == pytest.approx(float(kept.std() / kept.mean()), rel=1e-3)
    smap = synthesize_granulation((200, 150), method=task.kind, weights=path, seed=1, device="cpu")
    assert smap.data.shape == (200, 150)
    assert smap.scale.axis1.to_value(u.arcsec / u.pix) == pytest.approx(30 / 725.2709, rel=1e-5)
    assert smap.meta["rstmodel"] == path.name
    truth = texture.images[0]
    assert smap.data.min() > truth.min() - truth.std()
    assert smap.data.max() < truth.max() + truth.std()
    assert smap.data.std() > 0.2 * truth.std()
    # Many images together have the intensity distribution of the texture
    network = load_network(task, path)[0].eval()
    convolutional = task is CONVOLUTIONAL
    shape = (2, network.latent, 40, 40) if convolutional else (128, network.latent)
    with torch.no_grad():
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
        generated = network.calibration(network(noise) if convolutional else network.draw_tiles(noise))
    assert generated.mean().item() == pytest.approx(float(truth.mean()), abs=0.3 * float(truth.std()))
    assert generated.std().item() == pytest.approx(float(truth.std()), rel=0.25)


@every_task
def test_networks_of_every_configuration_fit_its_data(task, folder):
    recipe = recipe_of(task)
    for name, config in recipe.configs().items():
        assert config.name == name
        config = replace(config, options={**config.options, "files": FILES})
        training, validation = recipe.datasets(folder, config)
        assert len(training) == config.steps * config.batch_size
        # Shapes only
        with torch.device("meta"):
            network = task.build_network(config.network).eval()
            adversary = config.adversary and recipe.build_adversary(config.adversary).eval()
        observed, truth = (torch.from_numpy(part)[None].to("meta") for part in training[0])
        generated = recipe.predict(network, observed, config)
        assert generated.shape == truth.shape == (1, 1, 128, 128)
        assert (adversary is None) == (task is VAE)
        if adversary is not None:
            assert len(adversary(observed, generated)) == 1
        assert [len(each) for each in validation.values()] == [64]


def test_validation_tiles_are_from_the_part_kept_back_and_always_the_same(folder):
    one, other = (recipe_of(GAN).datasets(folder, small(GAN, seed=seed)) for seed in (1, 2))
    assert not np.array_equal(one[0][0][1], other[0][0][1])
    for first, second in zip(one[1]["kept back"], other[1]["kept back"], strict=True):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
    texture = read_texture(folder, "validation", FILES)
    assert texture.images[0].shape == (150, 128)
    kept = texture.normalised(texture.images[0])
    tile = one[1]["kept back"][0][1][0]
    orientations = [np.rot90(each, turns) for each in (tile, tile.T) for turns in range(4)]
    assert any((kept[row : row + 128] == each).all() for each in orientations for row in range(23))


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_paper_configurations_agree_with_the_thesis():
    """Sierra Acosta (2020)."""
    gan, vae = (recipe_of(task).configs()["paper"] for task in (GAN, VAE))
    for config, betas in ((gan, (0.0, 0.99)), (vae, (0.5, 0.999))):
        assert (config.learning_rate, config.betas, config.schedule) == (1e-3, betas, "constant")
        assert (config.batch_size, config.patch_size, config.precision) == (8, 128, "32-true")
        # Not in the thesis
        assert not any((config.ema_decay, config.gradient_clip, config.weight_decay))
    assert parameters(GAN.build_network(gan.network)) == 12_848_641
    assert parameters(recipe_of(GAN).build_adversary(gan.adversary)) == 11_813_377
    assert parameters(VAE.build_network(vae.network)) == 8_691_073
    assert (gan.network["latent"], vae.network["latent"], vae.network["flattened"]) == (128, 256, 512)
    # Losses: only binary cross-entropy; only squared error and divergence
    assert gan.options == {}
    assert vae.adversary is None
    generated = torch.randn(2, 1, 128, 128)
    assert recipe_of(GAN).content_loss(generated, (None, -generated), gan) == 0


def test_loss_of_an_autoencoder_is_squared_error_and_divergence():
    torch.manual_seed(0)
    config = small(VAE)
    network = VAE.build_network(config.network).eval()
    tiles = torch.randn(3, 1, 128, 128)
    with torch.no_grad():
        generated, mean, log_variance = network(tiles)
        error = functional.mse_loss(generated, tiles)
        normal = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()
        losses = [
            recipe_of(VAE).loss(network, (tiles, tiles), replace(config, options={"kl": weight})).item()
            for weight in (0.0, 1.0, 5.0)
        ]
    share = divergence.item() / tiles.numel()
    np.testing.assert_allclose(losses, [error.item() + weight * share for weight in (0, 1, 5)], rtol=1e-5)
    assert share > 0


def test_content_loss_is_the_weighted_sum_of_spectrum_and_histogram(grains):
    config = small(GAN)
    generated, truth = (torch.from_numpy(grains((2, 1, 128, 128), seed)) for seed in (1, 2))
    generated = 1 + 0.5 * (generated - 1)

    def lost(**options):
        return recipe_of(GAN).content_loss(generated, (None, truth), replace(config, options=options)).item()

    spectrum, histogram = lost(spectrum=1.0), lost(histogram=1.0)
    assert spectrum > 0
    assert histogram > 0
    assert lost() == 0
    assert lost(spectrum=0.3, histogram=2.0) == pytest.approx(0.3 * spectrum + 2 * histogram)


def test_validation_scores(grains):
    truth, validation_scores = torch.from_numpy(grains((4, 1, 128, 128))), recipe_of(GAN).validation_scores
    assert validation_scores(truth, truth) == pytest.approx({"contrast": 1, "histogram": 0, "spectrum": 0}, abs=1e-6)
    half = validation_scores(1 + 0.5 * (truth - truth.mean()), truth)
    assert half["contrast"] == pytest.approx(0.5, rel=1e-3)
    assert half["spectrum"] == pytest.approx(np.log(4), rel=1e-3)
    assert validation_scores(truth + 0.5 * truth.std(), truth)["histogram"] == pytest.approx(0.5, rel=1e-3)
