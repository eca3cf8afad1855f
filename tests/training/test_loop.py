import json
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("lightning", reason="training needs the extra 'train'")

from sunpy_restore.core.exceptions import RestoreWarning, WeightsError
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.store import read
from sunpy_restore.tasks import get_task
from sunpy_restore.training import loop, train, trainer


@pytest.fixture
def run(toy, interruptible):
    """Train the toy in a folder of ``tmp_path``, interrupted before the step of that number if one is given."""
    return interruptible(toy, "loss")


def test_resumed_training_is_the_uninterrupted_one(run, toy, assert_equal_states):
    whole, _ = read(run("whole"))
    in_turn = list(toy.made[-1].asked)
    with pytest.raises(run.interrupted):
        # The last checkpoint is then that of step 5
        run("parts", interrupt=8)
    assert toy.made[-1].asked == in_turn[: 4 * 9]
    parts, metadata = read(run("parts", resume=True))
    assert toy.made[-1].asked == in_turn[4 * 5 :]
    assert_equal_states(parts, whole)
    assert metadata["steps"] == "12"


@pytest.mark.slow
def test_resuming_a_finished_training_gives_its_weights_again(run, toy, assert_equal_states):
    whole, before = read(run("out"))
    again, after = read(run("out", resume=True))
    # The last checkpoint is that of step 10
    assert len(toy.seen) == 2
    assert_equal_states(again, whole)
    done, _ = read(run("done", validation_interval=4))
    again, after = read(run("done", validation_interval=4, resume=True))
    assert len(toy.seen) == 0
    assert_equal_states(again, done)
    assert after["validation"].keys() == before["validation"].keys()


def test_a_recipe_may_convert_the_weights_that_a_training_starts_from(run, toy):
    """Such as those of a network with fewer channels."""
    small = run("small", network={"architecture": "Toy", "channels": 4}, steps=1)

    def starting_weights(self, network, state):
        assert network[0].out_channels == 8
        return {
            name: torch.cat([tensor, tensor]) if name.startswith(("0.", "1.")) and tensor.ndim else tensor
            for name, tensor in state.items()
        } | {"2.weight": torch.cat([state["2.weight"]] * 2, dim=1) / 2}

    toy.starting_weights = starting_weights
    run("large", start=small, steps=1)
    begun, weights = toy.seen[0], read(small)[0]
    torch.testing.assert_close(begun["0.weight"], torch.cat([weights["0.weight"]] * 2), rtol=0, atol=0)


@pytest.mark.slow
def test_time_of_resumed_trainings_adds_up(run, tmp_path):
    run("out")
    path = tmp_path / "out" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=False)
    (state,) = (state for state in checkpoint["callbacks"].values() if "seconds" in state)
    assert 0 < state["seconds"] < 60
    state["seconds"] = 5000.0
    torch.save(checkpoint, path)
    _, metadata = read(run("out", resume=True))
    assert 5000 <= int(metadata["wall_time"].removesuffix(" s")) < 5060


@pytest.mark.slow
def test_training_starts_from_given_weights(run, toy, assert_equal_states, tmp_path):
    first = run("first", ema_decay=0.0)
    run("second", start=first)
    begun, weights = toy.seen[0], read(first)[0]
    assert_equal_states(begun, weights)
    with pytest.raises(WeightsError, match="do not fit the network"):
        run("third", start=first, network={"architecture": "Toy", "channels": 9})


def test_averaged_weights_are_written(run, toy):
    raw, _ = read(run("raw", ema_decay=0.0))
    # States before each step and after the last one
    states = [*toy.seen[1:], raw]
    average = states[0]
    for state in states[1:]:
        average = {
            name: 0.9 * average[name] + 0.1 * state[name] if state[name].is_floating_point() else state[name]
            for name in state
        }
    written, _ = read(run("averaged"))
    for name, tensor in written.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, average[name], msg=name)
            assert not torch.equal(tensor, raw[name]), name


@pytest.mark.slow
def test_loss_goes_down(run, toy):
    _, metadata = read(run("out", steps=150, validation_interval=50, learning_rate=0.03))
    # The normalised squared error of a constant is 1
    assert set(metadata["validation"]) == {
        f"{score}/{name}" for score in ("nmse", "contrast") for name in ("noise", "other noise")
    }
    assert metadata["validation"]["nmse/noise"] < 0.02
    assert metadata["validation"]["contrast/noise"] == pytest.approx(1, abs=0.1)


def test_validation_is_that_of_the_written_weights(run, toy):
    path = run("out", steps=7, validation_interval=5)
    state, metadata = read(path)
    network = network_with(toy, state)
    observed, truth = (torch.stack(images) for images in zip(*kept_pairs(toy, "noise"), strict=True))
    with torch.no_grad():
        restored = network(observed)
    # Means over two batches of four
    errors = [
        (((restored - truth)[part] ** 2).mean() / truth[part].var()).item() for part in (slice(4), slice(4, None))
    ]
    assert metadata["validation"]["nmse/noise"] == pytest.approx(sum(errors) / 2, rel=1e-4)


def network_with(toy, state):
    network = toy.task.build_network({"architecture": "Toy", "channels": 8}).eval()
    network.load_state_dict(state)
    return network


def kept_pairs(toy, name):
    _, validation = toy(toy.task).datasets(None, toy.config)
    return [validation[name][index] for index in range(8)]


def test_gradients_are_clipped(run, toy):
    """Adam ignores the size of gradients, so that only a clip far below its epsilon changes the weights."""
    run("out", gradient_clip=1e-12, schedule="constant", ema_decay=0.0)
    moved = max((b["0.weight"] - a["0.weight"]).abs().max() for a, b in pairwise(toy.seen))
    run("free", gradient_clip=0.0, schedule="constant", ema_decay=0.0)
    free = max((b["0.weight"] - a["0.weight"]).abs().max() for a, b in pairwise(toy.seen))
    assert moved < 1e-3 * free


def test_mixed_precision(run, monkeypatch):
    monkeypatch.setattr(trainer, "_has_bfloat16", lambda: True)
    state, metadata = read(run("out", precision="bf16-mixed"))
    assert {tensor.dtype for tensor in state.values() if tensor.is_floating_point()} == {torch.float32}
    assert metadata["recipe"]["precision"] == metadata["precision"] == "bf16-mixed"


def test_precision_that_the_processor_lacks_is_not_emulated(run, monkeypatch, assert_equal_states):
    monkeypatch.setattr(trainer, "_has_bfloat16", lambda: False)
    with pytest.warns(RestoreWarning, match="no arithmetic in bfloat16"):
        state, metadata = read(run("out", precision="bf16-mixed"))
    assert metadata["recipe"]["precision"] == "bf16-mixed"
    assert metadata["precision"] == "32-true"
    assert_equal_states(state, read(run("single", precision="32-true"))[0])


def test_training_ends_after_a_given_time(toy, tmp_path):
    with pytest.warns(RestoreWarning, match=r"The preparation of the data took .* minutes=1e-06: the training ends"):
        path = train("toy", tmp_path, tmp_path / "out", steps=1000, minutes=1e-6, progress=False, accelerator="cpu")
    _, metadata = read(path)
    assert int(metadata["steps"]) < 1000


def test_the_time_of_the_preparation_counts(toy, tmp_path, capsys, monkeypatch):
    given, make = [], loop.make_trainer
    monkeypatch.setattr(loop, "make_trainer", lambda *a, seconds, **k: given.append(seconds) or make(*a, **k))
    now = iter((0.0, 40.0))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(now)))
    train("toy", tmp_path, tmp_path / "out", steps=1, minutes=1, accelerator="cpu")
    assert given == [20.0]
    assert "The preparation took 40 s; 20 s are left for the training" in capsys.readouterr().err


@pytest.mark.parametrize("progress", [True, False])
def test_preparation_is_announced(toy, tmp_path, capsys, progress):
    train("toy", tmp_path, tmp_path / "out", steps=1, progress=progress, accelerator="cpu")
    assert ("Preparing the training data of toy" in capsys.readouterr().err) == progress


def test_a_damaged_checkpoint_is_named(run, toy, tmp_path):
    run("out", steps=4)
    path = tmp_path / "out" / "last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"Found the damaged checkpoint .*last.ckpt; .* copy best.ckpt over it"):
        train("toy", tmp_path, tmp_path / "out", resume=True, accelerator="cpu")


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_calibration_is_announced(toy, tmp_path, capsys, monkeypatch, calibrated):
    if calibrated:
        monkeypatch.setattr(type(recipe_of(get_task("toy"))), "calibrate", lambda *_: None)
    train("toy", tmp_path, tmp_path / "out", steps=1, accelerator="cpu")
    assert ("Calibrating the network of toy" in capsys.readouterr().err) == calibrated


def test_logs_and_metadata(run, toy, tmp_path):
    path = run("out")
    assert path == tmp_path / "out" / "toy-compact.safetensors"
    logs = (tmp_path / "out" / "logs" / "version_0" / "metrics.csv").read_text()
    assert {"loss", "lr-Adam", "nmse/noise", "contrast/other noise"} <= set(logs.splitlines()[0].split(","))
    assert len(logs.splitlines()) > 3
    assert list((tmp_path / "out" / "tensorboard").rglob("events.out.tfevents.*"))
    _, metadata = read(path)
    assert metadata["task"] == "toy"
    assert metadata["architecture"] == "Toy"
    assert metadata["hyperparameters"] == {"architecture": "Toy", "channels": 8}
    assert metadata["normalization"] == "quiet-Sun intensity"
    assert metadata["training_data"] == "Noise of seed 3."
    assert metadata["recipe"]["steps"] == 12
    assert metadata["recipe"]["options"] == {"margin": 0}
    assert "licence" not in metadata
    assert metadata["commit"]


def test_training_is_quiet(run, capfd, caplog):
    run("out")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert not caplog.records


def test_same_seed_same_weights(run, assert_equal_states):
    first, _ = read(run("first"))
    torch.rand(5)
    second, _ = read(run("second"))
    assert_equal_states(first, second)
    other, _ = read(run("other", seed=4))
    assert not torch.equal(other["0.weight"], first["0.weight"])


def test_refusals(run, toy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*last\.ckpt"):
        run("out", resume=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"Unknown configuration 'huge' of toy; expected one of compact"):
        train("toy", tmp_path, tmp_path / "out", config="huge")
    with pytest.raises(ValueError, match="Unknown task 'no-such-task'; expected one of toy"):
        train("no-such-task", tmp_path, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere; expected one with the training data"):
        train("toy", tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ValueError, match=r"Found steps = 0 in .*; expected an integer of at least 1"):
        train("toy", tmp_path, tmp_path / "out", steps=0)
    with pytest.raises(
        ValueError, match=r"Found schedule = 'linear' in .*; expected one of constant, one-cycle, halving"
    ):
        run("out", schedule="linear")


def test_an_earlier_training_is_not_lost(run, tmp_path):
    run("out")
    before = (tmp_path / "out" / "last.ckpt").read_bytes()
    with pytest.raises(FileExistsError, match=r"last\.ckpt of an earlier training; expected .* Resume that"):
        run("out")
    assert (tmp_path / "out" / "last.ckpt").read_bytes() == before


def test_a_checkpoint_of_another_configuration_is_refused(run, tmp_path):
    run("out")
    with pytest.raises(ValueError, match="batch_size = 4, expected 8"):
        run("out", resume=True, batch_size=8)
    with pytest.raises(ValueError, match="steps = 12, expected 20"):
        run("out", resume=True, steps=20)


@pytest.mark.slow
def test_a_training_of_constant_rate_can_be_prolonged(run, toy, assert_equal_states):
    whole, _ = read(run("whole", schedule="constant", steps=9, ema_decay=0.0))
    run("parts", schedule="constant", steps=5, ema_decay=0.0)
    parts, _ = read(run("parts", schedule="constant", steps=9, ema_decay=0.0, resume=True))
    assert_equal_states(parts, whole)


@pytest.mark.slow
def test_a_moved_folder_is_resumed(run, toy, tmp_path, assert_equal_states):
    whole, _ = read(run("whole"))
    with pytest.raises(run.interrupted):
        run("before", interrupt=7)
    (tmp_path / "before").rename(tmp_path / "after")
    parts, _ = read(run("after", resume=True))
    assert_equal_states(parts, whole)
    assert torch.load(tmp_path / "after" / "last.ckpt", weights_only=False)["global_step"] == 10
    assert {path.name for path in (tmp_path / "after").glob("*.ckpt")} == {"last.ckpt", "best.ckpt"}


def test_configuration_by_name_and_steps(toy, tmp_path):
    _, metadata = read(train("toy", tmp_path, tmp_path / "out", steps=3, progress=False))
    assert metadata["steps"] == "3"
    assert json.loads(json.dumps(metadata["recipe"]))["steps"] == 3


def test_a_recipe_calibrates_what_is_written(run, toy, tmp_path, assert_equal_states):
    """The averaged weights, once, after the training."""
    plain, _ = read(run("plain"))
    calls = []

    def calibrate(self, network, directory, config):
        calls.append((self.task.name, directory, config.steps))
        assert_equal_states(network.state_dict(), plain)
        with torch.no_grad():
            network[2].bias += 5

    toy.calibrate = calibrate
    written, _ = read(run("out"))
    assert calls == [("toy", tmp_path, 12)]
    for name, tensor in written.items():
        torch.testing.assert_close(tensor, plain[name] + 5 if name == "2.bias" else plain[name], rtol=0, atol=0)
    # A resumed training is the same
    resumed, _ = read(run("out", resume=True))
    assert_equal_states(resumed, written)


def test_a_recipe_may_have_other_validation_scores(run, toy, tmp_path):
    """Means over two batches of four, under the names of the sources."""
    toy.validation_scores = lambda self, restored, truth: {
        "bias": float((restored - truth).mean()), "size": float(len(truth)),
    }  # fmt: skip
    state, metadata = read(run("out"))
    network = network_with(toy, state)
    expected = {f"size/{name}": 4.0 for name in ("noise", "other noise")}
    with torch.no_grad():
        for name in ("noise", "other noise"):
            observed, truth = (torch.stack(images) for images in zip(*kept_pairs(toy, name), strict=True))
            expected[f"bias/{name}"] = (network(observed) - truth).mean().item()
    assert metadata["validation"] == pytest.approx(expected, abs=1e-6)
    logs = (tmp_path / "out" / "logs" / "version_0" / "metrics.csv").read_text()
    assert set(expected) <= set(logs.splitlines()[0].split(","))


def test_each_step_draws_numbers_of_its_own(run, toy, monkeypatch):
    """As for dropout and the latent vectors of an autoencoder; an interrupted training draws the same numbers."""
    drawn, loss = [], toy.loss

    def noted(self, network, batch, config):
        drawn.append(float(torch.rand(())))
        return loss(self, network, batch, config)

    monkeypatch.setattr(toy, "loss", noted)
    run("whole")
    whole = drawn.copy()
    assert len(set(whole)) == len(whole) == 12
    drawn.clear()
    with pytest.raises(run.interrupted):
        run("parts", interrupt=8)
    run("parts", resume=True)
    assert drawn[-7:] == whole[5:]


@pytest.mark.parametrize("minutes", [-1, 0, float("nan")])
def test_minutes_are_positive(minutes, tmp_path):
    with pytest.raises(ValueError, match=r"Found minutes = .*; expected a positive number"):
        train("toy", tmp_path, tmp_path / "out", minutes=minutes)
