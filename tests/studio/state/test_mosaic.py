"""The state of the Granulation tab, without a page."""

import numpy as np
import pytest

from astropy.io import fits

from sunpy_restore.studio.access import Chosen
from sunpy_restore.studio.state.mosaic import Granulation

GENETIC = {"population": 10, "generations": 1, "mutation_rate": 0.1, "goal": 0.0}


@pytest.fixture
def model(folder, direct_worker):
    model = Granulation(Chosen([folder]), direct_worker)
    yield model
    model.close()


@pytest.mark.slow
def test_from_tiles_to_a_file(model, folder):
    model.make_pool("gan", 12, 1, device="cpu")
    model.poll()
    assert model.pool["count"] == 12
    model.make((150, 220), overlap=20, seed=2, device="cpu")
    model.poll()
    assert model.image.shape == (150, 220)
    assert np.shape(model.mosaic["distances"]) == model.layout.grid == (2, 2)
    before, distances = np.array(model.image), np.array(model.mosaic["distances"])
    (worst,) = model.worst(1)
    assert distances[worst] == distances.max()
    model.refine([worst], genetic=GENETIC)
    model.poll()
    assert np.array(model.mosaic["distances"]).max() <= distances.max() + 1e-6
    model.refine([(0, 1)], replace=True, genetic=GENETIC)
    model.poll()
    assert "before" in model.take_messages()[-1][1]
    assert np.abs(before[:100, 140:] - model.image[:100, 140:]).max() > 0.05
    written = []
    model.export("out.fits", written.append)
    model.poll()
    assert written == [str(folder / "out.fits")]
    with fits.open(folder / "out.fits") as hdus:
        np.testing.assert_allclose(hdus[0].data, model.image, atol=1e-5)
        assert hdus[0].header["RSTMETH"] == "gan, seam"
        assert hdus[0].header["RSTSYNTH"] is True
        assert hdus[0].header["RSTREPL"] in (1, 2)
        assert "the evolutionary search replaced 1 of 1 tiles" in str(hdus[0].header["HISTORY"])


def test_what_cannot_be_done_becomes_a_message(model):
    model.make((100, 100))
    model.refine([(0, 0)])
    model.export("out.fits", print)
    model.load_pool("../secret.npz", "gan")
    texts = [text for kind, text in model.take_messages() if kind == "error"]
    assert [word in text for word, text in zip(("pool", "image", "image", "outside"), texts, strict=True)] == [True] * 4


def test_tiles_at_places_and_their_names(model):
    model.mosaic = {"side": 128, "overlap": 28, "distances": [[1.0, 3.0], [2.0, 0.0]]}
    model.image = np.zeros((200, 210), "f4")
    assert model.layout.grid == (2, 2)
    assert model.worst(2) == [(0, 1), (1, 0)]
    assert model.tile_at(0, 0) == (0, 0)
    assert model.tile_at(113.4, 50) == (0, 0)
    assert model.tile_at(113.6, 150) == (1, 1)
    assert model.tile_at(300, 0) is None
    assert Granulation.read_tiles("0,1; 2,3;") == [(0, 1), (2, 3)]
    for text in ("a", "1", "1,2,3"):
        with pytest.raises(ValueError, match="expected rows and columns"):
            Granulation.read_tiles(text)
    model.refine([(5, 0)])
    assert "rows 0 to 1" in model.take_messages()[0][1]
