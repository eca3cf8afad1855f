"""Features, scales and kinds of the pixels of enhanced images."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore import enhance
from sunpy_restore.core.restoration.methods import Method, load_method, restore_observation
from sunpy_restore.core.uncertainty.predicted import find_model, standard_deviation
from sunpy_restore.enhancement import uncertainty as module
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.restore import with_bicubic
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM
from sunpy_restore.enhancement.uncertainty import STRATA, evidence, evidence_in_strips

KINDS = {CONTINUUM.name: STRATA[:4], MAGNETOGRAM.name: STRATA[4:]}

products = pytest.mark.parametrize("task", [CONTINUUM, MAGNETOGRAM], ids=lambda task: task.name)


def scene(task, shape, seed=1):
    """Granulation with a spot, or a noisy field with a strong concentration."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2, mode="wrap")
    y, x = np.indices(shape)
    spot = np.exp(-((((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2) / 40) ** 2))
    if task is CONTINUUM:
        image = (1 + 0.1 * smooth) * (1 - 0.85 * spot) + 1e-3 * rng.standard_normal(shape)
    else:
        image = 0.05 * smooth + 2 * spot + 0.01 * rng.standard_normal(shape)
    return Observation.from_array(image.astype(np.float32), task)


def described(observation):
    task = CONTINUUM if observation.noise is None else MAGNETOGRAM
    method = Method(task, "bicubic", with_bicubic)
    restored = restore_observation(observation, method)
    return restored, evidence(observation, restored, method)


@products
@settings(max_examples=8, deadline=None)
@given(ny=st.integers(1, 40), nx=st.integers(1, 40))
def test_any_size_has_finite_features(task, ny, nx):
    restored, found = described(scene(task, (ny, nx)))
    assert found.where.shape == restored.data.shape
    number = 4 * ny * nx
    assert np.isfinite(found.matrix()).all()
    assert found.matrix().shape == (number, len(found.features))
    assert found.scale.shape == found.stratum.shape == found.unknown.shape == (number,)
    assert found.scale.min() > 0
    assert {STRATA[index] for index in found.stratum} <= set(KINDS[task.name])


@products
def test_all_kinds_are_told(task):
    observation = scene(task, (60, 60))
    restored, found = described(observation)
    assert {STRATA[index] for index in found.stratum} == set(KINDS[task.name])
    kinds = found.stratum.reshape(restored.data.shape)
    assert STRATA[kinds[60, 60]] == KINDS[task.name][0 if task is CONTINUUM else -1]
    if task is CONTINUUM:
        quiet = [restored.data[kinds == STRATA.index(kind)].mean() for kind in ("bright granule", "dark lane")]
        assert quiet[0] > quiet[1] + 0.02


@pytest.mark.parametrize("level", [1.0, 5.8e4])
def test_features_do_not_depend_on_the_unit(level):
    observation = scene(CONTINUUM, (40, 50))
    _, one = described(observation)
    _, other = described(replace(observation, data=observation.data * np.float32(level), level=level))
    np.testing.assert_allclose(other.matrix(), one.matrix(), atol=0.02)
    np.testing.assert_allclose(other.scale, level * one.scale, rtol=1e-3)


@products
def test_rows_are_described_in_parts(task, monkeypatch):
    """As if they were described together."""
    observation = scene(task, (70, 20))
    _, together = described(observation)
    monkeypatch.setattr(module, "_ROWS", 13)
    _, parts = described(observation)
    np.testing.assert_allclose(parts.matrix(), together.matrix(), atol=0.02)
    np.testing.assert_array_equal(parts.stratum, together.stratum)


def test_pixels_without_value_have_no_evidence():
    observation = scene(CONTINUUM, (30, 30))
    valid = np.ones((30, 30), bool)
    valid[3:6, 4:7] = valid[20, 20] = False
    gaps = ~valid
    gaps[20, 20] = False
    observation = replace(observation, valid=valid, on_disk=valid, untrusted=~valid, gaps=gaps)
    _, found = described(observation)
    doubled = [np.kron(array, np.ones((2, 2), bool)) for array in (gaps, ~valid & ~gaps)]
    np.testing.assert_array_equal(found.where, ~doubled[0])
    np.testing.assert_array_equal(found.unknown, doubled[1][found.where])
    missing = np.zeros(found.where.shape)
    missing[found.where] = found.features["missing"]
    assert missing[2:14, 2:14][found.where[2:14, 2:14]].min() > missing[30, 30]
    assert missing[0, 30] > missing[30, 30]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name in ("hmi_continuum_quiet", "hmi_magnetogram")
        for method in ("network", "bicubic", "richardson-lucy")
    ]
    + [("hmi_continuum_quiet", "wiener")],
)
def test_truth_is_covered(samples, part, name, method):
    """An HMI image is used as the truth, with pixels of half the size; the shares are those of a single small image."""
    smap = part(samples[name], size=100, start=10)
    task = MAGNETOGRAM if name == "hmi_magnetogram" else CONTINUUM
    observed = Observation.from_map(smap)
    truth = observed.normalised().astype(float)
    noise = 1e-3 if task is CONTINUUM else 5e-3
    degraded = observed.telescope.reconvolve(truth)
    degraded += noise * np.random.default_rng(4).standard_normal(degraded.shape)
    observation = Observation.from_array(degraded.astype(np.float32), task)
    loaded = load_method(task, method, device="cpu")
    restored = restore_observation(observation, loaded)
    sigma = standard_deviation(observation, restored, loaded, find_model(loaded, restored))[0]
    ratios = np.abs(restored.data - truth)[8:-8, 8:-8] / sigma[8:-8, 8:-8]
    assert 0.5 < np.mean(ratios < 1) < 0.95
    assert np.mean(ratios < 1.96) > 0.85


def test_masked_pixels_are_unknown(samples, part):
    smap = part(samples["hmi_continuum_spot"], size=40, start=20)
    mask = np.zeros(smap.data.shape, bool)
    mask[5:8, 6:9] = True
    smap = smap._new_instance(smap.data, smap.meta, mask=mask)
    with pytest.warns(match="Nothing can be known"):
        result = enhance(smap, method="bicubic", uncertainty=True)
    np.testing.assert_array_equal(np.isinf(result.uncertainty.array), np.kron(mask, np.ones((2, 2), bool)))


@products
def test_uncertainties_in_strips_are_those_of_the_whole_image(task, monkeypatch):
    observation = scene(task, (90, 40))
    method = Method(task, "bicubic", with_bicubic)
    restored = restore_observation(observation, method)
    model = find_model(method, restored)
    whole = evidence(observation, restored, method)
    monkeypatch.setattr(module, "_ROWS", 32)
    strips = list(evidence_in_strips(observation, restored, method))
    assert [part.where.shape for _, part in strips] == [(64, 80), (64, 80), (52, 80)]
    sigma, _ = standard_deviation(observation, restored, method, model)
    np.testing.assert_allclose(sigma[whole.where], model.predict(whole), rtol=1e-3)
