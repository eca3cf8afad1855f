from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

pytest.importorskip("lightning", reason="training needs the extra 'train'")

from sunpy_restore.core.weights.store import read


class Adversary(nn.Module):
    """A discriminator of single pixels of the observation, with a batch norm."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(5, channels, 1), nn.BatchNorm2d(channels), nn.LeakyReLU(0.2), nn.Conv2d(channels, 1, 1)
        )

    def forward(self, observed, image):
        return self.layers(torch.cat([observed, nn.functional.pixel_unshuffle(image, 2)], dim=1))


def build_network(hyperparameters):
    """Draws random numbers in training."""
    channels = dict(hyperparameters)["channels"]
    layers = [nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels), nn.Dropout(0.2), nn.Conv2d(channels, 4, 1)]
    return nn.Sequential(*layers, nn.PixelShuffle(2))


@pytest.fixture
def gan(toy, register):
    """The recipe of the toy task for an adversarial training. It notes both networks before each step."""
    toy.task = replace(toy.task, build_network=build_network)
    register(toy.task)
    toy.adversaries = []

    def build_adversary(self, hyperparameters):
        self.adversaries.append(Adversary(**hyperparameters))
        return self.adversaries[-1]

    def predict(self, network, observed, config):
        if network.training:
            states = (network, self.adversaries[-1])
            self.seen.append([{k: v.detach().clone() for k, v in part.state_dict().items()} for part in states])
        return network(observed)

    def loss(self, network, batch, config):
        pytest.fail("An adversarial training has no loss of the network alone.")

    toy.build_adversary, toy.predict, toy.loss = build_adversary, predict, loss
    toy.content_loss = lambda self, restored, batch, config: nn.functional.l1_loss(restored, batch[1])
    toy.config = replace(
        toy.config, adversary={"channels": 4}, betas=(0.5, 0.999), schedule="halving", halving=4, learning_rate=0.01
    )
    return toy


@pytest.fixture
def run(gan, interruptible):
    """Train the toy in a folder of ``tmp_path``, interrupted before the step of that number if one is given."""
    return interruptible(gan, "content_loss")


@pytest.mark.parametrize(
    ("schedule", "ema_decay"),
    [
        ("halving", 0.9),
        *(
            pytest.param(*options, marks=pytest.mark.slow)
            for options in [
                ("halving", 0.0),
                ("one-cycle", 0.0),
                ("one-cycle", 0.9),
                ("constant", 0.0),
                ("constant", 0.9),
            ]
        ),
    ],
)
def test_resumed_training_is_the_uninterrupted_one(run, gan, schedule, ema_decay, assert_equal_states):
    """With its discriminator and the random numbers of dropout."""
    changes = {"ema_decay": ema_decay, "schedule": schedule}
    whole, _ = read(run("whole", **changes))
    in_turn, steps, adversary = list(gan.made[-1].asked), list(gan.seen), gan.adversaries[-1].state_dict()
    assert len(steps) == 12
    with pytest.raises(run.interrupted):
        # The last checkpoint is then that of step 5
        run("parts", interrupt=8, **changes)
    torch.rand(5)
    parts, metadata = read(run("parts", resume=True, **changes))
    assert gan.made[-1].asked == in_turn[4 * 5 :]
    for found, expected in zip(gan.seen, steps[5:], strict=True):
        for part in range(2):
            assert_equal_states(found[part], expected[part])
    assert_equal_states(parts, whole)
    assert_equal_states(gan.adversaries[-1].state_dict(), adversary)
    assert metadata["steps"] == "12"


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_accumulated_gradients_are_those_of_the_whole_batch(run, gan, penalty):
    """Of both players, without layers whose output depends on the other images of a batch."""

    def linear(hyperparameters):
        channels = dict(hyperparameters)["channels"]
        return nn.Sequential(nn.Conv2d(1, channels, 1), nn.Conv2d(channels, 4, 1), nn.PixelShuffle(2))

    class Pixels(Adversary):
        def __init__(self, channels):
            super().__init__(channels)
            self.layers[1] = nn.Identity()

    object.__setattr__(gan.task, "build_network", linear)
    gan.build_adversary = lambda self, hyperparameters: self.adversaries.append(Pixels(4)) or self.adversaries[-1]
    changes = {"options": {"margin": 0, "gradient_penalty": penalty}}
    whole, _ = read(run("whole", **changes))
    adversary = gan.adversaries[-1].state_dict()
    parts, metadata = read(run("parts", accumulate=2, **changes))
    assert metadata["steps"] == "12"
    for found, expected in ((parts, whole), (gan.adversaries[-1].state_dict(), adversary)):
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.slow
def test_same_seed_same_weights(run, assert_equal_states):
    first, _ = read(run("first"))
    torch.rand(5)
    second, _ = read(run("second"))
    assert_equal_states(first, second)
    other, _ = read(run("other", seed=4))
    assert not torch.equal(other["0.weight"], first["0.weight"])


def test_only_the_generator_is_written(run, gan):
    written, metadata = read(run("out", ema_decay=0.0))
    assert written.keys() == build_network({"channels": 8}).state_dict().keys()
    assert metadata["recipe"]["adversary"] == {"channels": 4}
    assert metadata["recipe"]["betas"] == [0.5, 0.999]


def by_hand(gan, network, adversary, rates, penalty=0.0):
    """The training in plain PyTorch."""
    entropy = nn.BCEWithLogitsLoss()
    optimizers = [torch.optim.Adam(part.parameters(), betas=(0.5, 0.999)) for part in (network, adversary)]
    pairs = gan.made[-1]
    for step, rate in enumerate(rates):
        observed, truth = (torch.stack(part) for part in zip(*(pairs[4 * step + i] for i in range(4)), strict=True))
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate
        restored = network(observed)
        real, fake = adversary(observed, truth), adversary(observed, restored.detach())
        loss = (entropy(real, torch.ones_like(real)) + entropy(fake, torch.zeros_like(fake))) / 2
        if penalty:
            truth = truth.clone().requires_grad_()
            logits = adversary(observed, truth)
            # Because of batch norm an image changes the logits of the others, too
            total = sum(logit.mean() for logit in logits)
            (slope,) = torch.autograd.grad(total, truth, create_graph=True)
            loss = loss + penalty / 2 * sum(image.square().sum() for image in slope) / len(slope)
        descend(loss, optimizers[1], adversary)
        fake = adversary(observed, restored)
        loss = entropy(fake, torch.ones_like(fake)) + nn.functional.l1_loss(restored, truth)
        descend(loss, optimizers[0], network)


def descend(loss, optimizer, part):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(part.parameters(), 1.0)
    optimizer.step()


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_a_step_updates_the_discriminator_and_then_the_generator(run, gan, register, penalty):
    """The rate is halved every four steps."""
    register(replace(gan.task, build_network=lambda _: nn.Sequential(nn.Conv2d(1, 4, 1), nn.PixelShuffle(2))))
    written, _ = read(run("out", ema_decay=0.0, steps=10, options={"gradient_penalty": penalty}))
    network, adversary = nn.Sequential(nn.Conv2d(1, 4, 1), nn.PixelShuffle(2)), Adversary(4)
    for part, state in zip((network, adversary), gan.seen[0], strict=True):
        part.load_state_dict(state)
    by_hand(gan, network, adversary, [0.01] * 4 + [0.005] * 4 + [0.0025] * 2, penalty)
    for part, state in ((network, written), (adversary, gan.adversaries[-1].state_dict())):
        for name, tensor in part.state_dict().items():
            torch.testing.assert_close(state[name], tensor, msg=name)


@pytest.mark.slow
def test_gradients_of_both_are_clipped(run, gan):
    """Adam ignores the size of gradients, so that only a clip far below its epsilon changes the weights."""
    moved = []
    for clip in (1e-12, 0.0):
        run(f"clipped at {clip}", gradient_clip=clip, ema_decay=0.0)
        names = ("0.weight", "layers.0.weight")
        moved.append(
            [
                max((b[part][name] - a[part][name]).abs().max() for a, b in pairwise(gan.seen))
                for part, name in enumerate(names)
            ]
        )
    for clipped, free in zip(*moved, strict=True):
        assert 0 < clipped < 1e-3 * free


@pytest.mark.slow
def test_it_learns(run, gan):
    _, metadata = read(run("out", steps=200, validation_interval=100, halving=50, learning_rate=0.03))
    # The normalised squared error of a constant is 1
    assert metadata["validation"]["nmse/noise"] < 0.1


def test_mixed_precision(run, gan):
    state, _ = read(run("out", precision="bf16-mixed"))
    assert {tensor.dtype for tensor in state.values() if tensor.is_floating_point()} == {torch.float32}


def test_training_is_quiet_and_logged(run, tmp_path, capfd, caplog):
    run("out")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert not caplog.records
    logs = (tmp_path / "out" / "logs" / "version_0" / "metrics.csv").read_text()
    assert {"loss", "content", "adversary", "lr-Adam", "lr-Adam-1", "nmse/noise"} <= set(
        logs.splitlines()[0].split(",")
    )


def test_refusals(run):
    with pytest.raises(ValueError, match="precision='16-mixed' for an adversarial training; expected '32-true'"):
        run("out", precision="16-mixed")
    with pytest.raises(ValueError, match=r"Found halving = 0 in .*; expected the number of steps between two halvings"):
        run("out", halving=0)
    run("out")
    with pytest.raises(ValueError, match=r"betas = \[0\.5, 0\.999\], expected \[0\.9, 0\.999\]"):
        run("out", betas=(0.9, 0.999), resume=True)


@pytest.mark.slow
def test_a_training_of_halved_rates_can_be_prolonged(run, assert_equal_states):
    whole, _ = read(run("whole", steps=9, ema_decay=0.0))
    run("parts", steps=5, ema_decay=0.0)
    parts, _ = read(run("parts", steps=9, ema_decay=0.0, resume=True))
    assert_equal_states(parts, whole)


def test_validation_is_over_the_scored_pixels(run, gan):
    """The network is correct where it is scored, and wrong elsewhere."""
    gan.scored_pixels = lambda self, observed, truth: nn.functional.interpolate(observed, scale_factor=2) > 0.5

    def correct_where_scored(self, network, observed, config):
        result = network(observed)
        if network.training:
            return result
        truth = nn.functional.pixel_shuffle(observed * torch.tensor([0.5, 1.0, -0.5, 2.0])[:, None, None], 2)
        return torch.where(self.scored_pixels(observed, truth), truth, result + 100)

    gan.predict = correct_where_scored
    _, metadata = read(run("out"))
    for source in ("noise", "other noise"):
        assert metadata["validation"][f"nmse/{source}"] == pytest.approx(0, abs=1e-10)
        assert metadata["validation"][f"contrast/{source}"] == pytest.approx(1)


@pytest.mark.slow
def test_a_gradient_penalty_makes_the_discriminator_flat(run, gan):
    """At true images (Mescheder et al. 2018)."""
    slopes = []
    for penalty in (0.0, 100.0):
        run(f"penalty {penalty}", steps=60, options={"gradient_penalty": penalty})
        adversary = gan.adversaries[-1].eval()
        observed, truth = (torch.stack(part) for part in zip(*(gan.made[-1][i] for i in range(8)), strict=True))
        truth.requires_grad_()
        (slope,) = torch.autograd.grad(adversary(observed, truth).mean(dim=(1, 2, 3)).sum(), truth)
        slopes.append(slope.square().sum(dim=(1, 2, 3)).mean())
    assert slopes[1] < 0.5 * slopes[0]
