"""Several Maps on the workers of the active client of Dask."""

import dask.array
import ndcube
import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import RestoreWarning, desaturate, enhance
from sunpy_restore.core.fits.io import load
from sunpy_restore.core.inference import loaded
from sunpy_restore.core.system import cluster
from sunpy_restore.data import sample_path

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def client():
    # Tests may not listen on other addresses
    here = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, **here) as client:
        yield client


@pytest.fixture
def submitted(client, monkeypatch):
    """How many tasks go to the workers."""
    calls = []
    submit = client.submit
    monkeypatch.setattr(client, "submit", lambda *args, **options: calls.append(args) or submit(*args, **options))
    return calls


def spot(side=24):
    observed = sunpy.map.Map(sample_path("hmi_continuum_spot"))
    return observed.submap([5, 6] * u.pix, top_right=[4 + side, 5 + side] * u.pix)


def lazy(smap):
    return sunpy.map.Map(dask.array.from_array(smap.data), smap.meta)


def same(found, expected):
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.meta == expected.meta
    assert type(found) is type(expected)


def test_lists_and_sequences_go_to_the_workers(submitted):
    maps = [spot(), spot(20), spot(22)]
    expected = [enhance(smap, method="bicubic") for smap in maps]
    assert submitted == []
    for images in (maps, [lazy(smap) for smap in maps]):
        submitted.clear()
        found = enhance(images, method="bicubic")
        assert len(submitted) == 3
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    found = enhance(sunpy.map.Map(maps, sequence=True), method="bicubic")
    assert isinstance(found, sunpy.map.MapSequence)


def test_cubes_on_disk_are_computed_by_the_workers(client, submitted, monkeypatch):
    header = spot().meta
    data = dask.array.from_array(np.stack([spot().data, 2 * spot().data]), chunks=(1, 24, 24))
    wcs = sunpy.map.Map(spot().data, header).wcs
    from astropy.wcs import WCS

    cube_header = wcs.to_header()
    cube_header.update({"WCSAXES": 3, "CTYPE3": "TIME", "CUNIT3": "s", "CDELT3": 45.0, "CRPIX3": 1.0, "CRVAL3": 0.0})
    cube = ndcube.NDCube(data, WCS(cube_header), meta=dict(header), unit=spot().unit)
    found = enhance(cube, method="bicubic")
    assert len(submitted) == 2
    assert found.data.shape == (2, 48, 48)
    np.testing.assert_allclose(found.data[1], 2 * found.data[0], rtol=1e-5)


def test_networks_are_loaded_once(client, submitted):
    loaded.forget_networks()
    enhance([spot(), spot(20)])
    enhance([spot(20), spot()])
    assert len(loaded._kept) == 1
    assert len(submitted) == 4


def test_warnings_and_errors_name_the_image(client):
    flare = sunpy.map.Map(sample_path("aia_193_flare"))
    dark = sunpy.map.Map(np.minimum(flare.data, 100), flare.meta)
    with pytest.warns(RestoreWarning, match="Image 2 of 2: ") as caught:
        _, same_again = desaturate([flare, dark], method="biharmonic")
    assert caught[0].filename == __file__
    assert same_again is dark
    bad = lazy(spot())
    bad = sunpy.map.Map(bad.data * np.nan, bad.meta)
    with pytest.raises(ValueError, match="Image 1 of 2: Found 576 pixels"):
        enhance([bad, spot()], method="bicubic")


def test_keywords_of_each_image_go_with_it(client):
    flare = sunpy.map.Map(sample_path("aia_193_flare"))
    masks = np.zeros((2, *flare.data.shape), bool)
    masks[0, 30:34, 40:44] = masks[1, 80:83, 90:95] = True
    found = desaturate([flare, flare], mask=list(masks), method="biharmonic")
    for one, mask in zip(found, masks, strict=True):
        assert not (one.data != flare.data)[~mask].any()
        assert (one.data != flare.data)[mask].any()


def test_tasks_do_not_start_tasks(client):
    assert cluster.active_client() is client
    assert client.submit(lambda: cluster.active_client() is None, pure=False).result()


def test_few_items_are_taken_at_once_and_all_come_back(client):
    taken = []

    def items():
        for number in range(30):
            taken.append(number)
            yield number

    found = []
    for item, result, error in cluster.completed(client, lambda number: 1 / (number - 7), items()):
        found.append(item)
        assert len(taken) - len(found) <= 2
        assert (error is None) == (item != 7)
        assert result is None or result == 1 / (item - 7)
    assert sorted(found) == list(range(30))


def test_archives_go_to_the_active_client(client, submitted, tmp_path):
    from sunpy_restore import restore_archive

    files = [sample_path("hmi_continuum_spot"), sample_path("hmi_magnetogram")]
    report = restore_archive("enhance", files, tmp_path / "out", method="bicubic")
    assert (report.restored, len(submitted)) == (2, 2)
    same_data = enhance(sunpy.map.Map(files[1]), method="bicubic").data
    np.testing.assert_array_equal(load(tmp_path / "out" / "hmi_magnetogram_enhance.fits").data, same_data)


@pytest.mark.parametrize("address", ["nonsense", "tcp://host", "", "http://host:80"])
def test_a_wrong_address_is_told_at_once(address):
    with pytest.raises(ValueError, match="expected an address such as"), cluster.client_for(scheduler=address):
        pass


def test_a_scheduler_that_does_not_answer_is_told():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(ConnectionError, match="No Dask scheduler answers at tcp:"),
        cluster.client_for(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
