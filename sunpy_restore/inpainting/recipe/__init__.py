"""How the networks of `sunpy_restore.inpaint` are trained: pairs, loss and the configurations."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import TensorDataset

from sunpy_restore.core.task import TrainingConfig
from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.fills import FILLS
from sunpy_restore.inpainting.recipe.mixtures import MixtureDataset, polar_of
from sunpy_restore.inpainting.recipe.pairs import ViewDataset, damaged, patterns_of, views_of
from sunpy_restore.inpainting.recipe.paper import layered_configs, loss_of_layers
from sunpy_restore.inpainting.recipe.scenes import read_frames
from sunpy_restore.inpainting.recipe.scores import evaluation_pairs, measure, restorers

__all__ = [
    "configs",
    "datasets",
    "evaluation_pairs",
    "loss",
    "measure",
    "predict",
    "restorers",
    "scored_pixels",
]

DATA = {
    "inpaint": (
        "LASCO level 0.5: C2 of 2001-10-23 and 2010-01-12, 13, 15 and 16, C3 of 2000-01-20, 2003-07-21, 2004-10-08, "
        "2007-08-18 and 2010-01-05, on log-polar grids. Each view is a frame turned, mirrored and scaled by chance, to "
        "which the structure of another one (60 %), streamers, mass ejections and rays (75 %) and noise (35 %) were "
        "added; 40 % have neighbours in time. A quarter of the C3 views is flattened as level 1 is. Losses as those of "
        "telemetry: blocks of 32 pixels, rows, clusters, squares up to 256 pixels, 3-30 % of the field. Patterns of C3 "
        "came from the other years. Kept back: 2002-01-08 to 10 (C3, with the only frame of level 1) and 2010-01-18 "
        "(C2). What level 1 hides was taken from the frame of 2002. After 10,000 steps of these (configuration "
        "broad) came 2,000 with 60 % of C2, in which 55 % of the views have a single hole of 32 to 256 or of 32 x 512 "
        "pixels, at the edge of the occulter and across fronts more often than by chance (configuration aimed), and "
        "3,000 more for a network that begins with the fill along the lines around, not with the harmonic one; 70 % of "
        "the mass ejections in these are smooth, not clumpy. That small corrections of this fill are the smaller the "
        "more coherent the lines are came after training."
    ),
}
"""What the weights of the task were trained on."""

_SIDE = 256
_PER_FRAME = 20
_HUBER = 2.0  # units of the noise
_QUIET = 0.5  # units of the noise; an error of the first fill that is not worth while
_CELL = 8  # pixels; of averages in the loss
_BRIGHT = 8.0  # times the mean: what is brighter counts as that
_FEW = 300  # pixels; a view with less counts less
_VALIDATED = 2  # damages of each frame that is kept back
_C2 = 0.45  # share of C2, without another
_FIRST = 0.4  # of these, share of the one with a normal exposure


def configs(task):
    """
    The training configurations of the task.

    ``broad``, then ``aimed`` and then ``compact``, each of which starts from the weights of the one before (``start``
    of `sunpy_restore.training.train`), made the weights in the package. The second one has three more first fills, more
    holes of the kinds that scores are given for, and a loss relative to the best of the first fills; the third has
    three first fills with a direction besides, and corrects the one along the lines around, once it is trained the less
    the more coherent these are. The others are those of `~sunpy_restore.inpainting.recipe.paper.layered_configs`.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`. The option ``aimed`` is that of
        `~sunpy_restore.inpainting.recipe.mixtures.MixtureDataset`, and so is ``rippled``; ``C2`` is the share of that
        coronagraph, ``local`` the weight of the error of averages over 8 x 8 pixels in the loss.
    """
    broad = TrainingConfig(
        name="broad",
        network={"architecture": "CoronaUNet", "widths": [24, 48, 64, 80, 96], "view": "polar"},
        patch_size=192,
        batch_size=8,
        steps=10_000,
        learning_rate=3e-4,
        ema_decay=0.998,
        precision="bf16-mixed",
        validation_interval=1_000,
    )
    aimed = replace(
        broad,
        name="aimed",
        network=broad.network | {"others": 4},
        steps=2_000,
        learning_rate=2e-4,
        validation_interval=500,
        options={"aimed": 0.55, "C2": 0.6, "local": 1.0},
    )
    compact = replace(
        aimed,
        name="compact",
        network=broad.network | {"others": 7, "base": 7, "gate": 10.0},
        steps=3_000,
        options=aimed.options | {"rippled": 0.3},
    )
    return {config.name: config for config in (broad, aimed, compact)} | layered_configs()


def datasets(task, directory, config):
    """
    Training pairs and validation sets.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Holds ``lasco/``.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration. Its option ``views`` is the number of views to make in advance; without it coronas are mixed
        on the way. ``without`` are names of frames to leave out.

    Returns
    -------
    training : `~sunpy_restore.inpainting.recipe.mixtures.MixtureDataset` or
        `~sunpy_restore.inpainting.recipe.pairs.ViewDataset`
    validation : `dict`
        Name of the source to pairs that are the same in every run.
    """
    view = config.network.get("view", "polar")
    without = config.options.get("without", ())
    frames = [frame for frame in read_frames(directory) if frame.name not in without]
    kept = read_frames(directory, "validation")
    # The shape of the mask of level 1, not what the frame shows
    hidden = next(frame.blind for frame in kept if frame.level >= 1)
    patterns, odds = patterns_of(frames), _odds(frames, config.options.get("C2", _C2))
    training = _mixtures if "views" not in config.options else _views
    training = training(frames, patterns, odds, hidden, config)
    patterns = patterns_of(frames + [frame for frame in kept if frame.level < 1])
    validation = {name: [frame for frame in kept if frame.detector == name] for name in ("C2", "C3")}
    return training, {name: _validation(frames, patterns, view) for name, frames in validation.items()}


def _mixtures(frames, patterns, odds, hidden, config):
    """Coronas mixed on log-polar grids; those of C3 with and without their pattern, and as at level 1."""
    polars, weights = [], []
    for frame, weight in zip(frames, odds, strict=True):
        pattern = patterns.get(frame.name)
        kinds = [(frame, pattern, None, 1.0)]
        if pattern is not None:
            flat = (frame.image - frame.bias) / np.exp(np.clip(np.nan_to_num(pattern), -3, 3))
            as_level_1 = frame._replace(image=flat, bias=0.0)
            kinds = [(frame, pattern, None, 0.55), (frame, None, None, 0.2), (as_level_1, None, hidden, 0.25)]
        for exposure, known, covered, share in kinds:
            polars.append(polar_of(exposure, known, hidden=covered))
            weights.append(weight * share)
    length = config.steps * config.batch_size
    return MixtureDataset(
        polars, np.array(weights) / sum(weights), length, side=config.patch_size, seed=config.seed,
        aimed=config.options.get("aimed", 0.0), rippled=config.options.get("rippled", 1.0),
        weighted="local" in config.options,
    )  # fmt: skip


def _views(frames, patterns, odds, hidden, config):
    """Views made in advance of frames that lost blocks."""
    rng = np.random.default_rng(config.seed)
    view, side = config.network["view"], max(_SIDE, config.patch_size)
    views = []
    while len(views) < config.options["views"]:
        frame = frames[rng.choice(len(frames), p=odds)]
        pair = damaged(frame, patterns.get(frame.name), rng, level_1=hidden)
        views += views_of(pair, rng, count=_PER_FRAME, side=side, view=view)
    return ViewDataset(
        views, config.steps * config.batch_size, patch_size=config.patch_size, seed=config.seed,
        turnable=view != "polar",
    )  # fmt: skip


def _odds(frames, share):
    """Probability of each frame; those of one epoch show much the same."""
    first = "comet_22104858"
    c2 = [frame for frame in frames if frame.detector == "C2"]
    others = [frame for frame in c2 if frame.name != first]
    odds = {frame.name: (1 - share) / (len(frames) - len(c2)) for frame in frames if frame.detector == "C3"}
    odds |= {frame.name: share * (1 - _FIRST if len(others) < len(c2) else 1) / len(others) for frame in others}
    if len(others) < len(c2):
        odds[first] = share * _FIRST
    odds = np.array([odds[frame.name] for frame in frames])
    return odds / odds.sum()


def _validation(frames, patterns, view):
    rng = np.random.default_rng(1)
    views = []
    for _ in range(_VALIDATED):
        for frame in frames:
            pair = damaged(frame, patterns.get(frame.name), rng)
            views += views_of(pair, rng, count=8, side=192, view=view)
    parts = (torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*views[:96], strict=True))
    return TensorDataset(*parts)


def predict(network, observed, config):
    """
    The network's answer for a batch.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    observed : `torch.Tensor`
        Planes, shape ``(batch, len(PLANES), h, w)``.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.
    """
    return network(observed)


def scored_pixels(observed, truth):
    """The pixels that a validation looks at: those under the mask whose truth is known."""
    return (observed[:, 1:2] > 0) & torch.isfinite(truth)


def loss(network, batch, config):
    """
    Huber loss under the mask, relative to the error of the first fill; of the layered network the paper's.

    A bright corona has errors of tens of its noise, a faint one hardly any: each view counts by what could be won.
    Where views come with the unit of their brightness, see `_weighted_loss`.
    """
    if "loss" in config.options:
        return loss_of_layers(network, batch, config)
    if "local" in config.options:
        return _weighted_loss(network, batch, config)
    observed, truth = batch
    scored = scored_pixels(observed, truth)
    found = predict(network, observed, config).float()
    error = functional.smooth_l1_loss(found, torch.where(scored, truth, found), beta=_HUBER, reduction="none")
    count = scored.sum(dim=(1, 2, 3)) + _FEW
    first = torch.where(scored, truth - observed[:, :1], 0).abs().sum(dim=(1, 2, 3)) / count
    return (error.sum(dim=(1, 2, 3)) / count / (first + _QUIET)).mean()


def _weighted_loss(network, batch, config):
    """
    Huber loss of pixels and of averages, relative to that of the best first fill, in which bright pixels count more.

    Scores are of the brightness, in which the inner border of a large hole counts most; a deviation counts in equal
    parts as such and in that unit. In averages there is little noise, which no fill can know, and they make the fill
    the mean where the median would be as good.
    """
    observed, truth, *unit = batch
    unit = unit[0] if unit else torch.ones_like(truth)
    scored = scored_pixels(observed, truth)
    weight = torch.where(scored, 0.5 + unit.clamp(max=_BRIGHT) / 2, 0)
    truth = torch.where(scored, truth, 0)
    count = weight.sum(dim=(1, 2, 3)) + _FEW
    share = functional.avg_pool2d(weight, _CELL)

    def errors(fill):
        error = fill - truth
        pixels = (weight * _huber(error, _HUBER)).sum(dim=(1, 2, 3)) / count
        means = functional.avg_pool2d(weight * error, _CELL) / (share + 1e-3)
        return pixels, (share * _huber(means, _HUBER / 4)).sum(dim=(1, 2, 3)) * _CELL**2 / count

    firsts = [errors(fill) for fill in observed[:, [PLANES.index(name) for name in FILLS]].split(1, dim=1)]
    pixels, means = (torch.stack(kind).min(dim=0).values for kind in zip(*firsts, strict=True))
    found, local = errors(predict(network, observed, config).float())
    return (found / (pixels + _QUIET) + config.options["local"] * local / (means + _QUIET / 4)).mean()


def _huber(error, beta):
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=beta, reduction="none")
