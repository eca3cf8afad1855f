"""What the page may open."""

import sys

import pytest

from sunpy_restore.cli.main import main
from sunpy_restore.studio.access import Chosen, is_own_host


def test_files_in_chosen_folders_are_found(folder):
    chosen = Chosen([folder])
    assert chosen.resolve("quiet.fits") == chosen.resolve(folder / "quiet.fits") == folder / "quiet.fits"
    assert list(chosen.listing()) == ["broken.fits", "quiet.fits"]


@pytest.mark.parametrize("name", ["../secret.fits", "/etc/passwd", "sub/../../secret.fits", "~/.ssh/id_rsa"])
def test_nothing_outside_is_opened(folder, name):
    with pytest.raises(PermissionError, match="outside of what was chosen"):
        Chosen([folder]).resolve(name)


def test_links_that_lead_outside_are_refused_and_not_listed(folder):
    (folder / "link.fits").symlink_to(folder.parent / "secret.fits")
    chosen = Chosen([folder])
    with pytest.raises(PermissionError):
        chosen.resolve("link.fits")
    assert "link.fits" not in chosen.listing()


def test_a_chosen_file_does_not_open_its_folder(folder):
    chosen = Chosen([folder / "quiet.fits"])
    assert chosen.resolve("quiet.fits") == folder / "quiet.fits"
    with pytest.raises(PermissionError):
        chosen.resolve("broken.fits")


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "missing.fits", "."])
def test_names_of_nothing(folder, name):
    with pytest.raises(FileNotFoundError):
        Chosen([folder]).resolve(name)


def test_new_files_replace_none_and_stay_inside(folder):
    chosen = Chosen([folder])
    assert chosen.new("out.fits") == folder / "out.fits"
    with pytest.raises(FileExistsError):
        chosen.new("quiet.fits")
    with pytest.raises(PermissionError):
        chosen.new("../out.fits")


def test_the_working_directory_is_the_default(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert Chosen().roots == (folder,)
    with pytest.raises(FileNotFoundError):
        Chosen(["missing"])


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:5006", True),
        ("LOCALHOST:5006", True),
        ("127.0.0.1", False),
        ("127.0.0.1:5007", False),
        ("attacker.example:5006", False),
        ("127.0.0.1.attacker.example:5006", False),
        ("", False),
    ],
)
def test_hosts(host, own):
    assert is_own_host(host, 5006) is own


def test_a_missing_panel_is_an_error_with_a_remedy(folder, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "sunpy_restore.studio.server", raising=False)
    monkeypatch.setitem(sys.modules, "panel", None)
    assert main(["app", "--no-browser", str(folder)]) == 1
    assert 'pip install "sunpy_restore[app]"' in capsys.readouterr().err
