"""Find out which inventories of other projects can be read, so that builds without a network have no warnings."""

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

__all__ = ["reachable"]

_TIMEOUT = 5  # seconds


def _answers(url):
    """Whether the inventory of a project can be read."""
    try:
        with urlopen(Request(f"{url}objects.inv", method="HEAD"), timeout=_TIMEOUT):
            return True
    except (OSError, ValueError):
        return False


def reachable(projects, wish=None):
    """
    The mapping for intersphinx.

    Parameters
    ----------
    projects : mapping
        Name to address of the documentation of each project.
    wish : `str`
        ``"1"``: all projects, as on Read the Docs; ``"0"``: none; else those that answer within five seconds.

    Returns
    -------
    `dict`
        ``intersphinx_mapping``.
    """
    if wish == "0":
        return {}
    if wish != "1" and os.environ.get("READTHEDOCS") != "True":
        with ThreadPoolExecutor(len(projects)) as pool:
            answers = pool.map(_answers, projects.values())
            projects = {name: url for (name, url), answer in zip(projects.items(), answers, strict=True) if answer}
    return {name: (url, None) for name, url in projects.items()}
