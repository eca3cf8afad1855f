import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("lightning", reason="evaluation needs the extra 'train'")

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.recipes.recipe import ScoreColumn, Variant
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.weights.store import write
from sunpy_restore.tasks import get_task
from sunpy_restore.training import evaluate, evaluate_observations, format_table, scores


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
    for name, observation, truth in toy(toy.task).evaluation_pairs(tmp_path):
        if name == "noise":
            observed = torch.from_numpy(observation.data.astype(np.float32))
            with torch.no_grad():
                image = weights[1](observed[None, None])[0, 0].numpy()
            nmse.append(((image - truth) ** 2).mean() / truth.var())
    assert only(rows, source="noise")["nmse"] == pytest.approx(np.mean(nmse), rel=1e-5)


def test_scores_of_a_known_error(toy, tmp_path):
    """'repeat' binned is the observation exactly, 'darker' is 0.05 below it."""
    rows = evaluate("toy", tmp_path, methods=["repeat", "darker"])
    for source in ("noise", "other noise"):
        repeated, darker = (only(rows, source=source, method=method) for method in ("repeat", "darker"))
        assert repeated["residual"] == pytest.approx(0, abs=1e-6)
        assert darker["residual"] == pytest.approx(0.05, abs=1e-3)
        assert repeated["mean_error"] == pytest.approx(0, abs=1e-6)
        assert darker["mean_error"] == pytest.approx(-0.05, abs=1e-6)
        # The mean of 2 x 2 pixels of white noise removes 1/4 of the variance
        assert repeated["nmse"] == pytest.approx(0.75, abs=0.03)


def test_images_of_a_source_become_one_row(toy, tmp_path):
    """Means, medians of absolute values, and scores that only some images have."""
    measured = iter(
        [
            {"flux_error": -0.3, "median_hidden_flux_error": -0.5, "peak_distance": 4.0},
            {"flux_error": 0.1, "median_hidden_flux_error": 0.1, "peak_distance": None, "psnr": 30.0},
            {"flux_error": 0.2, "median_hidden_flux_error": 0.2, "peak_distance": None},
        ]
    )
    toy.measure = lambda self, observation, restored, truth: next(measured)
    first, second = evaluate("toy", tmp_path, methods=["repeat"])
    numbers = {"flux_error": -0.1, "median_hidden_flux_error": 0.3, "peak_distance": 4.0, "psnr": 30.0}
    assert first == {"source": "noise", "method": "repeat"} | {key: pytest.approx(v) for key, v in numbers.items()}
    assert second == {
        "source": "other noise",
        "method": "repeat",
        "flux_error": 0.2,
        "median_hidden_flux_error": 0.2,
    }
    columns = {
        "psnr": ScoreColumn("PSNR [dB]", "{:.2f}"), "flux_error": ScoreColumn("flux error [%]", "{:+.2%}"),
        "median_hidden_flux_error": ScoreColumn("hidden flux error, median [%]", "{:.2%}"),
        "peak_distance": ScoreColumn("peak distance [px]", "{:.2f}"),
    }  # fmt: skip
    *_, last = format_table([first, second], columns).splitlines()
    assert last.split()[3:] == ["-", "+20.00", "20.00", "-"]


def test_a_variant_that_does_not_apply_has_no_row(toy, tmp_path):
    toy.evaluation_pairs = lambda self, directory: iter([("numbers", 3, 4), ("letters", "a", 4)])
    toy.variants = lambda self: {"any": Variant("repeat"), "few": Variant("darker")}
    toy.measure = lambda self, observation, restored, truth: {"mean_error": restored - truth}

    def restored(self, observation, method, options):
        if method.name == "repeat":
            return 4
        return observation if isinstance(observation, int) else None

    toy.restored = restored
    rows = [tuple(row.values()) for row in evaluate("toy", tmp_path)]
    assert rows == [("numbers", "any", 0), ("numbers", "few", -1), ("letters", "any", 0)]


def test_median_is_that_of_absolute_values(toy, tmp_path):
    found = iter([-3.0, 1.0, -0.5, 2.0, -8.0])
    pair = next(toy(toy.task).evaluation_pairs(tmp_path))
    toy.evaluation_pairs = lambda self, directory: iter([pair] * 5)
    toy.measure = lambda self, *_: {"median_hidden_flux_error": next(found)}
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
    """With the name of its configuration; each classical method has one row, whatever the number of networks."""
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


# What is evaluated is what users run, in the variants of the recipe


def brighter(observation, method, *, progress=False, by=0.0):
    """What happens around the methods of the toy task."""
    return Restored(data=method(observation, progress=progress) + by)


@pytest.fixture
def with_variants(toy, register):
    """The toy task with two variants of the network, one of a classical method, and the truth as a reference."""
    toy.task = replace(toy.task, restore=brighter)
    register(toy.task)
    toy.variants = lambda self: {
        "truth": Variant(None),
        "network": Variant("network"),
        "network, brighter": Variant("network", {"by": 0.25}),
        "repeat, brighter": Variant("repeat", {"by": 0.5}),
    }
    restored = toy.restored
    pair = next(toy(toy.task).evaluation_pairs(None))
    toy.evaluation_pairs = lambda self, directory: iter([pair])
    toy.restored = lambda self, observation, method, options: (
        pair[2] if method is None else restored(self, observation, method, options)
    )


@pytest.mark.usefixtures("with_variants")
def test_methods_are_scored_as_the_task_restores(weights, tmp_path):
    rows = evaluate("toy", tmp_path, weights=weights[0], device="cpu")
    assert [row["method"] for row in rows] == ["truth", "network", "network, brighter", "repeat, brighter"]
    error = {row["method"]: row["mean_error"] for row in rows}
    assert error["truth"] == 0
    assert error["network, brighter"] - error["network"] == pytest.approx(0.25)
    assert error["repeat, brighter"] == pytest.approx(0.5)


@pytest.mark.usefixtures("with_variants")
def test_the_device_and_the_weights_are_those_of_the_network(weights, tmp_path):
    with pytest.raises(ValueError, match="device='no device'"):
        evaluate("toy", tmp_path, weights=weights[0], device="no device")
    (row,) = evaluate("toy", tmp_path, methods=["repeat, brighter"], weights="no weights", device="no device")
    assert row["mean_error"] == pytest.approx(0.5)


@pytest.mark.usefixtures("with_variants")
def test_variants_are_chosen_by_their_names(weights, tmp_path):
    names = ["network, brighter", "truth"]
    rows = evaluate("toy", tmp_path, methods=iter(names), weights=weights[0])
    assert [row["method"] for row in rows] == names


@pytest.mark.usefixtures("with_variants")
def test_each_of_several_networks_has_a_row_per_variant(tmp_path):
    paths = [write_toy(tmp_path / f"{n}.safetensors", n, f"of-{n}") for n in (2, 3)]
    rows = evaluate("toy", tmp_path, weights=paths)
    assert [row["method"] for row in rows] == [
        "of-2", "of-2, brighter", "of-3", "of-3, brighter", "truth", "repeat, brighter",
    ]  # fmt: skip
    errors = {row["method"]: row["mean_error"] for row in rows}
    assert errors["of-2"] != errors["of-3"]
    assert errors["of-3, brighter"] - errors["of-3"] == pytest.approx(0.25)


# Tables


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
    columns = {**toy.score_columns, "net_flux_error": ScoreColumn("net flux error [%]", "{:+.2%}")}
    columns["psnr"] = ScoreColumn("PSNR [dB]", "{:.2f}")
    header, *lines = format_table(rows, columns).splitlines()
    assert len(lines) == len(rows)
    headings = ["source", "method", "NMSE", "mean error", "residual [%]", "net flux error [%]"]
    assert re.split("  +", header) == headings
    for line, row in zip(lines, rows, strict=True):
        assert f"{row['nmse']:.4f}" in line
        assert f"{100 * row['residual']:.2f}" in line
    assert lines[-1].endswith("-1.20")
    assert {len(line) for line in lines} == {len(header)}


def test_a_table_without_columns_has_all_scores_by_name():
    rows = [{"source": "a", "method": "repeat", "psnr": 12.34567}, {"source": "a", "method": "darker", "ssim": 0.5}]
    header, *lines = format_table(rows).splitlines()
    assert header.split() == ["source", "method", "psnr", "ssim"]
    assert [line.split() for line in lines] == [["a", "repeat", "12.35", "-"], ["a", "darker", "-", "0.5"]]


def test_columns_are_in_the_order_of_the_recipe(toy):
    rows = [{"source": "a", "method": "b", "residual": 0.1, "nmse": 0.2}]
    header, line = format_table(rows, toy.score_columns).splitlines()
    assert re.split("  +", header) == ["source", "method", "NMSE", "residual [%]"]
    assert line.split() == ["a", "b", "0.2000", "10.00"]


def test_missing_files_are_named_with_what_to_do(tmp_path):
    advice = "sunpy-restore dataset {0} --from DIR --out DIR"
    for task, text in (("enhance-continuum", "muram_intensity"), ("inpaint", "lasco"), ("desaturate", "aia")):
        with pytest.raises(FileNotFoundError, match=f"(?s){text}.*{re.escape(advice.format(task))}") as caught:
            evaluate(task, tmp_path, methods=["network"])
        assert "Errno" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FileNotFoundError, match=r"Found a file .* expected a folder with the training data"):
        evaluate("inpaint", file)


def test_refusals(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere; expected one with the training data"):
        evaluate("toy", tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"Unknown method 'magic'; expected one of network, repeat, darker"):
        evaluate("toy", tmp_path, methods=["magic"])
    with pytest.raises(ValueError, match="Unknown task 'no-such-task'; expected one of toy"):
        evaluate("no-such-task", tmp_path)


def with_observations(toy):
    """The toy with two observations, one of which the method 'darker' refuses."""

    class Observed(toy):
        def observations(self, directory):
            for index, (_, observation, _) in enumerate(list(self.evaluation_pairs(directory))[:2]):
                yield f"{directory.name} {index}", observation

        def restored(self, observation, method, options):
            if method.name == "darker" and observation.data[0, 0] == self.refused:
                raise ValueError("too dark")
            return super().restored(observation, method, options)

        def compare(self, observation, images):
            return {name: {"mean": float(image.mean()), "images": len(images)} for name, image in images.items()}

    pairs = [observation for _, observation, _ in toy(toy.task).evaluation_pairs(None)][:2]
    Observed.refused = pairs[1].data[0, 0]
    return Observed, [float(pair.data.mean()) for pair in pairs]


def test_observations_are_compared_and_summarised_by_medians(toy, register, tmp_path):
    observed, means = with_observations(toy)
    register(replace(toy.task, recipe=observed))
    with pytest.warns(RestoreWarning, match="1, darker: too dark"):
        rows = evaluate_observations("toy", tmp_path, methods=["repeat", "darker"])
    name = tmp_path.name
    wanted = [
        (f"{name} 0", "repeat"), (f"{name} 0", "darker"), (f"{name} 1", "repeat"), ("median of 2", "repeat"),
        ("median of 2", "darker"),
    ]  # fmt: skip
    assert [(row["source"], row["method"]) for row in rows] == wanted
    assert [row["images"] for row in rows[:3]] == [2, 2, 1]
    assert only(rows, source="median of 2", method="repeat")["mean"] == pytest.approx(np.mean(means))
    assert only(rows, source="median of 2", method="darker")["mean"] == pytest.approx(means[0] - 0.05)


def test_observations_that_cannot_be_compared(toy, tmp_path, register):
    with pytest.raises(FileNotFoundError, match="no folder"):
        evaluate_observations("toy", tmp_path / "nowhere", methods=["repeat"])
    with pytest.raises(ValueError, match="toy task has no scores for observations"):
        evaluate_observations("toy", tmp_path, methods=["repeat"])
    observed, _ = with_observations(toy)
    observed.observations = lambda self, directory: iter(())
    register(replace(toy.task, recipe=observed))
    with pytest.raises(ValueError, match="no observation of the toy task"):
        evaluate_observations("toy", tmp_path, methods=["repeat"])
