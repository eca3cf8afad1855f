"""Tests of the networks from back-projections to CLEAN images."""

import pytest
import torch

from sunpy_restore.networks.papers.pix2pix_clean import CleanDiscriminator, CleanPix2Pix


@pytest.fixture(scope="module")
def channels():
    return torch.randn(1, 12, 256, 256, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(1)
    return CleanPix2Pix(width=2).eval()


def test_brightness_is_between_0_and_one_and_a_half(generator, channels):
    with torch.inference_mode():
        image = generator(channels)
    assert image.shape == (1, 1, 256, 256)
    assert image.min() >= 0
    assert image.max() <= 1.5
    assert image.std() > 0


def test_generator_and_discriminator_use_the_first_channel_only_and_clip_it(generator, channels):
    torch.manual_seed(2)
    discriminator = CleanDiscriminator(width=2).eval()
    image = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(3))
    other = torch.cat([channels[:, :1].clamp(-1, 1), torch.zeros(1, 11, 256, 256)], dim=1)
    with torch.inference_mode():
        for network, more in ((generator, ()), (discriminator, (image,))):
            torch.testing.assert_close(network(channels, *more), network(other, *more), rtol=0, atol=0)
            assert not torch.equal(network(channels, *more), network(-channels, *more))


def test_discriminator_depends_on_the_image(channels):
    torch.manual_seed(2)
    discriminator = CleanDiscriminator(width=2).eval()
    image = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        logits = discriminator(channels, image)
        assert logits.shape[:2] == (1, 1)
        assert not torch.equal(logits, discriminator(channels, 1.5 - image))


def test_generator_depends_on_the_whole_input(generator):
    assert generator.receptive_radius is None


def test_images_are_restored_as_in_a_training_with_batches_of_one(channels):
    """Batch normalisation by the statistics of the batch, in training and at inference (Isola et al. 2017)."""
    torch.manual_seed(1)
    batch = CleanPix2Pix(width=2, norm="batch")
    found = CleanPix2Pix(width=2)
    found.load_state_dict({name: array for name, array in batch.state_dict().items() if name in found.state_dict()})
    for network in (batch, found.eval()):
        for part in network.modules():
            if isinstance(part, torch.nn.Dropout):
                part.eval()
    with torch.inference_mode():
        torch.testing.assert_close(found(channels), batch(channels), rtol=1e-4, atol=1e-5)
        pair = torch.cat([channels, 0.3 * channels.flip(2)])
        torch.testing.assert_close(found(pair)[:1], found(channels), rtol=1e-4, atol=1e-5)
