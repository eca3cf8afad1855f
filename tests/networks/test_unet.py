from itertools import pairwise

import numpy as np
import pytest
import torch

from sunpy_restore.core.inference import apply_tiled, network_function
from sunpy_restore.networks.unet import CoronaUNet, FillingUNet


def network(widths, seed=0):
    """With all its numbers at random."""
    generator = torch.Generator().manual_seed(seed)
    network = FillingUNet(widths=widths).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def planes(ny, nx, mask=None, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.lognormal(size=(ny, nx))
    mask = rng.random((ny, nx)) < 0.3 if mask is None else np.broadcast_to(mask, (ny, nx))
    return np.stack([image, mask, 1.5 * (mask & (rng.random((ny, nx)) < 0.5))])


@pytest.mark.parametrize("widths", [[4], [4, 5], [4, 6, 8]])
def test_reach_is_exact(widths):
    """Of the pixel that sees farthest, in both directions; no pixel sees farther."""
    restorer = network(widths)
    receptive_radius, multiple = restorer.receptive_radius, restorer.stride
    assert multiple == 2 ** len(widths)
    side = -(-(2 * receptive_radius + 1) // multiple) * multiple + 2 * multiple
    middle = side // 2 // multiple * multiple
    before, after = [], []
    for place in range(middle, middle + multiple):
        observed = torch.from_numpy(planes(side, 16, True))[None].requires_grad_()
        (gradient,) = torch.autograd.grad(restorer(observed)[0, 0, place, 8], observed)
        seen = gradient[0].any(dim=0).any(dim=1).nonzero()
        before.append(int(place - seen.min()))
        after.append(int(seen.max() - place))
    assert max(before) == max(after) == receptive_radius


@pytest.mark.parametrize("shape", [(32, 48), (33, 47), (5, 70)])
@pytest.mark.parametrize("tile", [16, 50])
def test_tiled_equals_untiled(shape, tile):
    restorer = network([4, 6, 8])
    observed = planes(*shape)
    keywords = {"halo": restorer.receptive_radius, "multiple": restorer.stride}
    function = network_function(restorer, "cpu")
    whole = apply_tiled(function, observed, tile=96, **keywords)
    assert np.abs(whole - observed[0]).max() > 0.1
    np.testing.assert_allclose(apply_tiled(function, observed, tile=tile, **keywords), whole, rtol=1e-5, atol=1e-5)


def test_windows_of_the_grid_agree():
    restorer = network([4, 6])
    observed = torch.from_numpy(planes(128, 96))[None]
    receptive_radius, start = restorer.receptive_radius, 2 * restorer.stride
    with torch.inference_mode():
        whole, part = restorer(observed)[0, 0], restorer(observed[..., start:, start:])[0, 0]
    torch.testing.assert_close(part[receptive_radius:, receptive_radius:], whole[start + receptive_radius :, start + receptive_radius :])


def test_starts_from_the_fill_and_leaves_valid_pixels_alone():
    observed = torch.from_numpy(planes(40, 37)).float()[None]
    observed[:, 0, :3] = -0.1
    with torch.inference_mode():
        start = FillingUNet(widths=[4, 6])(observed)
        changed = network([4, 6]).float()(observed)
    mask = observed[:, 1:2] > 0
    torch.testing.assert_close(start[..., 3:, :], observed[:, :1, 3:, :])
    torch.testing.assert_close(changed[~mask], observed[:, :1][~mask], rtol=0, atol=0)
    assert not torch.isclose(changed[mask], observed[:, :1][mask]).any()


def test_fill_is_finite_whatever_the_input():
    observed = torch.from_numpy(planes(16, 16, True)).float()[None]
    observed[:, 0] *= 1e30
    with torch.inference_mode():
        filled = network([4, 6]).float()(observed)
    assert torch.isfinite(filled).all()
    assert filled.max() <= np.expm1(8) * 1.001


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_mixed_precision_gives_single_precision(dtype):
    observed = torch.from_numpy(planes(16, 16)).float()[None]
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        assert network([4, 6]).float()(observed).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (17, 2), (31, 50)])
def test_any_size(shape):
    observed = torch.from_numpy(planes(*shape)).float()[None]
    with torch.inference_mode():
        filled = network([4, 6, 8]).float()(observed)
    assert filled.shape == (1, 1, *shape)
    assert torch.isfinite(filled).all()


def test_images_of_a_batch_do_not_see_each_other():
    observed = torch.from_numpy(np.stack([planes(20, 24, seed=seed) for seed in (1, 2)]))
    restorer = network([4, 6])
    with torch.inference_mode():
        together = restorer(observed)
        alone = torch.cat([restorer(one[None]) for one in observed])
    torch.testing.assert_close(together, alone)


def test_nothing_to_fill():
    observed = torch.from_numpy(planes(12, 15, False))[None]
    with torch.inference_mode():
        torch.testing.assert_close(network([4, 6])(observed), observed[:, :1], rtol=0, atol=0)


def test_negative_values_beneath_the_mask_start_at_zero():
    """The logarithm ends there; the corona is nowhere darker."""
    observed = torch.from_numpy(planes(12, 12, True)).float()[None]
    observed[:, 0] = -0.5
    with torch.inference_mode():
        assert not FillingUNet(widths=[4])(observed).any()


@pytest.mark.parametrize("ceiling", [1.0, 5.0])
def test_ceiling_bounds_the_fill(ceiling):
    observed = torch.from_numpy(planes(12, 12, True)).float()[None]
    observed[:, 0] = 1e6
    with torch.inference_mode():
        filled = FillingUNet(widths=[4], ceiling=ceiling)(observed)
    torch.testing.assert_close(filled, torch.full_like(filled, float(np.expm1(ceiling))))


def test_default_network_is_compact():
    """At most 8 MB of single-precision numbers; counted layer by layer."""
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


def corona_network(widths=(4, 6), seed=0, **options):
    """With all its numbers at random."""
    generator = torch.Generator().manual_seed(seed)
    network = CoronaUNet(widths=list(widths), **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def corona_planes(ny, nx, seed=0, seen=0.5, batch=1, others=1):
    rng = np.random.default_rng(seed)
    shape = (batch, 1, ny, nx)
    mask = rng.random(shape) < 0.3
    seen = rng.random(shape) < seen
    image = 3 * rng.normal(size=shape)
    stack = [
        image, mask, ~mask & (rng.random(shape) < 0.1), rng.normal(size=shape),
        rng.normal(size=shape), np.where(seen, 3 * rng.normal(size=shape), 0), seen,
        *(np.where(mask, 3 * rng.normal(size=shape), image) for _ in range(others)),
    ]  # fmt: skip
    return torch.from_numpy(np.concatenate(stack, axis=1).astype(np.float32))


@pytest.mark.parametrize("view", ["polar", "pixel"])
def test_corona_starts_from_the_first_fill(view):
    planes = corona_planes(40, 37)
    restorer = CoronaUNet(widths=[4, 6], view=view)
    assert (restorer.receptive_radius, restorer.view, restorer.stride) == (None, view, 16)
    with torch.inference_mode():
        torch.testing.assert_close(restorer(planes), planes[:, :1], rtol=0, atol=0)


def test_corona_leaves_valid_pixels_alone():
    planes = corona_planes(40, 37)
    mask = planes[:, 1:2] > 0
    with torch.inference_mode():
        filled = corona_network()(planes)
    torch.testing.assert_close(filled[~mask], planes[:, :1][~mask], rtol=0, atol=0)
    assert (filled[mask] != planes[:, :1][mask]).float().mean() > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (17, 2), (31, 50)])
def test_corona_of_any_size(shape):
    with torch.inference_mode():
        filled = corona_network([4, 6, 8])(corona_planes(*shape))
    assert filled.shape == (1, 1, *shape)
    assert torch.isfinite(filled).all()


@pytest.mark.parametrize("plane", range(8))
def test_corona_looks_at_every_plane(plane):
    planes = corona_planes(24, 24).requires_grad_()
    filled = corona_network()(planes)
    (gradient,) = torch.autograd.grad(filled[planes[:, 1:2] > 0].sum(), planes)
    assert gradient[:, plane].abs().max() > 0


def test_neighbours_that_show_nothing_are_not_looked_at():
    planes, other = (corona_planes(24, 24) for _ in range(2))
    other[:, 5] = torch.where(planes[:, 6] > 0, planes[:, 5], 1e3)
    with torch.inference_mode():
        torch.testing.assert_close(corona_network()(other), corona_network()(planes))


def test_neighbours_can_be_taken_as_they_are():
    """A weight of one and no correction: what they let expect stands under the mask."""
    restorer = CoronaUNet(widths=[4, 6])
    with torch.no_grad():
        restorer.leave.bias[4:8] = 1
    planes = corona_planes(24, 20)
    with torch.inference_mode():
        filled = restorer(planes)
    mask, seen = planes[:, 1:2] > 0, planes[:, 6:7] > 0
    torch.testing.assert_close(filled[mask & seen], planes[:, 5:6][mask & seen])
    torch.testing.assert_close(filled[mask & ~seen], planes[:, :1][mask & ~seen])


def test_the_other_fill_can_be_taken_as_it_is():
    restorer = CoronaUNet(widths=[4, 6])
    with torch.no_grad():
        restorer.leave.bias[8:] = 1
    planes = corona_planes(24, 20)
    with torch.inference_mode():
        torch.testing.assert_close(restorer(planes), planes[:, 7:])


def test_corona_images_of_a_batch_do_not_see_each_other():
    planes = corona_planes(20, 24, batch=2)
    restorer = corona_network()
    with torch.inference_mode():
        alone = torch.cat([restorer(one[None]) for one in planes])
        torch.testing.assert_close(restorer(planes), alone)


def test_what_stands_out_by_far_stays_finite():
    planes = corona_planes(24, 24)
    planes[:, 0, 3:9, 3:9] = 2000
    with torch.inference_mode():
        calm, loud = corona_network()(corona_planes(24, 24)), corona_network()(planes)
    mask = planes[0, 1] > 0
    mask[3:9, 3:9] = False
    assert (loud - calm)[0, 0][mask].abs().max() < 1000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_corona_in_mixed_precision_is_single(dtype):
    planes = corona_planes(16, 16)
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        assert corona_network()(planes).dtype == torch.float32


@pytest.mark.parametrize("others", [1, 3])
def test_any_of_the_other_fills_can_be_taken(others):
    planes = corona_planes(24, 20, others=others)
    for number in range(others):
        restorer = CoronaUNet(widths=[4, 6], others=others)
        with torch.no_grad():
            restorer.leave.bias[8 + 4 * number : 12 + 4 * number] = 1
        with torch.inference_mode():
            torch.testing.assert_close(restorer(planes), planes[:, 7 + number : 8 + number])


def test_corona_looks_at_all_fills_it_knows_and_no_more():
    planes = corona_planes(24, 24, others=4).requires_grad_()
    filled = corona_network(others=3)(planes)
    (gradient,) = torch.autograd.grad(filled[planes[:, 1:2] > 0].sum(), planes)
    assert (gradient[:, :10].abs().amax(dim=(0, 2, 3)) > 0).all()
    assert not gradient[:, 10:].any()


@pytest.mark.parametrize("others", [1, 2, 4])
def test_numbers_of_a_network_that_knows_fewer_fills_give_its_answers(others):
    narrow, wide = corona_network(), CoronaUNet(widths=[4, 6], others=others).eval()
    wide.load_state_dict(narrow.state_dict())
    planes = corona_planes(40, 37, others=4)
    with torch.inference_mode():
        torch.testing.assert_close(wide(planes), narrow(planes))
    # And what it does not use yet can be learned
    wide.zero_grad()
    wide(planes).square().sum().backward()
    assert (wide.leave.weight.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("base", range(4))
def test_any_fill_can_be_the_one_that_is_corrected(base):
    planes = corona_planes(24, 20, others=3)
    fill = 6 + base if base else 0
    swapped = planes.clone()
    swapped[:, 0], swapped[:, fill] = planes[:, fill], planes[:, 0]
    with torch.inference_mode():
        start = CoronaUNet(widths=[4, 6], others=3, base=base)(planes)
        torch.testing.assert_close(start, planes[:, fill : fill + 1], rtol=0, atol=0)
        found, expected = corona_network(others=3, base=base)(planes), corona_network(others=3)(swapped)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("gate", [1e9, 0.5])
def test_a_network_with_a_gate_keeps_its_first_fill_where_lines_are_coherent(gate):
    """But for what is left of large corrections."""
    planes = corona_planes(24, 20, others=3, seen=0)
    coherence = torch.zeros(1, 1, 24, 20)
    coherence[..., 8:16], coherence[..., 16:] = 0.75, 1
    restorer, free = corona_network(others=3, base=2, gate=gate), corona_network(others=3, base=2)
    with torch.inference_mode():
        found, expected = restorer(torch.cat([planes, coherence], dim=1)), free(planes)
    first = planes[:, 8:9]
    change = expected - first
    torch.testing.assert_close(found - first, change - coherence * change.clamp(-gate, gate))
    restorer.train()
    with torch.inference_mode():
        torch.testing.assert_close(restorer(torch.cat([planes, coherence], dim=1)), expected)


def test_a_gate_lets_neighbours_through():
    planes, coherence = corona_planes(24, 20, others=3), torch.ones(1, 1, 24, 20)
    with torch.inference_mode():
        found = corona_network(others=3, gate=1e9)(torch.cat([planes, coherence], dim=1))
    seen = planes[:, 1:2] * planes[:, 6:7] > 0
    assert (found != planes[:, :1])[seen].all()
    assert (found == planes[:, :1])[~seen].all()


def test_a_network_starts_from_a_fill_that_the_one_before_did_not_know():
    narrow, planes = corona_network(others=2), corona_planes(24, 20, others=4)
    for base in range(5):
        wide = CoronaUNet(widths=[4, 6], others=4, base=base).eval()
        wide.load_state_dict(narrow.state_dict())
        # What it learned to look at is kept
        torch.testing.assert_close(wide.enter.weight[:, : narrow.enter.weight.shape[1]], narrow.enter.weight)
        with torch.inference_mode():
            starts = torch.equal(wide(planes), planes[:, 6 + base : 7 + base])
        assert starts == (base > 2)


def test_numbers_of_another_network_are_refused():
    """Of other widths, or of one that knows more."""
    for other in (CoronaUNet(widths=[4, 8]), CoronaUNet(widths=[4, 6], others=3), FillingUNet(widths=[4, 6])):
        with pytest.raises(RuntimeError, match="size mismatch"):
            CoronaUNet(widths=[4, 6]).load_state_dict(other.state_dict())
    state = CoronaUNet(widths=[4, 6]).state_dict()
    del state["enter.weight"]
    with pytest.raises(RuntimeError, match="Missing key"):
        CoronaUNet(widths=[4, 6]).load_state_dict(state)
