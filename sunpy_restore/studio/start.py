"""Start the studio. What it needs, Panel above all, is imported then."""

import asyncio
import threading
import webbrowser

__all__ = ["Studio", "app", "serve"]


def app(*paths, port=0, height=900):
    """
    Show the studio in a notebook: open, restore, compare and make images without code.

    The studio is a page of a server on this machine, in a thread. The same page opens in a browser by its address, or
    with ``sunpy-restore app``. It needs the extra ``app``.

    Parameters
    ----------
    *paths : path-like
        Files to open, and folders whose files the page may open; by default the working directory.
    port : `int`
        Port; by default a free one.
    height : `int`
        Height in the notebook in pixels.

    Returns
    -------
    `~sunpy_restore.studio.start.Studio`
        Shown by the notebook; ``url`` is the address and ``stop()`` ends the server.

    Raises
    ------
    FileNotFoundError
        A path does not exist.
    ModuleNotFoundError
        Panel is not installed.
    """
    return Studio(paths, port=port, height=height)


class Studio:
    """
    A running server of the studio.

    Parameters
    ----------
    paths, port, height
        See `app`.

    Attributes
    ----------
    url : `str`
        Address of the page, with the random token without which the server answers nothing.
    """

    def __init__(self, paths=(), *, port=0, height=900):
        self._height, self._ready, self._error = height, threading.Event(), None
        self._loop = self._server = None
        chosen, make_server = _prepared(paths)
        self._thread = threading.Thread(target=self._run, args=(chosen, make_server, port), daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def _run(self, chosen, make_server, port):
        from tornado.ioloop import IOLoop

        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            self._server, self.url = make_server(chosen, port)
        except OSError as error:
            self._error = error
            self._ready.set()
            return
        self._loop = IOLoop.current()
        self._loop.add_callback(self._ready.set)
        self._loop.start()
        self._server.stop()
        self._loop.close()

    def stop(self):
        """End the server."""
        if self._thread.is_alive():
            self._loop.add_callback(self._loop.stop)
            self._thread.join()

    def _repr_html_(self):
        return f'<iframe src="{self.url}" style="width: 100%; height: {self._height}px; border: 0"></iframe>'


def serve(paths=(), *, port=0, browser=True, say=print):
    """
    Run the studio until it is interrupted.

    Parameters
    ----------
    paths : iterable of path-like
        See `app`.
    port : `int`
        Port; 0 for a free one.
    browser : `bool`
        Open a browser.
    say : callable
        ``say(text)`` is called with the address.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError
        See `app`.
    OSError
        The port is in use.
    """
    from tornado.ioloop import IOLoop

    chosen, make_server = _prepared(paths)
    # From Python 3.12 on, the main thread has no event loop of its own
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        server, url = make_server(chosen, port)
        say(url)
        if browser:
            webbrowser.open(url)
        try:
            IOLoop.current().start()
        finally:
            server.stop()
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _prepared(paths):
    from sunpy_restore.studio.access import Chosen

    chosen = Chosen(paths)
    from sunpy_restore.studio.server import make_server

    return chosen, make_server
