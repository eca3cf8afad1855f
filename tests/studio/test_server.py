"""Who may talk to the server: requests without the token, of other hosts and of other origins are refused."""

import http.client
from urllib.parse import urlsplit

import pytest

pytest.importorskip("panel", reason="the extra app is not installed")

from sunpy_restore.cli.main import main
from sunpy_restore.studio.start import Studio

# Panel's own; a session runs in this process
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    studio = Studio([tmp_path_factory.mktemp("chosen")])
    yield studio
    studio.stop()


def status(studio, path=None, **headers):
    """Status and body of a request."""
    address = urlsplit(studio.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("GET", address.path if path is None else path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def test_the_address_has_a_long_token_on_this_machine(studio):
    address = urlsplit(studio.url)
    assert address.hostname == "127.0.0.1"
    assert len(address.path.strip("/")) >= 32
    code, body = status(studio)
    assert code == 200
    assert "sunpy_restore" in body
    assert studio.url in studio._repr_html_()


@pytest.mark.parametrize("path", ["/", "/wrong/", "/static/js/bokeh.min.js", "/ws", "/favicon.ico"])
def test_nothing_is_served_without_the_token(studio, path):
    assert status(studio, path)[0] == 404


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:80", "127.0.0.1", ""])
def test_other_hosts_are_refused(studio, host):
    assert status(studio, Host=host)[0] in (400, 403)


def test_other_origins_are_refused(studio):
    assert status(studio, Origin="http://attacker.example")[0] == 403
    assert status(studio, Origin="null")[0] == 403
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "x"}
    assert status(studio, urlsplit(studio.url).path + "ws", Origin="http://attacker.example", **upgrade)[0] == 403


def test_two_studios_do_not_share_a_token(studio, tmp_path):
    other = Studio([tmp_path])
    try:
        assert urlsplit(other.url).path != urlsplit(studio.url).path
        assert status(other, urlsplit(studio.url).path)[0] == 404
    finally:
        other.stop()


# Tornado leaves the socket open that it could not bind
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_port_in_use_and_a_missing_file_are_errors_in_one_line(studio, capsys, tmp_path):
    port = str(urlsplit(studio.url).port)
    assert main(["app", "--no-browser", "--port", port, str(tmp_path)]) == 1
    assert main(["app", "--no-browser", str(tmp_path / "missing.fits")]) == 1
    lines = capsys.readouterr().err.strip().split("\n")
    assert "in use" in lines[0]
    assert port in lines[0]
    assert "missing.fits: no such file" in lines[-1]
