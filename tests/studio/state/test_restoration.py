"""The state of the Restore tab, without a page."""

import pytest

import sunpy.map

from sunpy_restore import save
from sunpy_restore.data import sample_path
from sunpy_restore.studio.access import Chosen
from sunpy_restore.studio.jobs.export import as_python
from sunpy_restore.studio.state.restoration import ORIGINAL, Restoration


@pytest.fixture
def model(folder, direct_worker):
    model = Restoration(Chosen([folder]), direct_worker)
    yield model
    model.close()


def test_an_image_is_opened_and_its_function_found(model):
    opened = model.open("quiet.fits")
    assert opened.function is None
    assert model.poll()
    assert opened.function == "enhance"
    assert opened.layers == [ORIGINAL]
    assert model.take_messages() == []


# Astropy leaves a damaged file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("name", "words"), [("broken.fits", "broken.fits"), ("../secret.fits", "outside"), ("none.fits", "no such file")]
)
def test_files_that_cannot_be_opened_become_messages(model, name, words):
    assert model.open(name) is None
    ((kind, text),) = model.take_messages()
    assert kind == "error"
    assert words in text
    # Once, and not as a prefix as well
    assert text.count(name) == 1
    assert model.shown is None


def test_an_image_is_restored_and_checked(model):
    opened = model.open("quiet.fits")
    model.poll()
    assert model.restore("enhance", "richardson-lucy", uncertainty=False)
    assert model.running
    model.poll()
    result = opened.results["richardson-lucy"]
    assert not model.running
    assert result.smap.data.shape == (80, 256)
    assert result.report["passed"]
    code = as_python(opened, result, model.functions)
    assert len(code.splitlines()) == 5
    compile(code, "code", "exec")


def test_the_python_code_gives_the_same_image(model, tmp_path, monkeypatch):
    opened = model.open("quiet.fits")
    model.poll()
    model.restore("enhance", "bicubic", options={"product": "continuum"})
    model.poll()
    monkeypatch.chdir(opened.path.parent)
    names = {}
    exec(as_python(opened, opened.results["bicubic"], model.functions), names)
    assert (names["restored"].data == opened.results["bicubic"].smap.data).all()


def test_wrong_functions_and_weights_become_messages(model, folder):
    model.open("quiet.fits")
    model.poll()
    assert not model.restore("enhance", weights="../secret.fits")
    assert "outside" in model.take_messages()[0][1]
    assert not model.restore("inpaint", "harmonic", options={"mask": "/etc/passwd"})
    assert "outside" in model.take_messages()[0][1]
    model.restore("desaturate", "biharmonic")
    model.poll()
    ((kind, text),) = model.take_messages()
    assert kind == "error"
    assert "expected an AIAMap" in text


def test_nothing_is_restored_without_a_file(model):
    assert not model.restore("enhance")
    assert "open a file first" in model.take_messages()[0][1]


def test_cancelling_keeps_what_there_is(model):
    opened = model.open("quiet.fits")
    model.poll()
    model.worker.hold = True
    model.restore("enhance", "bicubic")
    model.restore("enhance", "network")
    assert len(model.worker.asked) == 2
    model.cancel()
    assert model.worker.cancelled == 1
    assert not model.running
    model.poll()
    assert opened.results == {}
    assert len(model.worker.asked) == 2
    assert "Cancelled" in model.take_messages()[0][1]


def test_several_files_are_restored_one_after_the_other(model):
    for name in ("hmi_continuum_quiet", "hmi_continuum_spot", "aia_171_quiet"):
        model.open(sample_path(name), trusted=True)
        model.poll()
    model.poll()
    assert [one.function for one in model.files] == ["enhance", "enhance", "desaturate"]
    model.restore("enhance", "bicubic", every=True)
    for _ in range(3):
        model.poll()
    assert [list(one.results) for one in model.files] == [["bicubic"], ["bicubic"], []]


def test_uploads_go_to_a_folder_that_is_removed(model, folder):
    content = (folder / "quiet.fits").read_bytes()
    opened = model.receive("../../evil.fits", content)
    assert opened.path.name == "evil.fits"
    assert opened.path.read_bytes() == content
    model.close()
    assert not opened.path.exists()


def test_restored_images_are_not_restored_again(model, tmp_path, folder):
    from sunpy_restore import enhance

    save(enhance(sunpy.map.Map(folder / "quiet.fits"), method="bicubic"), folder / "done.fits")
    opened = model.open("done.fits")
    model.poll()
    assert opened.function in (None, "enhance")


def test_movies_have_the_images_of_one_channel(model):
    assert model.series == []
    for name in ("lasco_c3_cme", "hmi_continuum_quiet", "lasco_c3_later"):
        model.open(sample_path(name), trusted=True)
        model.poll()
    assert model.current == 2
    assert model.series == [0, 2]
    model.current = 1
    assert model.series == [1]
