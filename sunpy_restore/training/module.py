"""The network of a task as a Lightning module."""

import lightning.pytorch as pl
import numpy as np
import torch

from sunpy_restore.core.recipes.configfile import check

__all__ = ["RestorationModule", "built"]


class RestorationModule(pl.LightningModule):
    """
    The network of a task with its loss, optimiser and schedule.

    Parameters
    ----------
    recipe : `~sunpy_restore.core.recipes.recipe.Recipe`
        Recipe of the task.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    sources : `list` of `str`
        Names of the validation sets, in the order of their loaders.

    Raises
    ------
    ValueError
        A value of the configuration is invalid, or the network does not take one of its hyperparameters.
    """

    def __init__(self, recipe, config, sources=()):
        super().__init__()
        check(config)
        self.recipe, self.config, self.sources = recipe, config, list(sources)
        self.network = built(recipe.task.build_network, config.network, "network", config)

    def on_train_batch_start(self, batch, index):
        """Seed the random numbers of the step."""
        # Random numbers of a layer such as dropout depend on the step only, and not on earlier interruptions
        part = index % self.config.accumulate if self.automatic_optimization else 0
        numbers = [self.config.seed, self.trainer.global_step, self.global_rank, *([part] if part else [])]
        source = np.random.SeedSequence(numbers)
        # PyTorch uses 32 bits of a seed only
        torch.manual_seed(int(source.generate_state(1)[0]))

    def training_step(self, batch, index):
        """Loss of a batch."""
        loss = self.recipe.loss(self.network, batch, self.config)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, index, dataloader_idx=0):
        """Log the scores of a batch of validation pairs."""
        observed, truth = batch
        restored = self.recipe.predict(self.network, observed, self.config).float()
        scored = self.recipe.scored_pixels(observed, truth)
        if scored is not None:
            restored, truth = restored[scored], truth[scored]
        found = self.recipe.validation_scores(restored, truth)
        name = self.sources[dataloader_idx]
        named = {f"{key}/{name}": value for key, value in found.items()}
        self.log_dict(named, add_dataloader_idx=False, prog_bar=True, sync_dist=True)

    def on_validation_epoch_end(self):
        """Log the one score by which validations are compared."""
        by_score = {}
        for key, value in self.trainer.callback_metrics.items():
            name, slash, source = key.partition("/")
            if slash and source in self.sources:
                by_score.setdefault(name, []).append(float(value))
        if by_score:
            means = {name: sum(values) / len(values) for name, values in by_score.items()}
            self.log("score", float(self.recipe.validation_score(means)), sync_dist=True)

    def configure_optimizers(self):
        """Optimiser and schedule of the network."""
        return self.optimization(self.network)

    def optimization(self, network, rate=None):
        """
        Make the Adam optimiser of a network and the schedule of its learning rate.

        Parameters
        ----------
        network : `torch.nn.Module`
            The network.
        rate : `float`, optional
            Learning rate; by default that of the configuration.

        Returns
        -------
        `dict`
            See `lightning.pytorch.LightningModule.configure_optimizers`.
        """
        config, schedules = self.config, torch.optim.lr_scheduler
        rate = config.learning_rate if rate is None else rate
        optimizer = torch.optim.Adam(
            network.parameters(), lr=rate, betas=tuple(config.betas), weight_decay=config.weight_decay
        )
        if config.schedule == "constant":
            return {"optimizer": optimizer}
        if config.schedule == "halving":
            schedule = schedules.StepLR(optimizer, config.halving, gamma=0.5)
        else:
            schedule = schedules.OneCycleLR(optimizer, rate, total_steps=config.steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def built(build, hyperparameters, table, config):
    """
    Build a network, or say which table of the configuration does not fit it.

    Parameters
    ----------
    build : callable
        ``build(hyperparameters)``.
    hyperparameters : mapping
        A table of the configuration.
    table : `str`
        Its name.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Raises
    ------
    ValueError
        The network does not take one of the hyperparameters.
    """
    try:
        return build(hyperparameters)
    except TypeError as error:
        raise ValueError(
            f"The hyperparameters {dict(hyperparameters)} in the table {table!r} of the configuration {config.name!r} "
            f"do not fit the network ({error}). Change or leave out that key."
        ) from error
