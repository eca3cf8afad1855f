import json

import numpy as np
import pytest
import torch

pytest.importorskip("lightning", reason="evaluation needs the extra 'train'")

from sunpy_restore.core.weights import write
from sunpy_restore.tasks import get_task
from sunpy_restore.training import evaluate, format_table, scores


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
    nmse = []
    for name, observed, truth in toy.evaluation_pairs("toy", tmp_path):
        if name == "noise":
            with torch.no_grad():
                image = weights[1](torch.from_numpy(observed.astype(np.float32))[None, None])[0, 0].numpy()
            nmse.append(((image - truth) ** 2).mean() / truth.var())
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
        # Of white noise, the mean of 2 x 2 pixels leaves 3/4 of the variance
        assert right["nmse"] == pytest.approx(0.75, abs=0.03)


def test_images_of_a_source_become_one_row(toy, tmp_path):
    """Means, medians of absolute values, and what only some images have."""
    measured = iter(
        [
            {"flux_error": -0.3, "median_hidden_flux_error": -0.5, "peak_distance": 4.0},
            {"flux_error": 0.1, "median_hidden_flux_error": 0.1, "peak_distance": None, "psnr": 30.0},
            {"flux_error": 0.2, "median_hidden_flux_error": 0.2, "peak_distance": None},
        ]
    )
    toy.measure = lambda task, observed, restored, truth: next(measured)
    first, second = evaluate("toy", tmp_path, methods=["repeat"])
    numbers = {"flux_error": -0.1, "median_hidden_flux_error": 0.3, "peak_distance": 4.0, "psnr": 30.0}
    assert first == {"source": "noise", "method": "repeat"} | {key: pytest.approx(v) for key, v in numbers.items()}
    assert second == {
        "source": "other noise",
        "method": "repeat",
        "flux_error": 0.2,
        "median_hidden_flux_error": 0.2,
    }
    *_, last = format_table([first, second]).splitlines()
    assert last.split()[3:] == ["-", "+20.00", "20.00", "-"]


def test_what_a_method_cannot_restore_has_no_row(toy, tmp_path):
    pairs = [("numbers", 3, 4), ("letters", "a", 4)]
    toy.evaluation_pairs = lambda task, directory: iter(pairs)
    toy.restorers = lambda *_, **__: {"any": lambda observed: 4, "few": lambda x: x if isinstance(x, int) else None}
    toy.measure = lambda task, observed, restored, truth: {"mean_error": restored - truth}
    rows = [tuple(row.values()) for row in evaluate("toy", tmp_path)]
    assert rows == [("numbers", "any", 0), ("numbers", "few", -1), ("letters", "any", 0)]


def test_median_is_that_of_absolute_values(toy, tmp_path):
    found = iter([-3.0, 1.0, -0.5, 2.0, -8.0])
    pair = next(toy.evaluation_pairs("toy", tmp_path))
    toy.evaluation_pairs = lambda task, directory: iter([pair] * 5)
    toy.measure = lambda *_: {"median_hidden_flux_error": next(found)}
    (row,) = evaluate("toy", tmp_path, methods=["repeat"])
    assert row["median_hidden_flux_error"] == 2


def write_toy(path, channels, config=None):
    hyperparameters = {"architecture": "Toy", "channels": channels}
    torch.manual_seed(channels)
    network = get_task("toy").build_network(hyperparameters)
    metadata = {"task": "toy", "architecture": "Toy", "hyperparameters": hyperparameters}
    write(path, network.state_dict(), metadata | ({} if config is None else {"config": config}))
    return path


def test_each_of_several_networks_has_a_row(toy, tmp_path):
    """With the name of its configuration; the classical methods have one, whatever the number of networks."""
    paths = [write_toy(tmp_path / f"{n}.safetensors", n, f"of-{n}") for n in (2, 3)]
    rows = evaluate("toy", tmp_path, weights=paths)
    assert [row["method"] for row in rows if row["source"] == "noise"] == ["of-2", "of-3", "repeat", "darker"]
    for path, name in zip(paths, ("of-2", "of-3"), strict=True):
        (alone,) = evaluate("toy", tmp_path, methods=["network"], weights=[path])[:1]
        assert alone["method"] == "network"
        assert only(rows, source="noise", method=name) == alone | {"method": name}
    assert evaluate("toy", tmp_path, methods=["darker"], weights=paths) == [
        row for row in rows if row["method"] == "darker"
    ]


def test_networks_of_one_configuration_are_told_apart_by_their_weights(toy, tmp_path):
    paths = [write_toy(tmp_path / f"{n}.safetensors", n, "compact") for n in (2, 3)]
    paths.append(write_toy(tmp_path / "4.safetensors", 4))
    rows = evaluate("toy", tmp_path, methods=["network"], weights=paths)
    assert [row["method"] for row in rows if row["source"] == "noise"] == [
        f"compact ({paths[0]})", f"compact ({paths[1]})", "Toy",
    ]  # fmt: skip


def test_a_recipe_may_prepare_the_methods_itself(toy, tmp_path):
    """From observations of any kind, which its own pairs and scores know alone."""
    asked = []

    def restorers(task, methods, *, weights, device):
        asked.append((task, methods, weights, device))
        return {"network": sum, "network + physics": max, "classical": min}

    toy.restorers = restorers
    toy.evaluation_pairs = lambda task, directory: iter([("numbers", (1, 2, 4), 4)])
    toy.measure = lambda task, observed, restored, truth: {"mean_error": restored - truth}
    rows = evaluate("toy", tmp_path, weights="W", device="cpu")
    assert {row["method"]: row["mean_error"] for row in rows} == {"network": 3, "network + physics": 0, "classical": -3}
    paths = [write_toy(tmp_path / f"{n}.safetensors", n, f"of-{n}") for n in (2, 3)]
    rows = evaluate("toy", tmp_path, methods=["network"], weights=paths)
    assert [row["method"] for row in rows] == ["of-2", "of-2 + physics", "of-3", "of-3 + physics", "classical"]
    assert asked == [
        ("toy", None, "W", "cpu"), ("toy", ["network"], paths[0], None), ("toy", ["network"], paths[1], None),
    ]  # fmt: skip


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
    rows.append({"source": "field", "method": "repeat", "nmse": 0.3, "residual": 0.1, "net_flux_error": -0.012})
    header, *lines = format_table(rows).splitlines()
    assert len(lines) == len(rows)
    assert "NMSE" in header
    assert "net flux [%]" in header
    for line, row in zip(lines, rows, strict=True):
        assert f"{row['nmse']:.4f}" in line
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
