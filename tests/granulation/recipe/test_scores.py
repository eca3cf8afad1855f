"""Scores of textures, end to end with untrained networks."""

import logging

import numpy as np
import pytest
import torch
from scipy import spatial

pytest.importorskip("sunkit_image", reason="segmentation needs the extra 'train'")
pytest.importorskip("lightning", reason="training needs the extra 'train'")

from sunpy_restore.core.weights import write
from sunpy_restore.granulation import recipe
from sunpy_restore.granulation.recipe import scores
from sunpy_restore.granulation.recipe.textures import read_texture
from sunpy_restore.granulation.statistics import patches
from sunpy_restore.granulation.stitching import genetic
from sunpy_restore.tasks import get_task
from sunpy_restore.training.evaluation import _COLUMNS, evaluate, format_table

NETWORKS = {
    "synthesize-convolutional": {
        "architecture": "SpatialGenerator",
        "latent": 24,
        "widths": [8, 8, 4, 4],
        "blocks": 1,
        "taps": 3,
    },
    "synthesize-gan": {"architecture": "TileGenerator", "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
}
ALWAYS = {"contrast_ratio", "histogram_ks", "spectrum_worst", "spectrum_chi2", "granules_ks", "granules_density_ratio"}
NOVELTY = {"nearest_copy"}
STITCHED = {"repetition", "seam_ratio"}
SEEDS = {"seeds_apart"}


def cells(shape, seed, size=22):
    """Bright cells of about ``size`` pixels with dark lanes between them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-size, np.array(shape) + size, (round(np.prod(np.array(shape) + 2 * size) / size**2), 2))
    near, _ = spatial.cKDTree(points).query(np.stack(np.indices(shape), -1).reshape(-1, 2), 2)
    return (0.8 + 0.35 * np.tanh((near[:, 1] - near[:, 0]) / 6).reshape(shape)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "photosphere").mkdir()
    np.save(folder / "photosphere" / "muram_intensity_48km.npy", cells((128, 512), 0))
    return folder


@pytest.fixture
def weights(tmp_path):
    """Write untrained networks, of contrast 0.1."""

    def weights(task):
        torch.manual_seed(0)
        network = get_task(task).build_network(NETWORKS[task])
        knots = torch.linspace(-3, 3, network.calibration.knots)
        network.calibration.set_curve(knots, 1 + 0.1 * knots)
        network.calibration.pixel.fill_(48.0)
        path = tmp_path / f"{task}.safetensors"
        architecture = NETWORKS[task]["architecture"]
        write(
            path, network.state_dict(), {"task": task, "architecture": architecture, "hyperparameters": NETWORKS[task]}
        )
        return path

    return weights


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    # Repetition is measured on three tiles or more
    monkeypatch.setattr(scores, "_SIDE", 300)
    monkeypatch.setattr(scores, "_REFINED", 130)
    monkeypatch.setattr(scores, "_SEEDS", (1, 2))
    for name, value in {"population": 20, "generations": 3}.items():
        monkeypatch.setitem(genetic.refine.__kwdefaults__, name, value)
    # Of patches, few tell as much here
    for measure in (patches.novelty, patches.diversity):
        monkeypatch.setitem(measure.__kwdefaults__, "number", 10)
    monkeypatch.setattr(patches, "CANDIDATES", 4)
    logging.getLogger("sunpy").setLevel(logging.WARNING)


def test_pairs_are_seeds_and_what_was_kept_back(folder):
    pairs = list(recipe.evaluation_pairs("synthesize-gan", folder))
    seen, kept = (read_texture(folder, split) for split in ("train", "validation"))
    assert [request.seed for _, request, _ in pairs] == [1, 2]
    for source, request, truth in pairs:
        assert source == "MURaM"
        assert request.pixel == 48
        np.testing.assert_array_equal(request.training, seen.images[0])
        np.testing.assert_array_equal(truth, kept.images[0])


def test_every_method_is_scored(folder, weights):
    rows = evaluate("synthesize-convolutional", folder, weights=weights("synthesize-convolutional"), device="cpu")
    found = {row["method"]: row for row in rows}
    assert found.keys() == {"network", "spectrum", "physics"}
    for row in rows:
        assert row.keys() - {"source", "method"} <= _COLUMNS.keys()
        assert all(np.isfinite(value) for name, value in row.items() if name in _COLUMNS)
    for name in ("network", "spectrum"):
        assert found[name].keys() & _COLUMNS.keys() == ALWAYS | NOVELTY | SEEDS
    assert found["physics"].keys() & _COLUMNS.keys() == ALWAYS
    assert found["physics"]["histogram_ks"] < min(found["network"]["histogram_ks"], found["spectrum"]["histogram_ks"])
    # One line for the headings, and no score without one
    table = format_table(rows).splitlines()
    assert len(table) == 4
    assert "granule areas" in table[0]


def test_tiles_are_scored_by_how_they_are_joined(folder, weights):
    restorers = recipe.restorers("synthesize-gan", weights=weights("synthesize-gan"), device="cpu")
    ways = ["network", "network, greedy", "network, latent", "network, genetic"]
    assert list(restorers) == [*ways, "spectrum", "physics"]
    (_, request, truth), (_, second, _) = recipe.evaluation_pairs("synthesize-gan", folder)
    made = {name: restorers[name](request) for name in ways}
    for name in ways[:3]:
        assert made[name].image.shape == made[name].other.shape == (300, 300)
        assert not np.array_equal(made[name].image, made[name].other)
        np.testing.assert_array_equal(made[name].image, restorers[name](request).image)
        assert not np.array_equal(made[name].image, restorers[name](second).image)
    assert not np.array_equal(made["network"].image, made["network, greedy"].image)
    # The evolution of tiles takes long: one small texture
    assert made["network, genetic"].image.shape == (130, 130)
    assert made["network, genetic"].other is None
    assert restorers["network, genetic"](second) is None
    assert restorers["physics"](second) is None
    for one in made.values():
        assert one.period == 96
        # Tiles of 128 pixels share 32, of which the middle is a seam
        seams = [112, 208] if one.image.shape == (300, 300) else [112]
        np.testing.assert_array_equal(one.rows, seams)
        np.testing.assert_array_equal(one.columns, seams)
    figures = recipe.measure("synthesize-gan", request, made["network"], truth)
    assert figures.keys() == ALWAYS | NOVELTY | STITCHED | SEEDS
    assert figures.keys() <= _COLUMNS.keys()


def test_scores_of_what_is_known(folder):
    """What was kept back itself, and a copy of what was learned."""
    _, request, truth = next(recipe.evaluation_pairs("synthesize-gan", folder))
    same = recipe.measure("synthesize-gan", request, scores.Made(truth, truth), truth)
    assert same["contrast_ratio"] == pytest.approx(1)
    assert same["histogram_ks"] == same["granules_ks"] == 0
    assert same["spectrum_worst"] == pytest.approx(0, abs=1e-9)
    assert same["nearest_copy"] == pytest.approx(1)
    assert same["seeds_apart"] == pytest.approx(0, abs=1e-6)
    copy = recipe.measure("synthesize-gan", request, scores.Made(request.training.copy()), truth)
    assert copy["nearest_copy"] == pytest.approx(0, abs=1e-6)
    assert "seeds_apart" not in copy


def test_methods_by_name(weights):
    path = weights("synthesize-gan")
    assert list(recipe.restorers("synthesize-gan", ["physics", "network, latent"], weights=path)) == [
        "physics",
        "network, latent",
    ]
    with pytest.raises(ValueError, match="'network, cubic', expected one of network, network, greedy"):
        recipe.restorers("synthesize-gan", ["network, cubic"], weights=path)
    # A convolutional generator has no tiles
    with pytest.raises(ValueError, match="'network, greedy', expected one of network, spectrum, physics"):
        recipe.restorers("synthesize-convolutional", ["network, greedy"])
