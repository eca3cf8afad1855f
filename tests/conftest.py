"""Settings of all tests."""

from hypothesis import settings

# Without deadlines, which a busy machine misses
settings.register_profile("full", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)


def pytest_configure(config):
    """Draw fewer examples in the fast tier, ``pytest -m "not slow"``."""
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "full")
