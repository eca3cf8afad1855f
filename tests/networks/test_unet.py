from itertools import pairwise

import numpy as np
import pytest
import torch

from sunpy_restore.core.inference import apply_tiled, network_function
from sunpy_restore.networks.unet import FillingUNet


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
    reach, multiple = restorer.reach, restorer.multiple
    assert multiple == 2 ** len(widths)
    side = -(-(2 * reach + 1) // multiple) * multiple + 2 * multiple
    middle = side // 2 // multiple * multiple
    before, after = [], []
    for place in range(middle, middle + multiple):
        observed = torch.from_numpy(planes(side, 16, True))[None].requires_grad_()
        (gradient,) = torch.autograd.grad(restorer(observed)[0, 0, place, 8], observed)
        seen = gradient[0].any(dim=0).any(dim=1).nonzero()
        before.append(int(place - seen.min()))
        after.append(int(seen.max() - place))
    assert max(before) == max(after) == reach


@pytest.mark.parametrize("shape", [(32, 48), (33, 47), (5, 70)])
@pytest.mark.parametrize("tile", [16, 50])
def test_tiled_equals_untiled(shape, tile):
    restorer = network([4, 6, 8])
    observed = planes(*shape)
    keywords = {"halo": restorer.reach, "multiple": restorer.multiple}
    function = network_function(restorer, "cpu")
    whole = apply_tiled(function, observed, tile=96, **keywords)
    assert np.abs(whole - observed[0]).max() > 0.1
    np.testing.assert_allclose(apply_tiled(function, observed, tile=tile, **keywords), whole, rtol=1e-5, atol=1e-5)


def test_windows_of_the_grid_agree():
    restorer = network([4, 6])
    observed = torch.from_numpy(planes(128, 96))[None]
    reach, start = restorer.reach, 2 * restorer.multiple
    with torch.inference_mode():
        whole, part = restorer(observed)[0, 0], restorer(observed[..., start:, start:])[0, 0]
    torch.testing.assert_close(part[reach:, reach:], whole[start + reach :, start + reach :])


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
