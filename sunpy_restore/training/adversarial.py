"""Adversarial training of a network."""

import torch
from torch.nn import functional

from sunpy_restore.training.module import RestorationModule, built

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

    The discriminator is that of `sunpy_restore.core.recipes.recipe.Recipe.build_adversary`. It returns logits, of any
    shape, of the probability that an image is the truth.

    Parameters
    ----------
    recipe, sources
        See `~sunpy_restore.training.module.RestorationModule`.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration; its ``adversary`` holds the hyperparameters of the discriminator.

    Raises
    ------
    ValueError
        As for the other, or half precision, which would need a scaling of each loss.

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
        self.adversary = built(self.recipe.build_adversary, config.adversary, "adversary", config)

    def training_step(self, batch, index):
        """Train the discriminator, then the network, on a batch."""
        generator, adversary = self.optimizers()
        parts = list(zip(*(tensor.tensor_split(self.config.accumulate) for tensor in batch), strict=True))
        restored = [self._restored(part) for part in parts] if len(parts) == 1 else [None] * len(parts)

        # Lightning's wrapper of the optimizer would count this as a step of the training
        adversary.optimizer.zero_grad()
        adversary_loss = sum(
            self._backward(self._adversary_loss(part, image), len(parts))
            for part, image in zip(parts, restored, strict=True)
        )
        self._step(adversary.optimizer)

        self.adversary.requires_grad_(False)
        generator.zero_grad()
        losses = [self._generator_loss(part, image) for part, image in zip(parts, restored, strict=True)]
        self._step(generator)
        self.adversary.requires_grad_(True)

        schedules = self.lr_schedulers() or []
        for schedule in schedules:
            schedule.step()
        loss, content = (sum(values) / len(parts) for values in zip(*losses, strict=True))
        self.log_dict({"loss": loss, "content": content, "adversary": adversary_loss / len(parts)}, prog_bar=True)

    def _restored(self, part):
        return self.recipe.predict(self.network, part[0], self.config).float()

    def _adversary_loss(self, part, restored):
        """Loss of the discriminator for a part of the batch; without a restored image, it is made and not kept."""
        observed, truth = part
        restored = self._restored(part) if restored is None else restored
        loss = (
            _entropy(self.adversary(observed, truth), 1) + _entropy(self.adversary(observed, restored.detach()), 0)
        ) / 2
        penalty = self.config.options.get("gradient_penalty")
        return loss + penalty / 2 * self._squared_gradient(observed, truth) if penalty else loss

    def _generator_loss(self, part, restored):
        """Descend the loss of the network for a part of the batch; returns it and its content part."""
        restored = self._restored(part) if restored is None else restored
        content = self.recipe.content_loss(restored, part, self.config)
        loss = _entropy(self.adversary(part[0], restored), 1) + content
        return self._backward(loss, self.config.accumulate), torch.as_tensor(content).detach()

    def _backward(self, loss, parts):
        self.manual_backward(loss / parts)
        return loss.detach()

    def _squared_gradient(self, observed, truth):
        """Mean squared gradient of the mean logit at true images (Mescheder et al. 2018, R1)."""
        truth = truth.detach().requires_grad_()
        logits = self.adversary(observed, truth).float().flatten(start_dim=1)
        (gradient,) = torch.autograd.grad(logits.mean(dim=1).sum(), truth, create_graph=True)
        return gradient.square().sum() / len(truth)

    def _step(self, optimizer):
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
