"""The server of the studio: for this machine only, and only for those who know its random address."""

import secrets

import panel as pn
from tornado.web import ErrorHandler

from sunpy_restore.studio.access import is_own_host
from sunpy_restore.studio.page import STYLE, build_page

__all__ = ["ADDRESS", "make_server"]

ADDRESS = "127.0.0.1"
"""The server listens here only, which no other machine can reach."""

_LARGEST_MESSAGE = 600 * 2**20  # bytes, of a file that the browser sends


def make_server(chosen, port=0):
    """
    Prepare the server; its event loop has to be run.

    Parameters
    ----------
    chosen : `~sunpy_restore.studio.access.Chosen`
        Files that may be opened.
    port : `int`
        Port; 0 for a free one.

    Returns
    -------
    server : `panel.io.server.Server`
        The server, which listens.
    url : `str`
        Its address, with the token.

    Raises
    ------
    OSError
        The port is in use.
    """
    pn.extension("filedropper", raw_css=[STYLE])
    token = secrets.token_urlsafe(24)
    number = port or _free_port()
    # The prefix of all addresses, of the page as well as of its files and its connection: without it there is nothing
    try:
        server = pn.io.server.get_server(
            {"/": lambda: build_page(chosen)}, port=number, address=ADDRESS, prefix=f"/{token}",
            websocket_origin=[f"{name}:{number}" for name in (ADDRESS, "localhost")], start=False, show=False,
            title={"/": "sunpy_restore"},
            websocket_max_message_size=_LARGEST_MESSAGE, http_server_kwargs={"max_buffer_size": _LARGEST_MESSAGE},
        )  # fmt: skip
    except OSError as error:
        raise OSError(f"Port {number}: {error.strerror or error}. Choose another port, or leave it out.") from error
    _guard(server._tornado, number, token)
    server.start()
    return server, f"http://{ADDRESS}:{number}/{token}/"


def _guard(application, port, token):
    """Refuse requests without the token, and those of pages whose name was made to point here."""
    find = application.find_handler

    def find_handler(request, **options):
        origin = request.headers.get("Origin", "")
        own = is_own_host(request.headers.get("Host", ""), port)
        if not own or (origin and not is_own_host(origin.partition("://")[2], port)):
            return application.get_handler_delegate(request, ErrorHandler, {"status_code": 403})
        if not secrets.compare_digest(request.path.split("/")[1].encode(), token.encode()):
            return application.get_handler_delegate(request, ErrorHandler, {"status_code": 404})
        return find(request, **options)

    application.find_handler = find_handler


def _free_port():
    from bokeh.server.util import bind_sockets

    sockets, port = bind_sockets(ADDRESS, 0)
    for one in sockets:
        one.close()
    return port
