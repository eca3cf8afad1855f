"""Adversarial training of a network."""

import torch
from torch.nn import functional

from sunpy_restore.training.module import RestorationModule

__all__ = ["AdversarialModule"]


class AdversarialModule(RestorationModule):
    """
    The network of a task as the generator of a conditional GAN (Isola et al. 2017), with a discriminator.

    Each step updates the discriminator first and then the generator. The loss of the discriminator is half the binary
    cross-entropy of truth and restored image, given the observation. The loss of the generator is the cross-entropy of
    the restored image with the label of the truth, plus the ``content_loss`` of the recipe.

    The option ``gradient_penalty`` adds half of its value times the squared gradient of the mean logit at true images
    to the loss of the discriminator (Mescheder et al. 2018). The option ``adversary_rate`` is the learning rate of the
    discriminator (Heusel et al. 2017).

    The discriminator is that of `sunpy_restore.core.recipe.Recipe.build_adversary`. It returns logits, of any shape, of
    the probability that an image is the truth.

    Parameters
    ----------
    recipe, sources
        See `~sunpy_restore.training.module.RestorationModule`.
    config : `~sunpy_restore.core.config.TrainingConfig`
        The configuration; its ``adversary`` holds the hyperparameters of the discriminator.

    Raises
    ------
    ValueError
        Unknown schedule, or half precision, which would need a scaling of each loss.

    References
    ----------
    * Isola et al. 2017, https://arxiv.org/abs/1611.07004
    * Heusel et al. 2017, https://arxiv.org/abs/1706.08500
    * Mescheder et al. 2018, https://arxiv.org/abs/1801.04406
    """

    def __init__(self, recipe, config, sources=()):
        super().__init__(recipe, config, sources)
        if config.precision.startswith("16"):
            raise ValueError(
                f"Found precision={config.precision!r} for an adversarial training; expected '32-true' or 'bf16-mixed'."
            )
        self.automatic_optimization = False
        self.adversary = self.recipe.build_adversary(config.adversary)

    def training_step(self, batch, index):
        """Train the discriminator, then the network, on a batch."""
        observed, truth = batch
        generator, adversary = self.optimizers()
        restored = self.recipe.predict(self.network, observed, self.config).float()

        adversary_loss = (
            _entropy(self.adversary(observed, truth), 1) + _entropy(self.adversary(observed, restored.detach()), 0)
        ) / 2
        penalty = self.config.options.get("gradient_penalty")
        if penalty:
            adversary_loss = adversary_loss + penalty / 2 * self._squared_gradient(observed, truth)
        # Lightning's wrapper of the optimizer would count this as a step of the training
        self._descend(adversary_loss, adversary.optimizer)

        self.adversary.requires_grad_(False)
        loss = _entropy(self.adversary(observed, restored), 1)
        content = self.recipe.content_loss(restored, batch, self.config)
        loss = loss + content
        self._descend(loss, generator)
        self.adversary.requires_grad_(True)

        schedules = self.lr_schedulers() or []
        for schedule in schedules:
            schedule.step()
        self.log_dict({"loss": loss, "content": content, "adversary": adversary_loss}, prog_bar=True)

    def _squared_gradient(self, observed, truth):
        """Mean squared gradient of the mean logit at true images (Mescheder et al. 2018, R1)."""
        truth = truth.detach().requires_grad_()
        logits = self.adversary(observed, truth).float().flatten(start_dim=1)
        (gradient,) = torch.autograd.grad(logits.mean(dim=1).sum(), truth, create_graph=True)
        return gradient.square().sum() / len(truth)

    def _descend(self, loss, optimizer):
        optimizer.zero_grad()
        self.manual_backward(loss)
        if self.config.gradient_clip:
            self.clip_gradients(optimizer, self.config.gradient_clip, "norm")
        optimizer.step()

    def configure_optimizers(self):
        """Optimisers and schedules of the network and of the discriminator."""
        rate = self.config.options.get("adversary_rate")
        return [self.optimization(self.network), self.optimization(self.adversary, rate)]


def _entropy(logits, label):
    """Binary cross-entropy of logits that have one label, 1 for truth and 0 for restored images."""
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
