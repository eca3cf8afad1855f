"""Configurations, and trainings of small networks from images to textures on their scale."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

pytest.importorskip("lightning", reason="training needs the extra 'train'")

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.core.weights import read
from sunpy_restore.granulation import recipe
from sunpy_restore.granulation.generators import load_generator
from sunpy_restore.granulation.recipe.textures import read_texture
from sunpy_restore.granulation.task import GENERATORS
from sunpy_restore.tasks import get_task
from sunpy_restore.training import train

TASKS = [task.name for task in GENERATORS]
FILES = (("image.npy", 30.0),)
NETWORKS = {
    "synthesize-convolutional": {
        "architecture": "SpatialGenerator",
        "latent": 24,
        "widths": [8, 8, 4, 4],
        "blocks": 1,
        "taps": 5,
    },
    "synthesize-gan": {"architecture": "TileGenerator", "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
    "synthesize-vae": {"architecture": "TileVAE", "hidden": 8, "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
}


def small(task, **changes):
    """The compact configuration with a small network, a small discriminator and few steps."""
    config = recipe.configs(task)["compact"]
    adversary = config.adversary and {**config.adversary, "widths": [4, 4, 8, 8, 8]}
    options = {**config.options, "files": FILES}
    return replace(
        config, network=NETWORKS[task], adversary=adversary, options=options, batch_size=4, steps=3, **changes
    )


@pytest.fixture
def folder(tmp_path, grains, monkeypatch):
    """A texture of 3 times the usual contrast, and calibrations that are measured on less."""
    np.save(tmp_path / "image.npy", 500 * (1 + 3 * (grains((150, 512)) - 1)).clip(0.1))
    monkeypatch.setattr(recipe, "_CALIBRATION", {"synthesize-convolutional": 1} | dict.fromkeys(TASKS[1:], 128))
    return tmp_path


@pytest.mark.parametrize("task", TASKS)
def test_a_generator_of_another_texture_works_the_same_way(task, folder):
    """It comes with the scale, and its images with the intensities, of what it was trained on."""
    path = train(task, folder, folder / "out", config=small(task), progress=False)
    state, metadata = read(path)
    texture = read_texture(folder, files=FILES)
    assert state["calibration.pixel"] == 30
    np.testing.assert_allclose(state["calibration.span"], texture.span)
    assert metadata["steps"] == "3"
    figures = {f"{name}/kept back" for name in ("contrast", "histogram", "spectrum")}
    assert metadata["validation"].keys() == figures
    assert np.isfinite(list(metadata["validation"].values())).all()
    smap = synthesize_granulation((200, 150), method=task.split("-")[1], weights=path, seed=1, device="cpu")
    assert smap.data.shape == (200, 150)
    assert smap.scale.axis1.to_value(u.arcsec / u.pix) == pytest.approx(30 / 725.2709, rel=1e-5)
    assert smap.meta["rstmodel"] == path.name
    truth = texture.images[0]
    assert smap.data.min() > truth.min() - truth.std()
    assert smap.data.max() < truth.max() + truth.std()
    assert smap.data.std() > 0.2 * truth.std()
    # Over many images it has the distribution of the texture
    network, _ = load_generator(task.split("-")[1], path)
    shape = (2, network.latent, 40, 40) if task.endswith("convolutional") else (128, network.latent)
    with torch.no_grad():
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
        made = network.calibration(getattr(network, "draw_tiles", network)(noise))
    assert made.mean().item() == pytest.approx(float(truth.mean()), abs=0.3 * float(truth.std()))
    assert made.std().item() == pytest.approx(float(truth.std()), rel=0.25)


@pytest.mark.parametrize("task", TASKS)
def test_every_configuration_gives_networks_for_its_data(task, folder):
    assert task in recipe.DATA
    for name, config in recipe.configs(task).items():
        assert config.name == name
        config = replace(config, options={**config.options, "files": FILES})
        training, validation = recipe.datasets(task, folder, config)
        assert len(training) == config.steps * config.batch_size
        # Shapes alone
        with torch.device("meta"):
            network = get_task(task).build_network(config.network).eval()
            adversary = config.adversary and recipe.build_adversary(config.adversary).eval()
        observed, truth = (torch.from_numpy(part)[None].to("meta") for part in training[0])
        made = recipe.predict(network, observed, config)
        assert made.shape == truth.shape == (1, 1, 128, 128)
        assert (adversary is None) == (task == "synthesize-vae")
        if adversary is not None:
            assert len(adversary(observed, made)) == 1
        assert [len(each) for each in validation.values()] == [64]


def test_validation_is_on_the_same_tiles_of_what_is_kept_back(folder):
    one, other = (recipe.datasets("synthesize-gan", folder, small("synthesize-gan", seed=seed)) for seed in (1, 2))
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


def test_paper_configurations_have_the_thesis_table():
    """Sierra Acosta (2020)."""
    gan, vae = (recipe.configs(f"synthesize-{kind}")["paper"] for kind in ("gan", "vae"))
    for config, betas in ((gan, (0.0, 0.99)), (vae, (0.5, 0.999))):
        assert (config.learning_rate, config.betas, config.schedule) == (1e-3, betas, "constant")
        assert (config.batch_size, config.patch_size, config.precision) == (8, 128, "32-true")
        # Nothing that the thesis has not
        assert not any((config.ema_decay, config.gradient_clip, config.weight_decay))
    assert parameters(get_task("synthesize-gan").build_network(gan.network)) == 12_848_641
    assert parameters(recipe.build_adversary(gan.adversary)) == 11_813_377
    assert parameters(get_task("synthesize-vae").build_network(vae.network)) == 8_691_073
    assert (gan.network["latent"], vae.network["latent"], vae.network["hidden"]) == (128, 256, 512)
    # Binary cross-entropy alone; squared error and divergence alone
    assert gan.options == {}
    assert vae.adversary is None
    made = torch.randn(2, 1, 128, 128)
    assert recipe.content_loss(made, (None, -made), gan) == 0


def test_loss_of_an_autoencoder_is_squared_error_and_divergence():
    torch.manual_seed(0)
    config = small("synthesize-vae")
    network = get_task("synthesize-vae").build_network(config.network).eval()
    tiles = torch.randn(3, 1, 128, 128)
    with torch.no_grad():
        made, mean, log_variance = network(tiles)
        error = functional.mse_loss(made, tiles)
        normal = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()
        losses = [
            recipe.loss(network, (tiles, tiles), replace(config, options={"kl": weight})).item()
            for weight in (0.0, 1.0, 5.0)
        ]
    share = divergence.item() / tiles.numel()
    np.testing.assert_allclose(losses, [error.item() + weight * share for weight in (0, 1, 5)], rtol=1e-5)
    assert share > 0


def test_losses_of_a_generator_are_weighed(grains):
    config = small("synthesize-gan")
    made, true = (torch.from_numpy(grains((2, 1, 128, 128), seed)) for seed in (1, 2))
    made = 1 + 0.5 * (made - 1)

    def lost(**options):
        return recipe.content_loss(made, (None, true), replace(config, options=options)).item()

    spectrum, histogram = lost(spectrum=1.0), lost(histogram=1.0)
    assert spectrum > 0
    assert histogram > 0
    assert lost() == 0
    assert lost(spectrum=0.3, histogram=2.0) == pytest.approx(0.3 * spectrum + 2 * histogram)


def test_figures_of_a_validation(grains):
    true = torch.from_numpy(grains((4, 1, 128, 128)))
    assert recipe.validated(true, true) == pytest.approx({"contrast": 1, "histogram": 0, "spectrum": 0}, abs=1e-6)
    half = recipe.validated(1 + 0.5 * (true - true.mean()), true)
    assert half["contrast"] == pytest.approx(0.5, rel=1e-3)
    assert half["spectrum"] == pytest.approx(np.log(4), rel=1e-3)
    assert recipe.validated(true + 0.5 * true.std(), true)["histogram"] == pytest.approx(0.5, rel=1e-3)
