"""Trainings that cannot go on, the best checkpoint, early stop, and batches that are computed in parts."""

import signal
import sys

import pytest
import torch

pytest.importorskip("lightning", reason="training needs the extra 'train'")

from safetensors.torch import load_file

from sunpy_restore.core.exceptions import TrainingError
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.weights.store import read
from sunpy_restore.tasks import get_task
from sunpy_restore.training.guards import explained_memory
from sunpy_restore.training.trainer import interruptible as continuable


@pytest.fixture
def run(toy, interruptible):
    return interruptible(toy, "loss")


@pytest.fixture
def scored(toy):
    """``scored(values)`` makes the toy log these scores, one a validation; the last one for all that follow."""

    def make(values):
        found = list(values)

        def validation_score(self, means):
            return found.pop(0) if len(found) > 1 else found[0]

        toy.validation_score = validation_score

    return make


def spoil(toy, monkeypatch, step, value):
    """Spoil the loss of a step."""
    loss = toy.loss

    def spoiled(self, network, batch, config):
        found = loss(self, network, batch, config)
        return found * value if len(self.seen) == step else found

    monkeypatch.setattr(toy, "loss", spoiled)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_batch(run, toy, tmp_path, monkeypatch, value):
    loss = toy.loss
    spoil(toy, monkeypatch, 7, value)
    path = tmp_path / "out" / "bad_batch.safetensors"
    with pytest.raises(TrainingError, match=rf"a loss of {value} at step 7; expected .* kept in {path}; it is finite"):
        run("out")
    batch, pairs = load_file(path), toy.made[-1]
    for index, name in enumerate(("observed", "truth")):
        expected = torch.stack([pairs[item][index] for item in range(4 * 6, 4 * 7)])
        torch.testing.assert_close(batch[name], expected, rtol=0, atol=0)
    # The checkpoint of step 5 is of use
    monkeypatch.setattr(toy, "loss", loss)
    resumed, _ = read(run("out", resume=True))
    assert all(tensor.isfinite().all() for tensor in resumed.values())


def test_a_batch_that_is_not_finite_is_named(run, toy, tmp_path, monkeypatch):
    datasets = toy.datasets

    def broken(self, directory, config):
        pairs, validation = datasets(self, directory, config)
        item = type(pairs).__getitem__

        class Broken(type(pairs)):
            def __getitem__(self, index):
                observed, truth = item(self, index)
                return (observed, truth * float("nan")) if index == 9 else (observed, truth)

        pairs.__class__ = Broken
        return pairs, validation

    monkeypatch.setattr(toy, "datasets", broken)
    with pytest.raises(TrainingError, match=r"at step 3; .*; truth in it are not finite everywhere"):
        run("out")
    assert load_file(tmp_path / "out" / "bad_batch.safetensors")["truth"][1].isnan().all()


def test_a_checkpoint_with_weights_that_are_not_finite_is_not_written(run, toy, tmp_path, monkeypatch):
    """Gradients can be infinite where the loss is not."""
    loss = toy.loss

    class Spoiled(torch.autograd.Function):
        @staticmethod
        def forward(context, value):
            return value.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * float("nan")

    def spoiled(self, network, batch, config):
        found = loss(self, network, batch, config)
        return Spoiled.apply(found) if len(self.seen) == 10 else found

    monkeypatch.setattr(toy, "loss", spoiled)
    with pytest.raises(TrainingError, match=r"weights that are not finite after step 10: network\.0\.weight"):
        run("out", gradient_clip=0.0)
    assert torch.load(tmp_path / "out" / "last.ckpt", weights_only=False)["global_step"] == 5


def test_the_best_weights_are_kept_and_exported_if_wanted(run, scored, tmp_path, assert_equal_states):
    scored([3.0, 1.0, 2.0, 2.5])
    last, metadata = read(run("out", validation_interval=3))
    assert (metadata["exported"], metadata["exported_step"], metadata["best_step"]) == ("last", "12", "6")
    best = torch.load(tmp_path / "out" / "best.ckpt", weights_only=True)
    assert best["global_step"] == 6
    kept = {name.removeprefix("network."): tensor for name, tensor in best["state_dict"].items()}
    exported, metadata = read(run("out", validation_interval=3, export="best", resume=True))
    assert (metadata["exported"], metadata["exported_step"]) == ("best", "6")
    assert_equal_states(exported, kept)
    assert not torch.equal(exported["0.weight"], last["0.weight"])
    # Not only the weights: a training of six steps ends with that validation
    scored([3.0])
    _, metadata = read(run("last", validation_interval=3, export="best"))
    assert (metadata["exported"], metadata["exported_step"]) == ("best", "3")


def test_weights_after_the_last_step_may_be_the_best(run, scored, assert_equal_states):
    scored([3.0, 2.0, 1.0])
    last, _ = read(run("out"))
    scored([3.0, 2.0, 1.0])
    best, metadata = read(run("best", export="best"))
    assert metadata["exported_step"] == metadata["best_step"] == "12"
    assert_equal_states(best, last)


def test_validation_in_the_metadata_is_that_of_the_exported_weights(run, scored, toy):
    scored([1.0, 2.0])
    path = run("out", validation_interval=4, export="best", steps=9)
    state, metadata = read(path)
    assert metadata["exported_step"] == "4"
    network = toy.task.build_network({"channels": 8}).eval()
    network.load_state_dict(state)
    observed, truth = (torch.stack(list(images)) for images in zip(*validation_pairs(toy), strict=True))
    with torch.no_grad():
        parts = [(network(observed[part]) - truth[part]).square().mean() for part in (slice(4), slice(4, 8))]
        errors = [error / truth[part].var() for error, part in zip(parts, (slice(4), slice(4, 8)), strict=True)]
    assert metadata["validation"]["nmse/noise"] == pytest.approx(float(sum(errors) / 2), rel=1e-4)


def validation_pairs(toy):
    validation = toy(toy.task).datasets(None, toy.config)[1]["noise"]
    return [validation[index] for index in range(8)]


def test_a_missing_best_checkpoint_is_an_error(run, scored, tmp_path):
    scored([1.0, 2.0])
    run("out")
    (tmp_path / "out" / "best.ckpt").unlink()
    with pytest.raises(TrainingError, match=r"no checkpoint .*best\.ckpt; expected that of step 5"):
        run("out", export="best", resume=True)


def test_early_stop(run, toy, scored, assert_equal_states):
    scored([3.0, 1.0, 1.0, 1.5, 0.5])
    first, metadata = read(run("out", validation_interval=2, patience=2))
    assert metadata["steps"] == "8"
    # A resumed training is the same: it has ended
    again, metadata = read(run("out", validation_interval=2, patience=2, resume=True))
    assert (metadata["steps"], len(toy.seen)) == ("8", 0)
    assert_equal_states(again, first)
    # And with more patience it goes on
    _, metadata = read(run("out", validation_interval=2, patience=3, resume=True))
    assert metadata["steps"] == "12"


def test_the_best_score_survives_an_interruption(run, scored, tmp_path):
    scored([1.0, 2.0, 3.0, 4.0, 5.0])
    with pytest.raises(run.interrupted):
        run("out", validation_interval=2, interrupt=7)
    _, metadata = read(run("out", validation_interval=2, resume=True))
    assert metadata["best_step"] == "2"


def without_batch_norm(hyperparameters):
    channels = dict(hyperparameters)["channels"]
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, channels, 1), torch.nn.Conv2d(channels, 4, 1), torch.nn.PixelShuffle(2)
    )
    network.receptive_radius = 0
    return network


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(run, toy, monkeypatch, parts):
    object.__setattr__(toy.task, "build_network", without_batch_norm)
    whole, _ = read(run("whole"))
    assert len(toy.seen) == 12
    found, metadata = read(run("parts", accumulate=parts))
    assert len(toy.seen) == 12 * parts
    assert metadata["steps"] == "12"
    for name, tensor in whole.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    with pytest.raises(run.interrupted):
        run("resumed", accumulate=parts, interrupt=7 * parts)
    resumed, _ = read(run("resumed", accumulate=parts, resume=True))
    for name, tensor in found.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


def test_a_batch_that_cannot_be_divided_is_refused(run):
    with pytest.raises(ValueError, match=r"batch_size = 4 on 1 device\(s\) with accumulate = 3; expected a multiple"):
        run("out", accumulate=3)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"), MemoryError()]
)
def test_out_of_memory_says_what_to_lower(run, toy, monkeypatch, error):
    def loss(self, network, batch, config):
        raise error

    monkeypatch.setattr(toy, "loss", loss)
    with pytest.raises(TrainingError, match=r"batches of 4 patches of 6 pixels .* Raise accumulate.*lower batch_size"):
        run("out", options={"margin": 0, "views": 9})


def test_pytorch_out_of_memory_on_the_cpu_is_recognised():
    config = TrainingConfig(name="a", network={}, patch_size=6, batch_size=4, steps=1, learning_rate=1.0)
    with pytest.raises(TrainingError, match="Raise accumulate"), explained_memory(config):
        torch.empty(2**55, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="shapes"), explained_memory(config):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


@pytest.mark.parametrize("name", ["enhance-continuum", "desaturate", "inpaint", "backproj", "synthesize-gan"])
def test_scores_of_validations_of_every_recipe(name):
    """Better images have lower scores, whatever the recipe logs."""
    from sunpy_restore.core.recipes.recipe import recipe_of

    recipe = recipe_of(get_task(name))
    truth = torch.rand((4, 1, 64, 64), generator=torch.Generator().manual_seed(1)) + 1
    means = [
        recipe.validation_score(recipe.validation_scores(truth + noise * (truth - truth.mean()).flip(-1), truth))
        for noise in (0.05, 0.5, 2.0)
    ]
    assert means == sorted(means)


class Ended(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Ended])
@pytest.mark.parametrize("is_kept", [True, False])
def test_an_interruption_says_how_to_continue(tmp_path, kind, is_kept):
    """Lightning ignores the signal from then on, and exits with code 1."""
    checkpoint, before = tmp_path / "last.ckpt", signal.getsignal(signal.SIGINT)
    if is_kept:
        checkpoint.touch()

    @continuable(checkpoint)
    def training():
        try:
            raise kind
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.exit(1)

    with pytest.raises(KeyboardInterrupt, match="continue with resume=True" if is_kept else "start the tra") as found:
        training()
    assert found.type is kind
    assert signal.getsignal(signal.SIGINT) is before


def test_other_exits_are_kept(tmp_path):
    with pytest.raises(SystemExit), continuable(tmp_path / "last.ckpt"):
        sys.exit(3)
