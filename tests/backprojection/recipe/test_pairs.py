"""Tests of the training pairs: random scenes that are the same in every run, and their truth."""

import numpy as np
import pytest
import torch

from sunpy_restore.backprojection.channels import PIXEL, channels_of
from sunpy_restore.backprojection.fitting.forward import draw_scene, draw_subcollimators, noisy_visibilities
from sunpy_restore.backprojection.fitting.scenes import image_of, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.recipe.pairs import (
    FlareDataset,
    SceneDataset,
    clean_channels,
    simulated,
    simulated_flare,
)
from sunpy_restore.backprojection.task import CHANNELS
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

OPTIONS = {"target": "truth", "sides": {"24": 0.5, "32": 0.5}}


def make_dataset(length=24, batch_size=4, seed=0, **options):
    return SceneDataset(length, batch_size=batch_size, options=OPTIONS | options, seed=seed)


def test_items_are_the_same_in_every_run_and_in_any_order():
    one, other = make_dataset(), make_dataset(length=100)
    for index in (17, 0, 5):
        for part, again in zip(one[index], other[index], strict=True):
            assert torch.equal(part, again)
    assert len(one) == 24
    assert not torch.equal(make_dataset(seed=1)[0][0].flatten()[:99], one[0][0].flatten()[:99])
    assert not torch.equal(one[0][0], one[1][0])


def test_fields_of_a_batch_have_the_same_size_and_those_of_batches_differ():
    dataset = make_dataset()
    sizes = [dataset[index][0].shape[-1] for index in range(24)]
    assert set(sizes) == {24, 32}
    for first in range(0, 24, 4):
        assert len(set(sizes[first : first + 4])) == 1
    channels, truth = dataset[0]
    assert channels.shape == (len(CHANNELS), sizes[0], sizes[0])
    assert truth.shape == (1, sizes[0], sizes[0])
    assert channels.dtype == truth.dtype == torch.float32


@pytest.mark.parametrize("side", [64, 128])
def test_truth_has_a_flux_of_1_in_the_unit_of_the_channels(side):
    """Wide sources lack the flux outside of the field."""
    fluxes = []
    for seed in range(12):
        channels, truth = simulated(np.random.default_rng(seed), side)
        rng, grid = np.random.default_rng(seed), Grid((side, side), (PIXEL, PIXEL))
        scene, points = draw_scene(rng, PIXEL * min(side, 96)), stix_uv(draw_subcollimators(rng))
        visibilities = noisy_visibilities(scene, points, rng)
        unit = back_projection(visibilities, points, grid, weights_of(points)).max()
        assert channels.shape == (len(CHANNELS), side, side)
        assert channels[0].max() == pytest.approx(1)
        np.testing.assert_array_equal(channels[CHANNELS.index("pixel")], np.float32(PIXEL))
        np.testing.assert_allclose(truth * unit, image_of(scene, grid, BEAM), atol=1e-6)
        fluxes.append(truth.sum() * PIXEL**2 / beam_area() * unit)
    assert 0.5 < min(fluxes)
    assert max(fluxes) < 1.001
    assert np.median(fluxes) == pytest.approx(1, abs=0.01)


def test_target_of_the_paper_is_the_clean_image():
    truth, cleaned = make_dataset(), make_dataset(target="clean")
    assert torch.equal(truth[3][0], cleaned[3][0])
    np.testing.assert_array_equal(cleaned[3][1][0], clean_channels(truth[3][0].numpy()).astype(np.float32))
    assert not torch.equal(truth[3][1], cleaned[3][1])


@pytest.mark.parametrize("numbers", [range(3, 11), range(1, 11), [4, 5, 7]])
@pytest.mark.parametrize("shape", [(41, 48), (48, 48)])
def test_clean_of_the_channels_of_a_point_source_is_its_flux_times_the_clean_beam(numbers, shape):
    grid, points = Grid(shape, (4.0, 4.0)), stix_uv(numbers)
    scene = point(7, grid.x[30], grid.y[15])
    channels, unit = channels_of(visibilities_of_scene(scene, points), points, grid)
    restored = unit * clean_channels(channels)
    # The model contains all of the flux but 0.9**100
    np.testing.assert_allclose(restored, image_of(scene, grid, BEAM), atol=2e-3)
    assert restored[15, 30] == pytest.approx(7, rel=1e-4)


def test_clean_of_the_channels_is_that_of_the_visibilities():
    grid, points, rng = Grid((40, 33), (4.0, 4.0)), stix_uv(), np.random.default_rng(8)
    visibilities = noisy_visibilities(draw_scene(rng, 132.0), points, rng)
    channels, unit = channels_of(visibilities, points, grid)
    expected = clean_visibilities(visibilities, points, grid).image * beam_area()
    np.testing.assert_allclose(clean_channels(channels) * unit, expected, atol=1e-4 * expected.max())


def test_flares_are_the_same_in_every_run_and_some_are_turned():
    dataset, again = (FlareDataset(40, flares=2, seed=1) for _ in range(2))
    assert len(dataset) == 40
    first = [dataset[index] for index in range(8)]
    for index in (5, 0):
        for part, other in zip(again[index], first[index], strict=True):
            assert torch.equal(part, other)
    made = [simulated_flare(np.random.default_rng([1, 4, number])) for number in range(2)]
    seen = set()
    for channels, truth in first:
        assert channels.shape == (len(CHANNELS), 64, 64)
        assert truth.shape == (1, 64, 64)
        for number, (expected, image) in enumerate(made):
            for turned in (False, True):
                part = expected[:, ::-1, ::-1] if turned else expected
                if np.array_equal(channels, part):
                    np.testing.assert_array_equal(truth[0], image[::-1, ::-1] if turned else image)
                    seen.add((number, turned))
    assert len(seen) >= 3


def test_classical_images_of_flares_are_near_the_truth():
    errors = []
    for seed in range(8):
        channels, truth = simulated_flare(np.random.default_rng(seed))
        for name in ("mem", "forward-fit"):
            image = channels[CHANNELS.index(name)]
            errors.append(np.sqrt(np.square(image - truth).mean() / np.square(truth).mean()))
        assert channels[CHANNELS.index("noise")].min() > 0
    assert np.median(errors) < 0.3
