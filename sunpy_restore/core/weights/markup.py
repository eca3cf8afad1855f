"""The two markup languages of model cards: reStructuredText for the documentation, Markdown for model hubs."""

__all__ = ["MARKDOWN", "RESTRUCTUREDTEXT", "Markdown", "RestructuredText"]


def _one_line(value):
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())


class RestructuredText:
    """Writes the parts of a document as reStructuredText."""

    special = r"\*`_|"
    """Characters with a meaning in plain text."""

    def escape(self, value):
        """A value as text that reads as it is written."""
        return "".join(f"\\{character}" if character in self.special else character for character in _one_line(value))

    def heading(self, text, level=0):
        """A heading; level 0 is the title."""
        text = self.escape(text)
        return f"{text}\n{'=-^'[level] * len(text)}\n"

    def table(self, rows, header=None):
        """A table of rows of cells, which are markup already."""
        lines = [".. list-table::", f"    :header-rows: {int(header is not None)}", ""]
        for row in [header, *rows] if header else rows:
            lines += [f"    {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
        return "\n".join(lines) + "\n"

    def code(self, text):
        """Text of code."""
        return f"``{text}``"

    def link(self, text, url):
        """A link."""
        return f"`{text} <{url}>`__"

    def function(self, name):
        """The name of a function of the package; in the documentation it is a link."""
        return f"`sunpy_restore.{name}`"

    def target(self, name):
        """The place that links of the documentation point to."""
        return f".. _{name}:\n"


class Markdown(RestructuredText):
    """Writes the same parts as Markdown with the tables of GitHub and Hugging Face."""

    special = r"\*`_|<>[]#~"

    def heading(self, text, level=0):
        return f"{'#' * (level + 1)} {self.escape(text)}\n"

    def table(self, rows, header=None):
        rows = [list(row) for row in rows]
        width = max((len(row) for row in [header or [], *rows]), default=0)
        lines = [header or [" "] * width, ["---"] * width, *rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"

    def code(self, text):
        return f"`{text}`"

    def link(self, text, url):
        return f"[{text}]({url})"

    def target(self, name):
        return ""


RESTRUCTUREDTEXT, MARKDOWN = RestructuredText(), Markdown()
