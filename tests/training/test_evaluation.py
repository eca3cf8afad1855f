import json

import numpy as np
import pytest
import torch

pytest.importorskip("lightning", reason="evaluation needs the extra 'train'")

from sunpy_restore.core.weights import write
from sunpy_restore.tasks import get_task
from sunpy_restore.training import evaluate, format_table, scores
from sunpy_restore.training.evaluation import EDGE


@pytest.fixture
def weights(toy, tmp_path):
    """The path of weights of the toy, and its network."""
    torch.manual_seed(0)
    hyperparameters = {"architecture": "Toy", "channels": 2}
    network = get_task("toy").build_network(hyperparameters).eval()
    path = tmp_path / "toy.safetensors"
    metadata = {"task": "toy", "architecture": "Toy", "hyperparameters": hyperparameters}
    write(path, network.state_dict(), metadata)
    return path, network


def only(rows, **wanted):
    (row,) = (row for row in rows if wanted.items() <= row.items())
    return row


def test_every_source_and_method_is_scored_with_the_network_first(weights, tmp_path):
    rows = evaluate("toy", tmp_path, weights=weights[0])
    assert [(row["source"], row["method"]) for row in rows] == [
        (source, method) for source in ("noise", "other noise") for method in ("network", "repeat", "darker")
    ]


def test_the_network_is_the_one_of_the_weights(weights, toy, tmp_path):
    rows = evaluate("toy", tmp_path, methods=["network"], weights=weights[0], device="cpu")
    truths, restored = [], []
    for name, observed, truth in toy.evaluation_pairs("toy", tmp_path):
        if name == "noise":
            with torch.no_grad():
                image = weights[1](torch.from_numpy(observed.astype(np.float32))[None, None])[0, 0].numpy()
            edge = slice(2 * 9, -2 * 9)
            # A quarter of the image's 36 pixels
            truths.append(truth[edge, edge])
            restored.append(image[edge, edge])
    nmse = [((a - b) ** 2).mean() / a.var() for a, b in zip(truths, restored, strict=True)]
    assert only(rows, source="noise")["nmse"] == pytest.approx(np.mean(nmse), rel=1e-5)


def test_scores_of_a_known_error(toy, tmp_path):
    """'repeat' binned is the observation exactly, 'darker' is 0.05 below it."""
    rows = evaluate("toy", tmp_path, methods=["repeat", "darker"])
    for source in ("noise", "other noise"):
        right, darker = (only(rows, source=source, method=method) for method in ("repeat", "darker"))
        assert right["residual"] == pytest.approx(0, abs=1e-6)
        assert darker["residual"] == pytest.approx(0.05, abs=1e-3)
        assert right["mean_error"] == pytest.approx(0, abs=1e-6)
        assert darker["mean_error"] == pytest.approx(-0.05, abs=1e-6)
        # Of white noise, the mean of 2 x 2 pixels has half the standard deviation and leaves 3/4 of the variance
        assert right["contrast"] == pytest.approx(0.5, abs=0.03)
        assert right["nmse"] == pytest.approx(0.75, abs=0.03)
        assert darker["psnr"] < right["psnr"]
        assert "net_flux_error" not in right


def test_edges_are_not_scored(toy, tmp_path):
    pairs = list(toy.evaluation_pairs("toy", tmp_path))
    before = evaluate("toy", tmp_path, methods=["repeat"])

    def broken_at_the_edges(task, directory):
        for name, observed, truth in pairs:
            edge = min(EDGE, min(observed.shape) // 4)
            frame = np.full(truth.shape, 1e3)
            inner = slice(2 * edge, -2 * edge)
            frame[inner, inner] = truth[inner, inner]
            yield name, observed, frame

    toy.evaluation_pairs = broken_at_the_edges
    assert evaluate("toy", tmp_path, methods=["repeat"]) == before


def test_flux_of_signed_images(toy, tmp_path):
    rng = np.random.default_rng(1)
    truth = np.repeat(np.repeat(rng.standard_normal((40, 40)), 2, axis=0), 2, axis=1)
    toy.evaluation_pairs = lambda task, directory: iter([("field", 1.1 * toy.reconvolve(truth), truth)])
    (row,) = evaluate("toy", tmp_path, methods=["repeat"])
    inner = truth[20:-20, 20:-20]
    assert row["unsigned_flux_error"] == pytest.approx(0.1)
    assert row["net_flux_error"] == pytest.approx(0.1 * inner.sum() / np.abs(inner).sum())
    assert row["contrast"] == pytest.approx(1.1)


def test_narrow_images_are_scored(toy, tmp_path):
    truth = 1 + np.random.default_rng(0).random((200, 10))
    toy.evaluation_pairs = lambda task, directory: iter([("strip", toy.reconvolve(truth), truth)])
    (row,) = evaluate("toy", tmp_path, methods=["repeat"])
    assert np.isfinite(row["psnr"])


def test_scores_are_json_of_the_rows(toy, tmp_path):
    rows = evaluate("toy", tmp_path, methods=["repeat", "darker"])
    nested = scores(rows)
    assert json.loads(json.dumps(nested)) == nested
    for row in rows:
        values = nested[row["source"]][row["method"]]
        assert values.keys() == row.keys() - {"source", "method"}
        for key, value in values.items():
            assert value == pytest.approx(row[key], rel=1e-3)


def test_table_has_a_line_per_row(toy, tmp_path):
    rows = evaluate("toy", tmp_path, methods=["repeat", "darker"])
    rows.append({"source": "field", "method": "repeat", "psnr": 30.0, "residual": 0.1, "net_flux_error": -0.012})
    header, *lines = format_table(rows).splitlines()
    assert len(lines) == len(rows)
    assert "PSNR [dB]" in header
    assert "net flux [%]" in header
    for line, row in zip(lines, rows, strict=True):
        assert f"{row['psnr']:.2f}" in line
        assert f"{100 * row['residual']:.2f}" in line
    assert lines[-1].endswith("-1.20")
    assert {len(line) for line in lines} == {len(header)}


def test_refusals(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        evaluate("toy", tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"the method 'magic', expected one of network, repeat, darker"):
        evaluate("toy", tmp_path, methods=["magic"])
    with pytest.raises(ValueError, match="the task 'no-such-task'"):
        evaluate("no-such-task", tmp_path)
