import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sunpy_restore.networks.acceleration import accelerate
from sunpy_restore.networks.papers.enhance import Enhance

MODES = ["zeros", "reflect", "replicate", "circular"]


def disturbed(module):
    """Randomise statistics, scales and offsets of batch norms, so that folding them has an effect."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
            part.running_mean.normal_()
            part.running_var.uniform_(0.1, 4)
        if isinstance(part, nn.BatchNorm2d) and part.affine:
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
    return module


def count(module, *kinds):
    return sum(isinstance(part, kinds) for part in module.modules())


def assert_equal(fast, plain, x):
    plain = copy.deepcopy(plain).eval()
    with torch.no_grad():
        result, expected = fast(x), plain(x)
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    tolerance = 1e-5 if x.dtype == torch.float32 else 1e-12
    torch.testing.assert_close(result, expected, rtol=0, atol=tolerance * float(expected.abs().max()))


class Attributes(nn.Module):
    """A residual network that is written with attributes and functions."""

    def __init__(self, channels=6):
        super().__init__()
        self.first = nn.Conv2d(2, channels, 3, padding=1, padding_mode="reflect")
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.third = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.third_norm = nn.BatchNorm2d(channels)
        self.last = nn.Conv2d(channels, 1, 1)

    def forward(self, x, scale=None):
        if scale is not None:
            x = x * scale
        features = F.relu(self.first_norm(self.first(x)))
        features = features + self.second_norm(self.second(features))
        return self.last(torch.relu(self.third_norm(self.third(self.upsample(features)))))


@given(
    kernel=st.sampled_from([1, 3, (3, 5)]), stride=st.integers(1, 2), dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]), bias=st.booleans(), affine=st.booleans(), mode=st.sampled_from(MODES),
    double=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_batch_norm_is_folded(kernel, stride, dilation, groups, bias, affine, mode, double, seed):
    torch.manual_seed(seed)
    conv = nn.Conv2d(4, 6, kernel, stride, 2, dilation, groups, bias, padding_mode=mode)
    plain = disturbed(nn.Sequential(conv, nn.BatchNorm2d(6, affine=affine), nn.ReLU(), nn.Conv2d(6, 2, 1)))
    x = torch.randn(2, 4, 11, 12)
    if double:
        plain, x = plain.double(), x.double()
    fast = accelerate(plain)
    assert count(fast, nn.BatchNorm2d) == 0
    assert_equal(fast, plain, x)


@given(
    ny=st.integers(1, 9), nx=st.integers(1, 9), padding=st.sampled_from([0, 1, (0, 1), (1, 0), "same", "valid"]),
    mode=st.sampled_from(MODES), groups=st.sampled_from([1, 2]), bias=st.booleans(), double=st.booleans(),
    upsample=st.sampled_from([
        nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=(2, 2)), nn.UpsamplingNearest2d(scale_factor=2),
        nn.Upsample(scale_factor=2.0, mode="nearest-exact"),
    ]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_upsampling_and_convolution_become_one(ny, nx, padding, mode, groups, bias, double, upsample, seed):
    torch.manual_seed(seed)
    if padding in (0, (0, 1), (1, 0), "valid"):
        ny, nx = ny + 1, nx + 1
    plain = nn.Sequential(upsample, nn.Conv2d(4, 6, 3, 1, padding, 1, groups, bias, padding_mode=mode))
    x = torch.randn(2, 4, ny, nx)
    if double:
        plain, x = plain.double(), x.double()
    fast = accelerate(plain)
    assert count(fast, nn.Conv2d, type(upsample)) == 0
    assert_equal(fast, plain, x)


@pytest.mark.parametrize("pad", [nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d])
@pytest.mark.parametrize("size", [1, (0, 0, 1, 1), 0])
def test_upsampling_padding_and_convolution_become_one(pad, size):
    plain = nn.Sequential(nn.Upsample(scale_factor=2), pad(size), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    plain = disturbed(plain)
    fast = accelerate(plain)
    assert count(fast, nn.Conv2d, nn.Upsample, nn.BatchNorm2d) == 0
    assert_equal(fast, plain, torch.randn(2, 3, 7, 4))


def test_rewrites_of_a_network_written_with_attributes():
    torch.manual_seed(0)
    plain = disturbed(Attributes())
    fast = accelerate(plain)
    assert count(fast, nn.BatchNorm2d, nn.Upsample) == 0
    assert count(fast, nn.ConvTranspose2d) == 1
    assert_equal(fast, plain, torch.randn(2, 2, 9, 14))


def test_rewrites_of_the_enhance_network():
    torch.manual_seed(0)
    plain = disturbed(Enhance(blocks=2, channels=8))
    fast = accelerate(plain)
    assert count(fast, nn.BatchNorm2d, nn.Upsample) == 0
    assert_equal(fast, plain, torch.randn(2, 1, 9, 14))


def test_interpolation_by_function():
    class Interpolating(nn.Module):
        def __init__(self, *args, **kwargs):
            super().__init__()
            self.args, self.kwargs = args, kwargs
            self.conv = nn.Conv2d(2, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(F.interpolate(x, *self.args, **self.kwargs))

    x = torch.randn(1, 2, 5, 6)
    for plain in (Interpolating(None, 2), Interpolating(scale_factor=(2.0, 2.0), mode="nearest")):
        fast = accelerate(plain)
        assert count(fast, nn.Conv2d) == 0
        assert_equal(fast, plain, x)
    for plain in (Interpolating((7, 7)), Interpolating(scale_factor=2, mode="bilinear"), Interpolating(scale_factor=3)):
        fast = accelerate(plain)
        assert type(fast) is Interpolating
        assert_equal(fast, plain, x)


def nearly_the_same():
    """Networks that are similar to those that are rewritten, but to which the rewrites do not apply."""
    up = nn.Upsample(scale_factor=2)
    yield nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(2))
    yield nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2, track_running_stats=False))
    yield nn.Sequential(nn.Conv2d(2, 2, 3), nn.InstanceNorm2d(2))
    yield nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(nn.Upsample(scale_factor=3), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(nn.Upsample(scale_factor=(2, 1)), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(nn.Upsample(size=16), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(up, nn.Conv2d(2, 2, 5, padding=1))
    yield nn.Sequential(up, nn.Conv2d(2, 2, 3, padding=2, padding_mode="reflect"))
    yield nn.Sequential(up, nn.Conv2d(2, 2, 3, padding=1, stride=2))
    yield nn.Sequential(up, nn.Conv2d(2, 2, 3, padding=2, dilation=2))
    yield nn.Sequential(up, nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(up, nn.ReflectionPad2d((1, 0, 1, 1)), nn.Conv2d(2, 2, 3))
    yield nn.Sequential(up, nn.ReflectionPad2d(2), nn.Conv2d(2, 2, 3))
    yield nn.Sequential(up, nn.ReflectionPad2d(1), nn.Conv2d(2, 2, 3, padding=1))
    yield nn.Sequential(up, nn.ConstantPad2d(1, 5.0), nn.Conv2d(2, 2, 3))
    yield nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 3))


@pytest.mark.parametrize("plain", list(nearly_the_same()))
def test_network_with_nothing_to_rewrite_comes_back_equal(plain):
    torch.manual_seed(0)
    plain = disturbed(plain)
    fast = accelerate(plain)
    assert type(fast) is type(plain)
    assert [type(part) for part in fast.modules()] == [type(part) for part in plain.modules()]
    for name, value in plain.state_dict().items():
        assert torch.equal(fast.state_dict()[name], value)
    assert_equal(fast, plain, torch.randn(2, 2, 8, 9))


class Branches(nn.Module):
    """The results between convolution and batch norm and between upsampling and convolution are used twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.up, self.last = nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        up = self.up(y + self.norm(y))
        return up + self.last(up)


class Shared(nn.Module):
    """One convolution, called twice: with a batch norm and without, enlarged and not; one norm, called twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.up = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Upsample(scale_factor=2)
        self.alias = self.conv
        self.other = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        x = self.norm(self.conv(x))
        x = self.norm(self.other(self.alias(x)))
        return self.conv(self.up(x))


class InPlace(nn.Module):
    """The input of the upsampling is changed in place before the convolution is called."""

    def __init__(self):
        super().__init__()
        self.up, self.conv = nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        x = x + 1
        up = self.up(x)
        x.mul_(3)
        return self.conv(up)


class Taps(nn.Module):
    """Calls its layers one by one and returns all of their results."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())

    def forward(self, x):
        kept = []
        for layer in self.layers:
            x = layer(x)
            kept.append(x)
        return torch.cat(kept, dim=1)


@pytest.mark.parametrize("kind", [Branches, Shared, InPlace, Taps])
def test_parts_that_are_used_more_than_once(kind):
    torch.manual_seed(0)
    plain = disturbed(kind())
    assert_equal(accelerate(plain), plain, torch.randn(2, 2, 8, 9))


class DependsOnSize(Attributes):
    def forward(self, x):
        return super().forward(x if x.shape[-1] > 5 else -x)


class MakesRandomNumbers(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + torch.rand(1)


@pytest.mark.parametrize("size", [4, 8])
def test_network_that_depends_on_the_size_keeps_its_output(size):
    torch.manual_seed(0)
    plain = disturbed(DependsOnSize())
    assert_equal(accelerate(plain), plain, torch.randn(1, 2, size, size))


def test_random_numbers_are_not_frozen():
    fast = accelerate(MakesRandomNumbers(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)))
    x = torch.zeros(1, 1, 5, 5)
    assert not torch.equal(fast(x), fast(x))


def test_network_with_a_second_argument_keeps_its_output():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1))

        def forward(self, x, mask):
            return self.layers(x) * mask

    torch.manual_seed(0)
    plain, x, mask = disturbed(Masked()), torch.randn(1, 1, 6, 6), torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(accelerate(plain)(x, mask), plain.eval()(x, mask))


def test_hooks_are_kept():
    plain = disturbed(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    plain[0].register_forward_hook(lambda module, args, output: 2 * output)
    assert_equal(accelerate(plain), plain, torch.randn(1, 1, 6, 6))


@pytest.mark.parametrize("training", [True, False])
def test_the_original_network_is_not_changed(training):
    plain = disturbed(Attributes()).train(training)
    before, modules = copy.deepcopy(plain.state_dict()), list(plain.modules())
    fast = accelerate(plain)
    fast(torch.randn(1, 2, 8, 8))
    assert list(map(id, plain.modules())) == list(map(id, modules))
    assert all(part.training == training for part in plain.modules())
    assert all(parameter.requires_grad for parameter in plain.parameters())
    assert plain.first.weight.is_contiguous()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, before[name])


def test_result_is_for_inference():
    for plain in (Attributes(), nn.Sequential(nn.Conv2d(2, 4, 3), nn.Dropout())):
        fast = accelerate(plain)
        assert not any(part.training for part in fast.modules())
        assert not any(parameter.requires_grad for parameter in fast.parameters())
        wide = [value for value in fast.parameters() if value.ndim == 4]
        assert all(value.is_contiguous(memory_format=torch.channels_last) for value in wide)


def test_result_can_be_accelerated_again():
    plain = disturbed(Attributes())
    assert_equal(accelerate(accelerate(plain)), plain, torch.randn(1, 2, 8, 8))


class Waiting(nn.Module):
    """While it is traced, say so and wait."""

    def __init__(self, started, ready):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
        self.started, self.ready = started, ready

    def __deepcopy__(self, memo):
        other = Waiting(self.started, self.ready)
        other.load_state_dict(self.state_dict())
        return other

    def forward(self, x):
        self.started.set()
        self.ready.wait(timeout=0.5)
        return self.norm(self.conv(x))


def test_other_threads_compute_during_a_trace():
    started, ready = Event(), Event()
    plain = disturbed(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))).eval()
    x = torch.randn(1, 1, 6, 6)
    with torch.no_grad(), ThreadPoolExecutor(1) as pool:
        expected = plain(x)
        job = pool.submit(accelerate, disturbed(Waiting(started, ready)).eval())
        assert started.wait(timeout=60)
        try:
            assert torch.equal(plain(x), expected)
        finally:
            ready.set()
        assert count(job.result(), nn.BatchNorm2d) == 0


def test_networks_may_be_accelerated_at_once():
    call, getattribute = nn.Module.__call__, nn.Module.__getattr__
    first, second = Event(), Event()
    with ThreadPoolExecutor(2) as pool:
        # The first trace ends before the second, if that is allowed to start
        jobs = [pool.submit(accelerate, Waiting(first, second))]
        assert first.wait(timeout=60)
        jobs.append(pool.submit(accelerate, Waiting(second, Event())))
        assert all(count(job.result(), nn.BatchNorm2d) == 0 for job in jobs)
    assert (nn.Module.__call__, nn.Module.__getattr__) == (call, getattribute)
