"""Weights of a stage of the training of `sunpy_restore.inpaint` as the start of the next one."""

from torch.nn import functional

__all__ = ["widened"]


def widened(state, network):
    """
    Fit the weights of a `~sunpy_restore.networks.unet.CoronaUNet` with fewer first fills to a network with more.

    The weights of the additional fills are zero, so the outputs are those of the given network. If the fill that the
    network corrects is an additional one, the last layer is zero, so the output is that fill. Other weights are
    returned as they are.

    Parameters
    ----------
    state : mapping of `str` to `torch.Tensor`
        Weights of the network with fewer fills.
    network : `~sunpy_restore.networks.unet.CoronaUNet`
        The network that is to be trained.

    Returns
    -------
    `dict` of `str` to `torch.Tensor`
    """
    state, wanted = dict(state), network.state_dict()
    axes = {"enter.weight": 1, "leave.weight": 0, "leave.bias": 0}  # of the channels that depend on the number of fills
    if not axes.keys() <= state.keys():
        return state
    missing = {wanted[name].shape[axis] - state[name].shape[axis] for name, axis in axes.items()}
    # Each fill has 2 x 2 pixels in the channels of the U-Net
    if len(missing) != 1 or not 0 < (count := missing.pop()) <= 4 * network.others:
        return state
    for name, axis in axes.items():
        # functional.pad begins with the last axis
        state[name] = functional.pad(state[name], [0, 0] * (state[name].ndim - 1 - axis) + [0, count])
    if network.base > network.others - count // 4:
        state |= {name: state[name].new_zeros(state[name].shape) for name in ("leave.weight", "leave.bias")}
    return state
