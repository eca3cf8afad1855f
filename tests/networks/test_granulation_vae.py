"""Variational autoencoder of granulation tiles."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.networks.granulation_vae import TileVAE, kl_divergence

WIDTHS = (12, 10, 8, 6, 5, 4)


def vae(hidden=9, latent=7, widths=WIDTHS, seed=0):
    torch.manual_seed(seed)
    network = TileVAE(hidden, latent, widths).eval()
    # As if trained: a new network makes flat tiles and has a constant variance
    for layer in (network.last[-1], network.log_variance):
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return network


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_number_of_parameters_follows_from_the_widths():
    pairs = list(pairwise(WIDTHS))
    encoder = 16 * 4 + 4 + sum(16 * a * b + a for a, b in pairs)
    dense = (48 * 9 + 9) + (9 * 9 + 9) + 2 * (9 * 7 + 7)
    decoder = (7 * 12 * 4 + 12) + sum(9 * a * b + b for a, b in pairs) + 9 * 4 + 1
    assert count(TileVAE(9, 7, WIDTHS)) == encoder + dense + decoder


def test_each_level_halves_or_doubles_the_resolution():
    network, found = vae(), []
    for layer in (*network.encoder, network.first, *network.levels, network.last):
        layer.register_forward_hook(lambda *args: found.append(tuple(args[2].shape[1:])))
    network(random(1, 1, 128, 128))
    up = [(width, 2 << level, 2 << level) for level, width in enumerate(WIDTHS)]
    assert found == [*up[::-1], (48,), (9,), (9,), *up, (1, 128, 128)]


def test_a_tile_is_drawn_by_the_tail_from_the_features_of_the_head():
    network, z = vae(), random(3, 7)
    features = network.head(z)
    assert features.shape == (3, WIDTHS[3], network.side // network.stride, network.side // network.stride)
    for tile in (network.decode(z), network.draw_tiles(z)):
        assert torch.equal(tile, network.tail(features))
        assert tile.shape == (3, 1, network.side, network.side)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (20, 17)])
def test_the_tail_takes_features_of_any_size(size):
    network = vae()
    image = network.tail(random(2, WIDTHS[3], *size))
    assert image.shape == (2, 1, network.stride * size[0], network.stride * size[1])


def test_parts_of_features_give_parts_of_the_image():
    network = vae()
    features, stride, radius = random(1, WIDTHS[3], 19, 23), network.stride, network.receptive_radius
    whole = network.tail(features)
    inner = slice(radius * stride, -radius * stride)
    part = network.tail(features[..., 4:15, 6:20])[..., inner, inner]
    rows, columns = (
        slice((4 + radius) * stride, (15 - radius) * stride),
        slice((6 + radius) * stride, (20 - radius) * stride),
    )
    torch.testing.assert_close(part, whole[..., rows, columns], atol=1e-5, rtol=1e-5)


def test_the_receptive_radius_is_exact():
    network = vae()
    features = random(1, WIDTHS[3], 9, 9).requires_grad_()
    image, stride, radius = network.tail(features), network.stride, network.receptive_radius
    (seen,) = torch.autograd.grad(image[..., 4 * stride : 5 * stride, 4 * stride : 5 * stride].square().sum(), features)
    rows, columns = seen[0].abs().sum(dim=0).nonzero().T
    expected = [4 - radius, 4 + radius]
    assert [rows.min(), rows.max()] == expected
    assert [columns.min(), columns.max()] == expected


@pytest.mark.parametrize(("width", "seeds"), [(8, 30), (16, 30), (48, 6)])
def test_the_variance_is_about_one_at_every_width(width, seeds):
    """Slightly less, because of the zeros beyond the edges at the deepest levels."""
    found = []
    for seed in range(seeds):
        with torch.no_grad():
            network = vae(width, width, (width,) * 6, seed)
            mean, log_variance = network.encode(random(2, 1, 128, 128, seed=seed))
            tile = network.decode(random(4, width, seed=seed))
        found.append(torch.stack([values.square().mean() for values in (mean, log_variance, tile)]))
    for variance in torch.stack(found).mean(dim=0):
        assert 0.2 < variance < 2


def test_a_new_network_makes_flat_tiles_with_little_noise():
    network, tile = TileVAE(9, 7, WIDTHS), random(2, 1, 128, 128)
    reconstruction, mean, log_variance = network(tile)
    assert torch.equal(reconstruction, torch.zeros_like(tile))
    assert mean.std() > 0
    assert (log_variance == -4).all()


def test_in_evaluation_mode_the_mean_is_decoded():
    network, tile = vae(), random(2, 1, 128, 128)
    reconstruction, mean, log_variance = network(tile)
    assert torch.equal(network(tile)[0], reconstruction)
    assert torch.equal(network.decode(mean), reconstruction)
    for found, expected in zip((mean, log_variance), network.encode(tile), strict=True):
        assert torch.equal(found, expected)


def test_in_training_mode_the_latent_vector_is_random(monkeypatch):
    network, tile = vae().train(), random(1, 1, 128, 128)
    drawn = []
    monkeypatch.setattr(network, "decode", drawn.append)
    monkeypatch.setattr(
        network, "encode", lambda tile: [values.expand(5000, -1) for values in TileVAE.encode(network, tile)]
    )
    with torch.no_grad():
        _, mean, log_variance = network(tile)
    drawn = drawn[0] - mean
    spread = torch.exp(log_variance[0] / 2)
    torch.testing.assert_close(drawn.std(dim=0), spread, rtol=0.06, atol=0)
    assert (drawn.mean(dim=0).abs() < 5 * spread / len(drawn) ** 0.5).all()


def test_every_parameter_has_a_gradient():
    network, tile = vae().train(), random(4, 1, 128, 128)
    reconstruction, mean, log_variance = network(tile)
    ((reconstruction - tile).square().mean() + kl_divergence(mean, log_variance).mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 1e-9, name


def test_the_state_dict_determines_the_output():
    network, tile = vae(seed=1), random(2, 1, 128, 128)
    assert not torch.equal(network(tile)[0], vae()(tile)[0])
    network.load_state_dict(vae().state_dict())
    assert torch.equal(network(tile)[0], vae()(tile)[0])


def test_the_divergence_of_the_standard_normal_distribution_is_zero():
    assert torch.equal(kl_divergence(torch.zeros(3, 5), torch.zeros(3, 5)), torch.zeros(3))


@settings(max_examples=25)
@given(mean=st.floats(-2, 2), log_variance=st.floats(-3, 2))
def test_the_divergence_agrees_with_torch(mean, log_variance):
    values = [torch.full((2, 4), value, dtype=torch.float64) for value in (mean, log_variance)]
    known = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, math.exp(log_variance / 2)), torch.distributions.Normal(0.0, 1.0)
    )
    found = kl_divergence(*values)
    torch.testing.assert_close(found, 4 * known.double().expand(2), atol=1e-5, rtol=1e-5)
    assert (found >= -1e-15).all()


def test_wrong_widths_and_shapes_are_refused():
    with pytest.raises(ValueError, match="expected six positive numbers of channels"):
        TileVAE(widths=(8, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 8\); expected \(batch, 7\)"):
        vae().decode(random(2, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 128, 128\); expected \(batch, 1, 128, 128\)"):
        vae()(random(2, 3, 128, 128))
