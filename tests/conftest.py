"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("fast", max_examples=20)


def pytest_configure(config):
    """Draw fewer examples in the fast tier, ``pytest -m "not slow"``."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("fast")
