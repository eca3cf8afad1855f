"""Scores of textures by untrained networks."""

import logging
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import spatial

pytest.importorskip("sunkit_image", reason="segmentation needs the extra 'train'")
pytest.importorskip("lightning", reason="training needs the extra 'train'")

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.weights.store import write
from sunpy_restore.granulation.recipe import scores
from sunpy_restore.granulation.recipe.textures import read_texture
from sunpy_restore.granulation.statistics import patches
from sunpy_restore.granulation.task import CONVOLUTIONAL, GAN
from sunpy_restore.training import evaluate, format_table

NETWORKS = {
    "convolutional": {
        "architecture": "SpatialGenerator",
        "latent": 24,
        "widths": [8, 8, 4, 4],
        "blocks": 1,
        "taps": 3,
    },
    "gan": {"architecture": "TileGenerator", "latent": 8, "widths": [8, 8, 8, 8, 4, 4]},
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
def folder(tmp_path_factory, list_without_hashes):
    folder = tmp_path_factory.mktemp("data")
    list_without_hashes(folder, "synthesize")
    (folder / "photosphere").mkdir()
    np.save(folder / "photosphere" / "muram_intensity_48km.npy", cells((128, 680), 0))
    return folder


@pytest.fixture
def weights(tmp_path):
    """Write the weights of untrained networks with a contrast of 0.1."""

    def weights(task):
        torch.manual_seed(0)
        network = task.build_network(NETWORKS[task.kind])
        knots = torch.linspace(-3, 3, network.calibration.knots)
        network.calibration.set_curve(knots, 1 + 0.1 * knots)
        network.calibration.pixel.fill_(48.0)
        path = tmp_path / f"{task.name}.safetensors"
        hyperparameters = NETWORKS[task.kind]
        architecture = hyperparameters["architecture"]
        metadata = {"task": task.name, "architecture": architecture, "hyperparameters": hyperparameters}
        write(path, network.state_dict(), metadata)
        return path

    return weights


@pytest.fixture(autouse=True)
def _small(monkeypatch, short_evolution):
    # Repetition requires three tiles or more along each axis
    monkeypatch.setattr(scores, "_SIDE", 300)
    monkeypatch.setattr(scores, "_GENETIC_SIDE", 130)
    monkeypatch.setattr(scores, "_SEEDS", (1, 2))
    # Few patches are sufficient here
    for measure in (patches.novelty, patches.diversity):
        monkeypatch.setitem(measure.__kwdefaults__, "number", 10)
    monkeypatch.setattr(patches, "_CANDIDATES", 4)
    logging.getLogger("sunpy").setLevel(logging.WARNING)


def test_evaluation_pairs_are_requests_and_the_part_kept_back(folder):
    pairs = list(recipe_of(GAN).evaluation_pairs(folder))
    seen, kept = (read_texture(folder, split) for split in ("train", "validation"))
    assert [request.seed for _, request, _ in pairs] == [1, 2]
    for source, request, truth in pairs:
        assert source == "MURaM"
        assert (request.pixel, request.shape) == (48, (300, 300))
        np.testing.assert_array_equal(request.training, seen.images[0])
        np.testing.assert_array_equal(truth, kept.images[0])


@pytest.mark.slow
def test_every_method_is_scored(folder, weights):
    rows = evaluate(CONVOLUTIONAL.name, folder, weights=weights(CONVOLUTIONAL), device="cpu")
    found = {row["method"]: row for row in rows}
    assert list(found) == ["network", "spectrum", "physics"]
    for name, row in found.items():
        assert row.pop("source") == "MURaM"
        assert row.pop("method") == name
        assert row.keys() == (ALWAYS if name == "physics" else ALWAYS | NOVELTY | SEEDS)
        assert np.isfinite(list(row.values())).all()
    assert found["physics"]["histogram_ks"] < min(found["network"]["histogram_ks"], found["spectrum"]["histogram_ks"])


def test_every_score_has_a_column():
    columns = recipe_of(GAN).score_columns
    assert columns.keys() == ALWAYS | NOVELTY | STITCHED | SEEDS
    header, line = format_table([{"source": "a", "method": "b"} | dict.fromkeys(columns, 0.5)], columns).splitlines()
    assert "granule areas" in header
    assert "50.00" in line


def test_rows_are_all_methods_and_ways_of_stitching():
    stitched = ["network", "network, greedy", "network, latent", "network, genetic"]
    assert list(recipe_of(GAN).variants()) == [*stitched, "spectrum", "physics"]
    # A convolutional generator has no tiles
    assert list(recipe_of(CONVOLUTIONAL).variants()) == ["network", "spectrum", "physics"]


@pytest.fixture
def synthesize(folder, weights):
    """A function that generates the texture of a row of the table for the first or the second seed."""
    recipe = recipe_of(GAN)
    network = load_method(GAN, weights=weights(GAN), device="cpu")
    requests = [request for _, request, _ in recipe.evaluation_pairs(folder)]

    def synthesize(label, index=0):
        variant = recipe.variants()[label]
        method = {"network": network, None: None}[variant.method]
        return recipe.restored(requests[index], method, variant.options)

    return synthesize


@pytest.mark.parametrize(
    "label", ["network", *(pytest.param(f"network, {way}", marks=pytest.mark.slow) for way in ("greedy", "latent"))]
)
def test_textures_of_two_seeds_are_generated(synthesize, label):
    found = synthesize(label)
    assert found.image.shape == found.other.shape == (300, 300)
    assert not np.array_equal(found.image, found.other)
    assert found.period == 96
    # Tiles of 128 pixels overlap by 32; the seam is in the middle of the overlap
    np.testing.assert_array_equal(found.rows, [112, 208])
    np.testing.assert_array_equal(found.columns, [112, 208])


@pytest.mark.slow
def test_textures_depend_on_seed_and_stitching(synthesize):
    labels = ["network", "network, greedy", "network, latent"]
    found = {label: synthesize(label).image for label in labels}
    for label in labels:
        np.testing.assert_array_equal(found[label], synthesize(label).image)
        assert not np.array_equal(found[label], synthesize(label, 1).image)
    for one, other in combinations(labels, 2):
        assert not np.array_equal(found[one], found[other])


def test_evolution_is_scored_on_one_small_texture(synthesize):
    found = synthesize("network, genetic")
    assert found.image.shape == (130, 130)
    assert found.other is None
    assert found.period == 96
    np.testing.assert_array_equal(found.rows, [112])
    assert synthesize("network, genetic", 1) is None


def test_the_simulation_is_scored_once(synthesize, folder):
    np.testing.assert_array_equal(synthesize("physics").image, read_texture(folder, "train").images[0])
    assert synthesize("physics", 1) is None


@pytest.mark.slow
def test_stitched_textures_have_all_scores(synthesize, folder):
    recipe = recipe_of(GAN)
    _, request, truth = next(iter(recipe.evaluation_pairs(folder)))
    figures = recipe.measure(request, synthesize("network"), truth)
    assert figures.keys() == ALWAYS | NOVELTY | STITCHED | SEEDS


def test_scores_of_the_truth_and_of_a_copy(folder):
    recipe = recipe_of(GAN)
    _, request, truth = next(iter(recipe.evaluation_pairs(folder)))
    same = recipe.measure(request, scores.Synthesized(truth, truth), truth)
    assert same["contrast_ratio"] == pytest.approx(1)
    assert same["histogram_ks"] == same["granules_ks"] == 0
    assert same["spectrum_worst"] == pytest.approx(0, abs=1e-9)
    assert same["nearest_copy"] == pytest.approx(1)
    assert same["seeds_apart"] == pytest.approx(0, abs=1e-6)
    copy = recipe.measure(request, scores.Synthesized(request.training.copy()), truth)
    assert copy["nearest_copy"] == pytest.approx(0, abs=1e-6)
    assert "seeds_apart" not in copy


def test_unknown_rows_are_refused(folder):
    with pytest.raises(ValueError, match="'network, cubic'; expected one of network, network, greedy"):
        evaluate(GAN.name, folder, methods=["network, cubic"])
    with pytest.raises(ValueError, match="'network, greedy'; expected one of network, spectrum, physics"):
        evaluate(CONVOLUTIONAL.name, folder, methods=["network, greedy"])


def test_chosen_rows_are_scored(folder):
    (row,) = evaluate(GAN.name, folder, methods=["physics"])
    assert row["method"] == "physics"
    assert row.keys() - {"source", "method"} == ALWAYS
