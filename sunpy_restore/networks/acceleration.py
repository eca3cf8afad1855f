"""
Exact rewrites of a network for faster inference.

They change the output of the network only by rounding errors of its floating-point type.
"""

import copy
import threading

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["accelerate"]

_PADS = {
    nn.ZeroPad2d: "zeros",
    nn.ReflectionPad2d: "reflect",
    nn.ReplicationPad2d: "replicate",
    nn.CircularPad2d: "circular",
}

# Weight of input pixel i in output pixel y, after nearest-neighbour upsampling by 2 and a convolution with 3 taps w,
# for y - 2 i = -1, 0, 1, 2: w2, w1 + w2, w0 + w1, w0
_TAPS = ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0))

_lock = threading.Lock()


def accelerate(module):
    """
    Copy a network and rewrite the copy for faster inference with the same output.

    There are three rewrites. A `~torch.nn.BatchNorm2d` after a `~torch.nn.Conv2d` is folded into the convolution.
    Nearest-neighbour upsampling by 2 followed by a 3x3 convolution becomes four 2x2 convolutions of the small image,
    one per phase of the output pixels, with 4/9 of the products. Weights are stored channels-last.

    The computation is traced by `torch.fx`. The ``forward`` of the network has to accept one batched tensor, with
    defaults for its other arguments. A network that cannot be traced, or to which no rewrite applies, keeps its class
    and only gets the channels-last layout.

    Parameters
    ----------
    module : `torch.nn.Module`
        The network. It is not changed.

    Returns
    -------
    `torch.nn.Module`
        A copy for inference only: in evaluation mode, without gradients, on the CPU.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sunpy_restore.networks.acceleration import accelerate
    >>> plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    >>> fast = accelerate(plain)
    >>> any(isinstance(part, nn.BatchNorm2d) for part in fast.modules())
    False
    >>> x = torch.rand(1, 1, 8, 8)
    >>> torch.allclose(fast(x), plain(x), atol=1e-6)
    True
    """
    # On the CPU, because not every device has double precision
    module = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    traced = _trace(module)
    if traced is not None:
        # New layers draw their first weights from the global generator
        with torch.random.fork_rng(devices=[]):
            rewrites = _fold_batch_norms(traced) + _rewrite_upsamplings(traced)
        if rewrites:
            traced.delete_all_unused_submodules()
            traced.recompile()
            module = traced.eval().requires_grad_(False)
    return module.to(memory_format=torch.channels_last)


class _SingleInput(nn.Module):
    """Call a network with one tensor, so that tracing uses the defaults of its other arguments."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)


class _Tracer(fx.Tracer):
    """
    Trace the calls of one thread.

    While `torch.fx` traces, it replaces methods of all modules of the process, which other threads may be computing.
    """

    def __init__(self):
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(self, m, forward, args, kwargs):
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _trace(module):
    """Trace a network as a graph of calls; `None` if that is impossible."""
    try:
        root, tracer = _SingleInput(module), _Tracer()
        # Of two traces at once, the one that ends last would restore the replaced methods of the other
        with _lock:
            graph = tracer.trace(root)
        traced = fx.GraphModule(tracer.root, graph, type(root).__name__)
    # Tracing runs the code of the network on placeholders, which may fail in any way
    except Exception:  # noqa: BLE001
        return None
    # A tensor that is made during the trace, such as random numbers, would be the same in every later call
    constant = any(node.op == "get_attr" and "_tensor_constant" in node.target for node in traced.graph.nodes)
    return None if constant else traced


def _called(traced, node, *kinds):
    """The module that a node calls with one tensor, if it is of these classes and has no hooks; otherwise `None`."""
    if not isinstance(node, fx.Node) or node.op != "call_module" or len(node.args) != 1 or node.kwargs:
        return None
    module = traced.get_submodule(node.target)
    hooked = module._forward_hooks or module._forward_pre_hooks
    return module if type(module) in kinds and not hooked else None


def _replace(traced, chain, source, module):
    """Replace a chain of nodes, of which only the last has other users, by a call of ``module`` with ``source``."""
    name = f"rewritten_{chain[-1].name}"
    traced.add_submodule(name, module)
    with traced.graph.inserting_before(chain[0]):
        node = traced.graph.call_module(name, (source,))
    chain[-1].replace_all_uses_with(node)
    for old in reversed(chain):
        traced.graph.erase_node(old)


def _is_private(node):
    """Whether only one other node uses the result of this one."""
    return len(node.users) == 1


def _fold_batch_norms(traced):
    count = 0
    for node in list(traced.graph.nodes):
        norm = _called(traced, node, nn.BatchNorm2d)
        conv = _called(traced, node.args[0], nn.Conv2d) if norm is not None else None
        if conv is None or norm.running_mean is None or not _is_private(node.args[0]):
            continue
        _replace(traced, [node.args[0], node], node.args[0].args[0], _folded(conv, norm))
        count += 1
    return count


def _folded(conv, norm):
    # In double precision, so that the result is rounded only once
    double = [copy.deepcopy(part).double() for part in (conv, norm)]
    return fuse_conv_bn_eval(*double).to(conv.weight.dtype)


def _rewrite_upsamplings(traced):
    count = 0
    for node in list(traced.graph.nodes):
        conv = _called(traced, node, nn.Conv2d)
        if conv is None or (conv.kernel_size, conv.stride, conv.dilation) != ((3, 3), (1, 1), (1, 1)):
            continue
        chain, padding, mode = [node], _padding(conv), conv.padding_mode
        pad = _called(traced, node.args[0], *_PADS)
        if pad is not None and not any(padding):
            left, right, top, bottom = pad.padding
            if (left, top) != (right, bottom):
                continue
            chain, padding, mode = [node.args[0], node], (top, left), _PADS[type(pad)]
        doubling = chain[0].args[0]
        source = _input_of_doubling(traced, doubling)
        chain = [doubling, *chain]
        if source is None or not set(padding) <= {0, 1} or not all(map(_is_private, chain[:-1])):
            continue
        _replace(traced, chain, source, _upsampling_convolution(conv, padding, mode))
        count += 1
    return count


def _padding(conv):
    """Padding of a 3x3 convolution along y and x."""
    named = {"same": (1, 1), "valid": (0, 0)}
    return named[conv.padding] if isinstance(conv.padding, str) else conv.padding


def _input_of_doubling(traced, node):
    """The input of a node that enlarges it by 2 with nearest neighbours; `None` for any other node."""
    module = _called(traced, node, nn.Upsample, nn.UpsamplingNearest2d)
    if module is not None:
        given = {"input": node.args[0], "size": module.size, "scale_factor": module.scale_factor, "mode": module.mode}
    elif isinstance(node, fx.Node) and node.op == "call_function" and node.target is F.interpolate:
        given = dict(zip(("input", "size", "scale_factor", "mode"), node.args, strict=False)) | node.kwargs
    else:
        return None
    factor = given.get("scale_factor")
    doubles = tuple(factor) == (2, 2) if isinstance(factor, tuple | list) else factor == 2
    nearest = given.get("mode", "nearest") in ("nearest", "nearest-exact")
    return given["input"] if doubles and nearest and given.get("size") is None else None


def _upsampling_convolution(conv, padding, mode):
    """
    Make one module of nearest-neighbour upsampling by 2, padding by 0 or 1, and a 3x3 convolution.

    The 2x2 convolutions of the four phases are together one transposed convolution with a 4x4 kernel and stride 2, in
    which every output pixel depends on every second tap only.
    """
    old = conv.weight.detach()
    taps = torch.tensor(_TAPS, dtype=torch.float64, device=old.device)
    weight = torch.einsum("ak,oikl,bl->oiab", taps, old.double(), taps)
    # (out, in / groups, ...) -> (in, out / groups, ...)
    weight = weight.unflatten(0, (conv.groups, -1)).transpose(1, 2).flatten(0, 1)

    zeros = mode == "zeros"
    new = nn.ConvTranspose2d(
        conv.in_channels,
        conv.out_channels,
        kernel_size=4,
        stride=2,
        padding=tuple(2 - size if zeros else 2 + size for size in padding),
        groups=conv.groups,
        bias=conv.bias is not None,
        device=old.device,
        dtype=old.dtype,
    )
    with torch.no_grad():
        new.weight.copy_(weight)
        if conv.bias is not None:
            new.bias.copy_(conv.bias)
    if zeros:
        return new
    # Reflection by one pixel of the enlarged image gives the second of two equal pixels, as repeating the edge does
    pad = nn.CircularPad2d if mode == "circular" else nn.ReplicationPad2d
    return nn.Sequential(pad((padding[1], padding[1], padding[0], padding[0])), new)
