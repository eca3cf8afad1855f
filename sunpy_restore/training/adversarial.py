"""Training of a network against a discriminator."""

import torch
from torch.nn import functional

from sunpy_restore.training.module import RestorationModule

__all__ = ["AdversarialModule"]


class AdversarialModule(RestorationModule):
    """
    A task's network as the generator of a conditional GAN (Isola et al. 2017), with its discriminator.

    A step is one of the discriminator, then one of the generator. The discriminator's loss is half the binary
    cross-entropy of telling truth from restoration, given what was observed; the generator's is that of being taken for
    the truth, plus the recipe's ``content_loss``. With the option ``gradient_penalty`` the discriminator also loses
    half as many times the squared gradient of its mean logit in true images, and with ``adversary_rate`` it has a
    learning rate of its own (Heusel et al. 2017). The recipe needs ``build_adversary``, which gives a `torch.nn.Module`
    that is called as ``adversary(observed, image)`` and returns logits, of any shape, of the probability that the image
    is true, and ``content_loss``.

    Parameters
    ----------
    recipe, sources
        See `~sunpy_restore.training.module.RestorationModule`.
    config : `~sunpy_restore.core.recipe.TrainingConfig`
        The configuration, with hyperparameters of the discriminator as ``adversary``.

    Raises
    ------
    ValueError
        No such schedule, or training in half precision, which needs a scaling of each loss.

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
                f"Found the precision {config.precision!r} of an adversarial training, expected '32-true' or "
                "'bf16-mixed'."
            )
        self.automatic_optimization = False
        self.adversary = self.recipe.build_adversary(config.adversary)

    def training_step(self, batch, index):
        observed, truth = batch
        generator, adversary = self.optimizers()
        restored = self.recipe.predict(self.network, observed, self.config).float()

        told = (
            _entropy(self.adversary(observed, truth), 1) + _entropy(self.adversary(observed, restored.detach()), 0)
        ) / 2
        penalty = self.config.options.get("gradient_penalty")
        if penalty:
            told = told + penalty / 2 * self._slope(observed, truth)
        # Not Lightning's wrapper of it, which would count this as a step of the training
        self._descend(told, adversary.optimizer)

        self.adversary.requires_grad_(False)
        taken = _entropy(self.adversary(observed, restored), 1)
        content = self.recipe.content_loss(restored, batch, self.config)
        self._descend(taken + content, generator)
        self.adversary.requires_grad_(True)

        schedules = self.lr_schedulers() or []
        for schedule in schedules:
            schedule.step()
        self.log_dict({"loss": taken + content, "content": content, "adversary": told}, prog_bar=True)

    def _slope(self, observed, truth):
        """Mean squared gradient of the mean logit of a true image (Mescheder et al. 2018)."""
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
        rate = self.config.options.get("adversary_rate")
        return [self.optimization(self.network), self.optimization(self.adversary, rate)]


def _entropy(logits, truth):
    """Binary cross-entropy of logits of which all should say the same."""
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
