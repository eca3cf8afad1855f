import re
import tomllib
from pathlib import Path

from setuptools import setup

FOLDER = Path(__file__).parent


def readme():
    """README.md with absolute links, because the package index shows it without the repository."""
    repository = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^\]]*\]\()(?!https?:|#)", rf"\1{repository}/raw/main/", text)
    return re.sub(r"(?<!!)(\[[^\]]*\]\()(?!https?:|#)", rf"\1{repository}/blob/main/", text)


setup(long_description=readme(), long_description_content_type="text/markdown")
