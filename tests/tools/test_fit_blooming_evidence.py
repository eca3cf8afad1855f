"""``tools/fit_blooming_evidence.py``: the scenes, the regression, and the table of misjudgements."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.evidence import features_far
from sunpy_restore.desaturation.forward import FULL_WELL

SCRIPT = Path(__file__).parents[2] / "tools" / "fit_blooming_evidence.py"

if not SCRIPT.is_file():
    pytest.skip("tools are not here: the tests are not in a clone", allow_module_level=True)

SPEC = importlib.util.spec_from_file_location("fit_blooming_evidence", SCRIPT)
MODULE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MODULE)


@pytest.fixture(scope="module")
def images():
    return {"quiet": sunpy.map.Map(sample_path("aia_171_quiet")).data.astype(float)}


@pytest.fixture(scope="module")
def exposures(images):
    return MODULE.collect(range(40), images)


def test_both_exposures_of_a_scene_differ_in_what_happened_to_the_charge(images):
    for seed in range(6):
        bloomed, clipped = MODULE.exposures_of(seed, images)
        assert bloomed[:3] == clipped[:3]
        assert bloomed[2] > 1
        assert (bloomed[3], clipped[3]) == (True, False)
        assert max(bloomed[4].max(), clipped[4].max()) <= FULL_WELL
        # Charge that bloomed adds light to the image
        assert bloomed[4].sum() > clipped[4].sum()
        again, _ = MODULE.exposures_of(seed, images)
        np.testing.assert_array_equal(again[4], bloomed[4])


def test_the_regression_finds_the_weights_from_which_outcomes_were_drawn():
    rng = np.random.default_rng(1)
    values = rng.normal(5, [1, 3], (20_000, 2))
    probability = 1 / (1 + np.exp(-(values @ [1.5, -0.5] - 4)))
    weights, offset = MODULE.fit(values, rng.random(len(values)) < probability)
    np.testing.assert_allclose([*weights, offset], [1.5, -0.5, -4], rtol=0.08)


@pytest.mark.slow
def test_a_fit_to_few_scenes_tells_other_scenes_apart(exposures, images):
    weights, offset = MODULE.fit(*MODULE.design(exposures, features_far))
    values, has_bloomed = MODULE.design(MODULE.collect(range(100, 125), images), features_far)
    assert ((values @ weights + offset > 0) == has_bloomed).mean() > 0.7


@pytest.mark.slow
def test_every_exposure_is_counted_once_in_each_part_of_the_table(exposures):
    counts = MODULE.misjudgements(exposures)
    assert counts["bloomed"] + counts["clipped"] == len(exposures)
    _, everything, *lines = (line.replace("|", " ").split()[-6:] for line in MODULE.table(exposures))
    assert [int(part) for part in everything] == list(counts.values())
    by_peak = len(MODULE.PEAK_BINS) - 1
    for part in (lines[:-by_peak], lines[-by_peak:]):
        np.testing.assert_array_equal(np.sum(np.array(part, int), axis=0), list(counts.values()))


@pytest.mark.slow
def test_wrong_constants_are_seen_in_the_table(exposures, monkeypatch):
    right = MODULE.misjudgements(exposures)
    monkeypatch.setattr(MODULE, "is_bloomed", lambda *evidence: True)
    assert MODULE.misjudgements(exposures)["for bloomed"] == right["clipped"]
    monkeypatch.setattr(MODULE, "is_bloomed", lambda *evidence: False)
    wrong = MODULE.misjudgements(exposures)
    assert wrong["silent"] + wrong["warned"] == right["bloomed"]
    assert right["silent"] + right["warned"] < 0.6 * right["bloomed"]
