"""Statistics of a reference that take the place of the image."""

import json
import logging
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.core.weights.registry import available
from sunpy_restore.core.weights.store import locate, write
from sunpy_restore.granulation import statistics
from sunpy_restore.granulation.statistics.granules import areas_distance, searched_area
from sunpy_restore.granulation.statistics.intensities import ks_statistic, ks_to_quantiles
from sunpy_restore.granulation.statistics.reference import ReferenceStatistics, measure_reference, reference_statistics

PIXEL = 48.0
GENERATORS = [entry for entry in available() if entry.task.startswith("synthesize-") and locate(entry) is not None]
needs_sunkit_image = pytest.mark.skipif(
    find_spec("sunkit_image") is None, reason="segmentation needs the extra 'train'"
)


def grains(shape, seed, scale=1):
    """Synthetic granulation, whose pixels of 48 km are taken to be smaller or larger by ``scale``."""
    return synthesize_granulation(shape, seed=seed, scale=scale * PIXEL * u.km, device="cpu").data


@pytest.fixture
def _no_log():
    logging.getLogger("sunpy").setLevel(logging.WARNING)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 99),
    shift=st.floats(-0.5, 0.5),
    scale=st.floats(0.5, 2),
    number=st.sampled_from([50, 400, 3000]),
)
def test_the_distance_to_quantiles_is_that_to_the_sample(seed, shift, scale, number):
    rng = np.random.default_rng(seed)
    expected, values = rng.standard_normal(5000), shift + scale * rng.standard_normal(number)
    quantiles = np.quantile(expected, np.linspace(0, 1, 201))
    assert ks_to_quantiles(values, quantiles) == pytest.approx(ks_statistic(values, expected), abs=3e-3)


def test_the_distance_to_quantiles_ranges_from_equal_to_disjoint():
    quantiles = np.linspace(0, 1, 11)
    assert ks_to_quantiles((np.arange(1000) + 0.5) / 1000, quantiles) == pytest.approx(0, abs=1e-3)
    assert ks_to_quantiles(np.array([2.0, 3.0]), quantiles) == 1


@needs_sunkit_image
@pytest.mark.usefixtures("_no_log")
def test_statistics_give_the_distances_to_the_image():
    reference, image = grains((400, 190), 0), grains((200, 260), 1, scale=1.2)
    measured = measure_reference(reference, PIXEL, "grains")
    assert measured.side == 190
    expected = statistics.spectrum_distance(image, reference, PIXEL)
    for name, value in measured.spectrum_distance(image).items():
        np.testing.assert_allclose(value, expected[name], rtol=2e-3, atol=1e-4)
    assert measured.histogram_distance(image) == pytest.approx(
        statistics.histogram_distance(image, reference), abs=3e-3
    )
    piece = (190, 190)
    areas = [statistics.granule_areas(each, PIXEL, piece=piece) for each in (image, reference)]
    searched = [searched_area(each.shape, PIXEL, piece) for each in (image, reference)]
    expected = areas_distance(areas[0], searched[0], areas[1], searched[1])
    found = measured.granule_distance(image)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found["number"] > 10
    # Two pieces of the reference, one of the image
    assert searched[1] == pytest.approx(2 * searched[0]) == pytest.approx(2 * (190 * 0.048) ** 2)
    together = statistics.compare(image, measured, PIXEL)
    assert together["granules_ks"] == found["ks"]
    assert together["contrast_ratio"] == pytest.approx(
        statistics.contrast(image) / statistics.contrast(reference), rel=1e-4
    )


@needs_sunkit_image
@pytest.mark.usefixtures("_no_log")
def test_an_image_has_no_distance_to_its_own_statistics():
    image = grains((190, 250), 3)
    found = statistics.compare(image, measure_reference(image, PIXEL, "itself"), PIXEL)
    assert found["contrast_ratio"] == pytest.approx(1, abs=1e-4)
    assert found["histogram_ks"] < 3e-3
    assert found["spectrum_worst"] < 1e-4
    assert (found["granules_ks"], found["granules_density_ratio"]) == (0, pytest.approx(1, rel=1e-4))


@needs_sunkit_image
@pytest.mark.usefixtures("_no_log")
def test_statistics_survive_the_metadata_of_weights(tmp_path):
    measured = measure_reference(grains((150, 170), 2), PIXEL, "grains")
    assert ReferenceStatistics(**json.loads(json.dumps(measured.as_dict()))) == measured
    metadata = {"task": "synthesize-gan", "architecture": "TileGenerator", "hyperparameters": {"latent": 8}}
    path = tmp_path / "own.safetensors"
    write(path, {"weight": torch.zeros(1)}, metadata | {"reference": measured.as_dict()})
    assert reference_statistics(path, task="synthesize-gan") == measured
    with pytest.raises(ValueError, match="expected weights for the task 'synthesize-convolutional'"):
        reference_statistics(path)
    for reference in ({}, {"reference": {"pixel": 48.0}}, {"reference": "an image"}):
        write(path, {"weight": torch.zeros(1)}, metadata | reference)
        with pytest.raises(ValueError, match=r"Found no statistics of a reference in .*own\.safetensors"):
            reference_statistics(path, task="synthesize-gan")


@pytest.mark.parametrize("entry", GENERATORS, ids=lambda entry: entry.name)
def test_the_weights_of_the_package_know_the_simulation(entry):
    """The contrast, the extreme intensities and the number of granules of the part that was kept back."""
    reference = reference_statistics(entry.name, task=entry.task)
    assert "MURaM" in reference.source
    assert (reference.pixel, reference.side) == (48.0, 170)
    assert reference.contrast == pytest.approx(0.162, abs=5e-4)
    assert np.mean(reference.intensities) == pytest.approx(1, abs=2e-3)
    assert np.std(reference.intensities[1:-1]) == pytest.approx(reference.contrast, rel=0.02)
    assert (np.diff(reference.intensities) >= 0).all()
    assert (np.diff(reference.wavelength) > 0).all()
    assert 1 < len(reference.areas) / reference.searched * 3 < 2


def test_what_cannot_be_compared_with_statistics_is_refused():
    reference = reference_statistics()
    image = grains((170, 180), 4)
    with pytest.raises(ValueError, match=r"Found the pixel size 60.0 km; expected 48.0 km"):
        statistics.compare(image, reference, 60.0)
    with pytest.raises(ValueError, match=r"Found an image of \(169, 180\) pixels; expected at least \(170, 170\)"):
        statistics.compare(image[1:], reference, PIXEL)
    with pytest.raises(TypeError, match="expected an image"):
        statistics.compare(image, reference, PIXEL, training=image)
