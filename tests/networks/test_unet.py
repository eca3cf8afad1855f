"""U-Nets that correct a first fill: what they leave alone, what they look at, and how far."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sunpy_restore.core.inference.function import network_function
from sunpy_restore.core.tiles.local import apply_tiled
from sunpy_restore.networks.unet import CoronaUNet, FillingUNet


def network(widths, seed=0, **options):
    """A network with random weights."""
    generator = torch.Generator().manual_seed(seed)
    network = FillingUNet(widths=widths, **options).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def channels(ny, nx, mask=None, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.lognormal(size=(ny, nx))
    mask = rng.random((ny, nx)) < 0.3 if mask is None else np.broadcast_to(mask, (ny, nx))
    other = np.where(mask, rng.lognormal(size=(ny, nx)), image)
    level = 1.5 * (mask & (rng.random((ny, nx)) < 0.5))
    return np.stack([image, mask, level, mask - level, other])


@pytest.mark.parametrize("widths", [[4], [4, 5], [4, 6, 8]])
def test_receptive_radius_is_exact(widths):
    """It is that of the pixel with the largest one, in both directions."""
    restorer = network(widths)
    receptive_radius, stride = restorer.receptive_radius, restorer.stride
    assert stride == 2 ** len(widths)
    side = -(-(2 * receptive_radius + 1) // stride) * stride + 2 * stride
    middle = side // 2 // stride * stride
    before, after = [], []
    for place in range(middle, middle + stride):
        observed = torch.from_numpy(channels(side, 16, True))[None].requires_grad_()
        (gradient,) = torch.autograd.grad(restorer(observed)[0, 0, place, 8], observed)
        seen = gradient[0].any(dim=0).any(dim=1).nonzero()
        before.append(int(place - seen.min()))
        after.append(int(seen.max() - place))
    assert max(before) == max(after) == receptive_radius


@pytest.mark.parametrize("shape", [(32, 48), (33, 47), (5, 70)])
@pytest.mark.parametrize("tile", [16, 50])
def test_tiled_equals_untiled(shape, tile):
    restorer = network([4, 6, 8])
    observed = channels(*shape)
    keywords = {"halo": restorer.receptive_radius, "stride": restorer.stride}
    function = network_function(restorer, "cpu")
    whole = apply_tiled(function, observed, tile=96, **keywords)
    assert np.abs(whole - observed[0]).max() > 0.1
    np.testing.assert_allclose(apply_tiled(function, observed, tile=tile, **keywords), whole, rtol=1e-5, atol=1e-5)


def test_overlapping_windows_agree():
    restorer = network([4, 6])
    observed = torch.from_numpy(channels(128, 96))[None]
    receptive_radius, start = restorer.receptive_radius, 2 * restorer.stride
    with torch.inference_mode():
        whole, part = restorer(observed)[0, 0], restorer(observed[..., start:, start:])[0, 0]
    torch.testing.assert_close(
        part[receptive_radius:, receptive_radius:], whole[start + receptive_radius :, start + receptive_radius :]
    )


def test_untrained_network_returns_the_first_fill_and_valid_pixels_stay():
    observed = torch.from_numpy(channels(40, 37)).float()[None]
    observed[:, 0, :3] = -0.1
    with torch.inference_mode():
        start = FillingUNet(widths=[4, 6])(observed)
        changed = network([4, 6]).float()(observed)
    mask = observed[:, 1:2] > 0
    torch.testing.assert_close(start, observed[:, :1])
    torch.testing.assert_close(changed[~mask], observed[:, :1][~mask], rtol=0, atol=0)
    assert not torch.isclose(changed[mask], observed[:, :1][mask]).any()


def test_fill_is_finite_for_any_input():
    observed = torch.from_numpy(channels(16, 16, True)).float()[None]
    observed[:, 0] *= 1e30
    with torch.inference_mode():
        filled = network([4, 6]).float()(observed)
    assert torch.isfinite(filled).all()
    assert filled.max() <= np.expm1(8) * 1.001


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_mixed_precision_gives_single_precision(dtype):
    observed = torch.from_numpy(channels(16, 16)).float()[None]
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        assert network([4, 6]).float()(observed).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (17, 2), (31, 50)])
def test_any_size(shape):
    observed = torch.from_numpy(channels(*shape)).float()[None]
    with torch.inference_mode():
        filled = network([4, 6, 8]).float()(observed)
    assert filled.shape == (1, 1, *shape)
    assert torch.isfinite(filled).all()


def test_images_of_a_batch_are_independent():
    observed = torch.from_numpy(np.stack([channels(20, 24, seed=seed) for seed in (1, 2)]))
    restorer = network([4, 6])
    with torch.inference_mode():
        together = restorer(observed)
        alone = torch.cat([restorer(one[None]) for one in observed])
    torch.testing.assert_close(together, alone)


def test_nothing_to_fill():
    observed = torch.from_numpy(channels(12, 15, False))[None]
    with torch.inference_mode():
        torch.testing.assert_close(network([4, 6])(observed), observed[:, :1], rtol=0, atol=0)


def test_fill_is_that_of_the_other_sign_if_the_correction_is():
    """Off the limb images are noise around zero."""
    observed = torch.from_numpy(channels(12, 12, True))[None]
    mirrored = observed.clone()
    mirrored[:, [0, 4]] *= -1
    restorer = network([4], others=1)
    with torch.no_grad():  # so that only the shares of the other fill are not zero
        restorer.leave.weight.zero_()
    restorer.leave.bias.data[:4] = 0
    with torch.inference_mode():
        torch.testing.assert_close(restorer(mirrored), -restorer(observed))


def test_channels_of_other_fills_are_used_as_far_as_the_network_has_them():
    observed = torch.from_numpy(channels(24, 20, seed=3))[None]
    changed = observed.clone()
    changed[:, 4] += 0.5
    with torch.inference_mode():
        without, with_one = network([4, 6]), network([4, 6], others=1)
        torch.testing.assert_close(without(observed), without(changed), rtol=0, atol=0)
        assert not torch.isclose(with_one(observed), with_one(changed))[observed[:, 1:2] > 0].any()


def test_network_can_return_the_other_fill():
    observed = torch.from_numpy(channels(16, 16))[None]
    restorer = FillingUNet(widths=[4], others=1).double()
    restorer.leave.bias.data[4:] = 1
    with torch.inference_mode():
        torch.testing.assert_close(restorer(observed), observed[:, 4:])


@pytest.mark.parametrize("ceiling", [1.0, 5.0])
def test_ceiling_bounds_the_fill(ceiling):
    observed = torch.from_numpy(channels(12, 12, True)).float()[None]
    observed[:, 0] = 1e6
    with torch.inference_mode():
        filled = FillingUNet(widths=[4], ceiling=ceiling)(observed)
    torch.testing.assert_close(filled, torch.full_like(filled, float(np.expm1(ceiling))))


def test_default_network_is_compact():
    """At most 8 MB in single precision, counted layer by layer."""
    widths = (48, 64, 96, 128)

    def convolution(entering, leaving, side=3):
        return (side**2 * entering + 1) * leaving

    def block(entering, leaving):
        shortcut = convolution(entering, leaving, 1) if entering != leaving else 0
        return convolution(entering, leaving) + convolution(leaving, leaving) + shortcut

    expected = convolution(12, 48) + block(48, 48) + convolution(48, 4)
    for shallow, deep in pairwise(widths):
        expected += block(shallow, deep) + block(shallow + deep, shallow)
    count = sum(parameter.numel() for parameter in FillingUNet().parameters())
    assert count == expected
    assert 4 * count < 8e6


def corona_network(widths=(4, 6), seed=0, gate=0.0, **options):
    """A network with random weights."""
    generator = torch.Generator().manual_seed(seed)
    network = CoronaUNet(widths=list(widths), **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
        network.gate.fill_(gate)
    return network


def corona_channels(ny, nx, seed=0, seen=0.5, batch=1, others=1):
    rng = np.random.default_rng(seed)
    shape = (batch, 1, ny, nx)
    mask = rng.random(shape) < 0.3
    seen = rng.random(shape) < seen
    image = 3 * rng.normal(size=shape)
    stack = [
        image, mask, ~mask & (rng.random(shape) < 0.1), rng.normal(size=shape),
        rng.normal(size=shape), np.where(seen, 3 * rng.normal(size=shape), 0), seen,
        *(np.where(mask, 3 * rng.normal(size=shape), image) for _ in range(others)), rng.random(shape),
    ]  # fmt: skip
    return torch.from_numpy(np.concatenate(stack, axis=1).astype(np.float32))


@pytest.mark.parametrize("view", ["polar", "pixel"])
def test_untrained_corona_network_returns_the_first_fill(view):
    channels = corona_channels(40, 37)
    restorer = CoronaUNet(widths=[4, 6], view=view)
    assert (restorer.receptive_radius, restorer.view, restorer.stride) == (None, view, 16)
    with torch.inference_mode():
        torch.testing.assert_close(restorer(channels), channels[:, :1], rtol=0, atol=0)


def test_corona_network_leaves_valid_pixels_alone():
    channels = corona_channels(40, 37)
    mask = channels[:, 1:2] > 0
    with torch.inference_mode():
        filled = corona_network()(channels)
    torch.testing.assert_close(filled[~mask], channels[:, :1][~mask], rtol=0, atol=0)
    assert (filled[mask] != channels[:, :1][mask]).float().mean() > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (17, 2), (31, 50)])
def test_corona_network_takes_any_size(shape):
    with torch.inference_mode():
        filled = corona_network([4, 6, 8])(corona_channels(*shape))
    assert filled.shape == (1, 1, *shape)
    assert torch.isfinite(filled).all()


def test_corona_network_uses_every_channel():
    """That of the coherence, which is the last one, only if the network has a gate."""
    for gate in (0.0, 1.0):
        channels = corona_channels(24, 24).requires_grad_()
        filled = corona_network(gate=gate)(channels)
        (gradient,) = torch.autograd.grad(filled[channels[:, 1:2] > 0].sum(), channels)
        used = gradient.abs().amax(dim=(0, 2, 3)) > 0
        assert used[:-1].all()
        assert used[-1] == (gate > 0)


def test_unknown_neighbours_are_ignored():
    channels, other = (corona_channels(24, 24) for _ in range(2))
    other[:, 5] = torch.where(channels[:, 6] > 0, channels[:, 5], 1e3)
    with torch.inference_mode():
        torch.testing.assert_close(corona_network()(other), corona_network()(channels))


def test_prediction_from_neighbours_can_be_returned():
    """With a weight of 1 and no correction the masked pixels get the predicted values."""
    restorer = CoronaUNet(widths=[4, 6])
    with torch.no_grad():
        restorer.leave.bias[4:8] = 1
    channels = corona_channels(24, 20)
    with torch.inference_mode():
        filled = restorer(channels)
    mask, seen = channels[:, 1:2] > 0, channels[:, 6:7] > 0
    torch.testing.assert_close(filled[mask & seen], channels[:, 5:6][mask & seen])
    torch.testing.assert_close(filled[mask & ~seen], channels[:, :1][mask & ~seen])


def test_the_other_fill_can_be_returned():
    restorer = CoronaUNet(widths=[4, 6])
    with torch.no_grad():
        restorer.leave.bias[8:] = 1
    channels = corona_channels(24, 20)
    with torch.inference_mode():
        torch.testing.assert_close(restorer(channels), channels[:, 7:8])


def test_coronas_of_a_batch_are_independent():
    channels = corona_channels(20, 24, batch=2)
    restorer = corona_network()
    with torch.inference_mode():
        alone = torch.cat([restorer(one[None]) for one in channels])
        torch.testing.assert_close(restorer(channels), alone)


def test_very_bright_pixels_have_a_bounded_influence():
    channels = corona_channels(24, 24)
    channels[:, 0, 3:9, 3:9] = 2000
    with torch.inference_mode():
        calm, loud = corona_network()(corona_channels(24, 24)), corona_network()(channels)
    mask = channels[0, 1] > 0
    mask[3:9, 3:9] = False
    assert (loud - calm)[0, 0][mask].abs().max() < 1000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_corona_network_gives_single_precision_in_mixed_precision(dtype):
    channels = corona_channels(16, 16)
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        assert corona_network()(channels).dtype == torch.float32


@pytest.mark.parametrize("others", [1, 3])
def test_any_of_the_other_fills_can_be_returned(others):
    channels = corona_channels(24, 20, others=others)
    for number in range(others):
        restorer = CoronaUNet(widths=[4, 6], others=others)
        with torch.no_grad():
            restorer.leave.bias[8 + 4 * number : 12 + 4 * number] = 1
        with torch.inference_mode():
            torch.testing.assert_close(restorer(channels), channels[:, 7 + number : 8 + number])


def test_corona_network_uses_as_many_fills_as_it_was_built_for():
    channels = corona_channels(24, 24, others=4).requires_grad_()
    filled = corona_network(others=3)(channels)
    (gradient,) = torch.autograd.grad(filled[channels[:, 1:2] > 0].sum(), channels)
    assert (gradient[:, :10].abs().amax(dim=(0, 2, 3)) > 0).all()
    assert not gradient[:, 10:].any()


@pytest.mark.parametrize("base", range(4))
def test_any_fill_can_be_the_one_to_correct(base):
    channels = corona_channels(24, 20, others=3)
    fill = 6 + base if base else 0
    swapped = channels.clone()
    swapped[:, 0], swapped[:, fill] = channels[:, fill], channels[:, 0]
    with torch.inference_mode():
        start = CoronaUNet(widths=[4, 6], others=3, base=base)(channels)
        torch.testing.assert_close(start, channels[:, fill : fill + 1], rtol=0, atol=0)
        found, expected = corona_network(others=3, base=base)(channels), corona_network(others=3)(swapped)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("gate", [1e9, 0.5])
def test_gate_leaves_corrections_out_where_lines_are_coherent(gate):
    """Only what exceeds the gate is left of large corrections."""
    channels = corona_channels(24, 20, others=3, seen=0)
    channels[:, -1], channels[..., -1, :, 8:16], channels[..., -1, :, 16:] = 0, 0.75, 1
    coherence = channels[:, -1:]
    gated, free = corona_network(others=3, base=2, gate=gate), corona_network(others=3, base=2)
    with torch.inference_mode():
        found, expected = gated(channels), free(channels)
    first = channels[:, 8:9]
    change = expected - first
    torch.testing.assert_close(found - first, change - coherence * change.clamp(-gate, gate))


def test_gate_does_not_affect_the_prediction_from_neighbours():
    channels = corona_channels(24, 20, others=3)
    channels[:, -1] = 1
    with torch.inference_mode():
        found = corona_network(others=3, gate=1e9)(channels)
    seen = channels[:, 1:2] * channels[:, 6:7] > 0
    assert (found != channels[:, :1])[seen].all()
    assert (found == channels[:, :1])[~seen].all()


def test_gate_is_stored_with_the_weights_and_not_trained():
    network = CoronaUNet(widths=[4, 6])
    assert network.gate == 0
    assert "gate" not in dict(network.named_parameters())
    network.load_state_dict(corona_network(gate=3.5).state_dict())
    assert network.gate == 3.5


def test_weights_of_other_networks_are_refused():
    """Weights of other widths or another number of fills, or without a tensor."""
    for other in (CoronaUNet(widths=[4, 8]), CoronaUNet(widths=[4, 6], others=3), FillingUNet(widths=[4, 6])):
        with pytest.raises(RuntimeError, match="size mismatch"):
            CoronaUNet(widths=[4, 6]).load_state_dict(other.state_dict())
    for name in ("enter.weight", "gate"):
        state = CoronaUNet(widths=[4, 6]).state_dict()
        del state[name]
        with pytest.raises(RuntimeError, match="Missing key"):
            CoronaUNet(widths=[4, 6]).load_state_dict(state)


@pytest.mark.parametrize("shape", [(64, 64), (33, 50), (16, 240), (1, 5)])
@pytest.mark.parametrize("kind", [FillingUNet, CoronaUNet])
def test_only_what_the_damage_depends_on_is_computed(kind, shape):
    """Without gradients, features are cropped; the result is that of the whole image."""
    rng = np.random.default_rng(0)
    restorer = kind(widths=(4, 6, 8), others=2).eval()
    for parameter in restorer.parameters():
        parameter.data = torch.from_numpy(rng.standard_normal(parameter.shape) / parameter.numel() ** 0.5)
    restorer = restorer.double()
    for _ in range(5):
        observed = torch.from_numpy(rng.standard_normal((2, 6 if kind is FillingUNet else 10, *shape)))
        observed[:, 1] = 0
        row, column = rng.integers(shape)
        observed[rng.integers(2), 1, row : row + 7, column : column + 3] = 1
        whole = restorer(observed).detach()
        with torch.inference_mode():
            found = restorer(observed)
        assert (whole - observed[:, :1]).abs().max() > 1e-6
        np.testing.assert_allclose(found, whole, rtol=1e-9, atol=1e-9)
