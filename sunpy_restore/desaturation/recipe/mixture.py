"""Fit of the weights by which `sunpy_restore.desaturate` averages the fill of a network and the biharmonic one."""

import numpy as np
import torch

from sunpy_restore.desaturation.filling.mixture import FEATURES, FILLS, limited, regions, with_kriging
from sunpy_restore.desaturation.recipe.scenes import read_disks
from sunpy_restore.desaturation.recipe.views import Views
from sunpy_restore.desaturation.task import CHANNELS
from sunpy_restore.networks.mixture import FillMixture

__all__ = ["fit_shares", "mixture_of", "mixture_views", "statistics"]

_SIDE = 224  # pixels
_MANY = {"paper": 0.25, "threshold": 0.3, "displaced": 0.2, "foreign": 0.1, "shapes": 0.15, "strips": 0.15}
_VIEWS = ((77, 700, _MANY), (78, 1580, _MANY), (79, 300, {"outlines": 1.0}))  # seed, number, shares of masks
_BEYOND = 64  # pixels that a network sees of the mirrored image beyond an edge
_HELD_BACK = 6  # one of so many views chooses the step at which fitting stops
_MEMBERS = 12  # perceptrons
_STEPS = 1_000
_INTERVAL = 50
_RATE = 1e-2
_DECAY = 0.01
_LOSS = 0.3  # weight of losing to the classical fill
_FLUXES, _FLUX_WEIGHT = 300.0, 0.3
_LEAST = 1e-4  # of the squares of the truth, below which errors do not matter


def mixture_views(directory):
    """
    Views of the training days without a known saturation level.

    Parameters
    ----------
    directory : path-like
        Folder with the files of the list of training images.

    Yields
    ------
    channels, truth : `numpy.ndarray`
        Shapes ``(5, ny, nx)`` and ``(ny, nx)``, of at most 224 x 224 pixels.
    """
    disks = read_disks(directory)
    for seed, count, shares in _VIEWS:
        views = Views(disks, count, shares, side=_SIDE, seed=seed, mirrored=False)
        for index in range(count):
            channels, truth, _ = views[index]
            views.items[index] = None
            if not channels[CHANNELS.index("level")].any():
                yield channels.astype(np.float32), truth[0].astype(np.float32)


def statistics(mixture, views):
    """
    Features and errors of all regions in views.

    Parameters
    ----------
    mixture : `~sunpy_restore.networks.mixture.FillMixture`
        Its networks are used.
    views : iterable of pairs
        See `mixture_views`.

    Returns
    -------
    `dict`
        For n regions ``features``, shape ``(n, FEATURES)``; ``products`` of the errors of the three fills,
        shape ``(n, 3, 3)``; ``fluxes``, the sums of their errors, shape ``(n, 3)``; ``truth``, the sum of the true
        values and of their squares, shape ``(n, 2)``; and ``view``, the index of the view.
    """
    found = {name: [] for name in ("features", "products", "fluxes", "truth", "view")}
    for index, (channels, truth) in enumerate(views):
        named = dict(zip(CHANNELS, channels, strict=True))
        fills = with_kriging(named, [limited(named, _filled(network, channels)) for network in mixture.experts])
        for region in regions(named, fills):
            true = truth[region.place][region.own].astype(float)
            errors = [fill[region.place][region.own] - true for fill in (named["biharmonic"], *fills)]
            found["features"].append(region.features)
            found["products"].append(np.inner(errors, errors))
            found["fluxes"].append(np.sum(errors, axis=1))
            found["truth"].append([true.sum(), (true**2).sum()])
            found["view"].append(index)
    return {name: np.array(values) for name, values in found.items()}


def _filled(network, channels):
    """Result of a network for a view, of which it sees the mirror images as well."""
    batch = np.pad(channels, [(0, 0), (_BEYOND, _BEYOND), (_BEYOND, _BEYOND)], mode="symmetric")
    with torch.inference_mode():
        return network(torch.from_numpy(batch[None]))[0, 0, _BEYOND:-_BEYOND, _BEYOND:-_BEYOND].numpy()


def fit_shares(mixture, found, seed=0):
    """
    Fit the perceptrons of a mixture, each from other initial weights.

    The loss of a view is the logarithm of its squared error relative to the classical fill, which counts 1.3 times
    where it is positive, and the squared error of the flux.

    Parameters
    ----------
    mixture : `~sunpy_restore.networks.mixture.FillMixture`
        It is changed.
    found : `dict`
        See `statistics`.
    seed : `int`
        Seed of the first perceptron; those of the others follow.

    Returns
    -------
    `float`
        Loss for the views that were held back.
    """
    values = {name: torch.as_tensor(part).float() for name, part in found.items() if name != "view"}
    view = torch.as_tensor(found["view"])
    features = values["features"]
    if features.shape[1] != FEATURES:
        raise ValueError(f"Found {features.shape[1]} features; expected {FEATURES}.")
    mixture.centre.copy_(features.mean(0))
    mixture.spread.copy_(features.std(0) + 1e-3)
    held = torch.arange(int(view.max()) + 1) % _HELD_BACK == 0
    members = list(mixture.perceptrons)
    for number, member in enumerate(members):
        torch.manual_seed(seed + number)
        mixture.perceptrons = torch.nn.ModuleList([member])
        _fit(mixture, values, view, held)
    mixture.perceptrons = torch.nn.ModuleList(members)
    with torch.inference_mode():
        return float(_losses(mixture.shares(features), values, view)[held].mean())


def _fit(mixture, values, view, held):
    """Fit the one perceptron of a mixture, up to the step with the smallest loss of the views held back."""
    (perceptron,), features = mixture.perceptrons, values["features"]
    for layer in perceptron[::2]:
        layer.reset_parameters()
    optimizer = torch.optim.AdamW(perceptron.parameters(), weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, _STEPS)
    best, kept = np.inf, None
    for step in range(1, _STEPS + 1):
        optimizer.zero_grad()
        losses = _losses(mixture.shares(features), values, view)
        losses[~held].mean().backward()
        optimizer.step()
        schedule.step()
        if step % _INTERVAL == 0:
            with torch.inference_mode():
                loss = float(_losses(mixture.shares(features), values, view)[held].mean())
            if loss < best:
                best, kept = loss, {name: part.clone() for name, part in perceptron.state_dict().items()}
    perceptron.load_state_dict(kept)


def _losses(shares, values, view):
    """Loss of each view."""

    def total(parts):
        return torch.zeros(int(view.max()) + 1).index_add(0, view, parts)

    squares = total(torch.einsum("ni,nij,nj->n", shares, values["products"], shares))
    least = _LEAST * total(values["truth"][:, 1]) + 1e-6
    ratio = torch.log((squares + least) / (total(values["products"][:, 0, 0]) + least))
    flux = total((shares * values["fluxes"]).sum(1)) / (total(values["truth"][:, 0].abs()) + 1e-3)
    return ratio + _LOSS * torch.relu(ratio) + _FLUX_WEIGHT * torch.log1p(_FLUXES * flux.clamp(-1, 1) ** 2)


def mixture_of(saturated, general):
    """
    Make a mixture of two networks, whose shares are to be fitted.

    Parameters
    ----------
    saturated, general : `tuple`
        Hyperparameters and state of a `~sunpy_restore.networks.unet.FillingUNet`, or of a
        `~sunpy_restore.networks.mixture.FillMixture` that contains it under that name.

    Returns
    -------
    hyperparameters : `dict`
        Those of the mixture.
    mixture : `~sunpy_restore.networks.mixture.FillMixture`
        With the weights of both networks.
    """
    parts = {}
    for name, (hyperparameters, state) in {"saturated": saturated, "general": general}.items():
        options = {key: value for key, value in hyperparameters.items() if key != "architecture"}
        if hyperparameters["architecture"] == FillMixture.__name__:
            state = {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{name}.")}
            options = options[name]
        parts[name] = (options, state)
    options = {name: part[0] for name, part in parts.items()}
    options["saturated"] = options["saturated"] | {"brightest": "level"}
    options |= {"features": FEATURES, "fills": 1 + FILLS, "members": _MEMBERS}
    mixture = FillMixture(**options)
    for name, (_, state) in parts.items():
        getattr(mixture, name).load_state_dict(state)
    return {"architecture": FillMixture.__name__} | options, mixture.eval()
