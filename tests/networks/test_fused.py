"""Fused convolutions agree with plain ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from sunpy_restore.networks import fused
from sunpy_restore.networks.fused import add_convolution, convolution_relu

SIDES = st.integers(3, 20)


def convolution(channels, seed, **options):
    torch.manual_seed(seed)
    return nn.Conv2d(channels, channels, 3, padding=1, **{"padding_mode": "reflect"} | options)


def features(channels, ny, nx, batch=1, layout=torch.channels_last):
    return torch.randn(batch, channels, ny, nx).contiguous(memory_format=layout)


@given(SIDES, SIDES, st.integers(1, 2), st.sampled_from([1, 3, 8, 24]), st.booleans(), st.integers(0, 99))
def test_fused_convolutions_agree_with_plain_ones(ny, nx, batch, channels, bias, seed):
    conv = convolution(channels, seed, bias=bias)
    given, total = features(channels, ny, nx, batch), features(channels, ny, nx, batch)
    before = given.clone()
    with torch.inference_mode():
        plain = conv(given)
        torch.testing.assert_close(convolution_relu(conv, given), functional.relu(plain), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(add_convolution(conv, given, total.clone()), total + plain, atol=1e-5, rtol=1e-5)
    assert torch.equal(given, before)


def test_this_processor_computes_fused_convolutions():
    with torch.inference_mode():
        assert fused._is_fused(convolution(4, 0), features(4, 5, 5))


@pytest.mark.parametrize(
    ("conv", "given"),
    [
        (convolution(4, 0, padding_mode="zeros"), features(4, 6, 7)),
        (convolution(4, 0, padding_mode="replicate"), features(4, 6, 7)),
        (nn.Conv2d(4, 4, 1), features(4, 6, 7)),
        (convolution(4, 0), features(4, 2, 7)),
        (convolution(4, 0), features(4, 6, 7, layout=torch.contiguous_format)),
        (convolution(4, 0).double(), features(4, 6, 7).double()),
    ],
)
def test_other_convolutions_are_computed_as_well(conv, given):
    with torch.inference_mode():
        torch.testing.assert_close(convolution_relu(conv, given), functional.relu(conv(given)))
        total = torch.randn_like(conv(given))
        torch.testing.assert_close(add_convolution(conv, given, total.clone()), total + conv(given))


def test_gradients_are_those_of_plain_convolutions():
    conv, given = convolution(4, 0), features(4, 6, 7)
    (found,) = torch.autograd.grad(add_convolution(conv, convolution_relu(conv, given), given).sum(), conv.bias)
    (expected,) = torch.autograd.grad((given + conv(functional.relu(conv(given)))).sum(), conv.bias)
    torch.testing.assert_close(found, expected)


def test_without_the_fused_operations_the_plain_ones_are_used(monkeypatch):
    monkeypatch.setattr(fused, "_operations", lambda: None)
    conv, given = convolution(4, 0), features(4, 6, 7)
    with torch.inference_mode():
        assert torch.equal(convolution_relu(conv, given), functional.relu(conv(given)))


def test_operations_with_other_results_are_not_used(monkeypatch):
    wrong = torch.ops.mkldnn._convolution_pointwise
    monkeypatch.setattr(torch.ops.mkldnn, "_convolution_pointwise", lambda *args: 2 * wrong(*args))
    assert fused._operations.__wrapped__() is None
