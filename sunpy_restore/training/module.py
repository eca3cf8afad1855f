"""The network of a task as a Lightning module."""

import lightning.pytorch as pl
import numpy as np
import torch

__all__ = ["RestorationModule"]

_SCHEDULES = ("constant", "one-cycle", "halving")


class RestorationModule(pl.LightningModule):
    """
    The network of a task with its loss, optimiser and schedule.

    Parameters
    ----------
    recipe : `~sunpy_restore.core.recipe.Recipe`
        Recipe of the task.
    config : `~sunpy_restore.core.config.TrainingConfig`
        The configuration.
    sources : `list` of `str`
        Names of the validation sets, in the order of their loaders.

    Raises
    ------
    ValueError
        Unknown schedule, or a schedule ``"halving"`` without its number of steps.
    """

    def __init__(self, recipe, config, sources=()):
        super().__init__()
        if config.schedule not in _SCHEDULES:
            raise ValueError(f"Unknown schedule {config.schedule!r}; expected one of {', '.join(_SCHEDULES)}.")
        if config.schedule == "halving" and config.halving < 1:
            raise ValueError(
                f"Found {config.halving} steps between halvings of the learning rate; expected at least 1."
            )
        self.recipe, self.config, self.sources = recipe, config, list(sources)
        self.network = recipe.task.build_network(config.network)

    def on_train_batch_start(self, batch, index):
        """Seed the random numbers of the step."""
        # Random numbers of a layer such as dropout depend on the step only, and not on earlier interruptions
        source = np.random.SeedSequence([self.config.seed, self.trainer.global_step, self.global_rank])
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
        self.log_dict({f"{key}/{name}": value for key, value in found.items()}, add_dataloader_idx=False, prog_bar=True)

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
