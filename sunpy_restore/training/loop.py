"""The one training loop, on Lightning."""

import json
import subprocess
import time
from importlib import import_module
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch import callbacks, loggers
from torch.nn import functional
from torch.utils.data import DataLoader

from sunpy_restore.core.weights import write
from sunpy_restore.tasks import get_task
from sunpy_restore.version import __version__

__all__ = ["RestorationModule", "train"]


class RestorationModule(pl.LightningModule):
    """
    A task's network with its loss, optimiser and schedule.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.
    sources : `list` of `str`
        Names of the validation sets, in the order of their loaders.
    """

    def __init__(self, task, config, sources=()):
        super().__init__()
        self.task, self.config, self.sources = task, config, list(sources)
        self.network = task.build_network(config.network)

    @property
    def recipe(self):
        return import_module(self.task.recipe)

    def training_step(self, batch, index):
        loss = self.recipe.loss(self.network, batch, self.config)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, index, dataloader_idx=0):
        observed, truth = batch
        restored = self.recipe.predict(self.network, observed, self.config).float()
        name = self.sources[dataloader_idx]
        error = functional.mse_loss(restored, truth) / truth.var()
        self.log(f"nmse/{name}", error, add_dataloader_idx=False, prog_bar=True)
        self.log(f"contrast/{name}", restored.std() / truth.std(), add_dataloader_idx=False)

    def configure_optimizers(self):
        config = self.config
        optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        if config.schedule == "constant":
            return optimizer
        if config.schedule != "one-cycle":
            raise ValueError(f"Found the schedule {config.schedule!r}, expected 'constant' or 'one-cycle'.")
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=config.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(task, data, out, *, config="compact", resume=False, steps=None, progress=True, workers=0):
    """
    Train a network of a task and write its weights.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data, in the layout that the task's recipe describes.
    out : path-like
        Folder for checkpoints, logs and ``<task>-<config>.safetensors``.
    config : `str` or `~sunpy_restore.core.task.TrainingConfig`
        Configuration, or its name.
    resume : `bool`
        Continue from ``last.ckpt`` in ``out``.
    steps : `int`, optional
        Another number of optimiser steps than the configuration's.
    progress : `bool`
        Show a progress bar.
    workers : `int`
        Processes that prepare batches.

    Returns
    -------
    `pathlib.Path`
        The weights file.

    Raises
    ------
    ValueError
        No such task or configuration.
    FileNotFoundError
        The data, or the checkpoint to resume from, are missing.
    """
    task = get_task(task)
    config = _configuration(task, config, steps)
    out = Path(out)
    checkpoint = out / "last.ckpt"
    if resume and not checkpoint.exists():
        raise FileNotFoundError(
            f"Found no checkpoint {checkpoint}, expected one to resume from. Train without resume first."
        )
    if not Path(data).is_dir():
        raise FileNotFoundError(f"Found no folder {data}, expected one with the training data.")
    out.mkdir(parents=True, exist_ok=True)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    pairs, validation = import_module(task.recipe).datasets(task.name, data, config)
    module = RestorationModule(task, config, validation)
    trainer = _trainer(config, out, progress)
    commit, start = _commit(), time.monotonic()
    trainer.fit(
        module,
        DataLoader(pairs, config.batch_size, num_workers=workers),
        [DataLoader(dataset, config.batch_size) for dataset in validation.values()],
        ckpt_path=checkpoint if resume else None,
        weights_only=False if resume else None,
    )
    path = out / f"{task.name}-{config.name}.safetensors"
    seconds = time.monotonic() - start
    metadata = _metadata(task, config, sorted(validation), trainer, seconds) | {"commit": commit}
    write(path, module.network.state_dict(), metadata)
    return path


def _configuration(task, config, steps):
    if isinstance(config, str):
        known = import_module(task.recipe).configs(task.name)
        if config not in known:
            raise ValueError(f"Found the configuration {config!r} of {task.name}, expected one of {', '.join(known)}.")
        config = known[config]
    if steps is not None:
        from dataclasses import replace

        config = replace(config, steps=steps)
    return config


def _trainer(config, out, progress):
    every = min(config.validation_interval, config.steps)
    steps = [
        callbacks.ModelCheckpoint(dirpath=out, save_last=True, save_top_k=0, every_n_train_steps=every),
        callbacks.LearningRateMonitor("step"),
    ]
    if config.ema_decay:
        steps.append(callbacks.EMAWeightAveraging(decay=config.ema_decay, use_buffers=True))
    return pl.Trainer(
        max_steps=config.steps,
        precision=config.precision,
        gradient_clip_val=config.gradient_clip or None,
        callbacks=steps,
        logger=[loggers.CSVLogger(out, name="logs"), loggers.TensorBoardLogger(out, name="tensorboard")],
        val_check_interval=every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
        enable_progress_bar=progress,
        enable_model_summary=False,
    )


def _commit():
    """The commit of the recipe, where the package runs from its repository."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or f"release {__version__}"


def _metadata(task, config, validation, trainer, seconds):
    """What a model card needs to know of a training."""
    recipe = {
        key: dict(value) if hasattr(value, "items") else value
        for key, value in vars(config).items()
        if key not in ("network", "name")
    }
    measured = {key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key}
    return {
        "task": task.name,
        "config": config.name,
        "architecture": config.network["architecture"],
        "hyperparameters": json.dumps(dict(config.network)),
        "normalization": task.unit,
        "training_data": import_module(task.recipe).DATA[task.name],
        "recipe": json.dumps(recipe),
        "validation": json.dumps(measured),
        "steps": str(trainer.global_step),
        "wall_time": f"{seconds:.0f} s",
        "device": str(trainer.strategy.root_device),
        "licence": "BSD-3-Clause",
        "doi": task.doi,
    }
