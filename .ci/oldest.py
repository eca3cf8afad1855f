"""Print the oldest supported release of every direct dependency of the installed package, as pip's requirements."""

from importlib.metadata import requires

from packaging.requirements import Requirement

NAME = "sunpy_restore"


def extras_of(extra):
    """An extra and those that it includes."""
    found = {extra}
    for requirement in map(Requirement, requires(NAME)):
        if requirement.name == NAME and requirement.marker.evaluate({"extra": extra}):
            found |= set().union(*(extras_of(included) for included in requirement.extras))
    return found


WANTED = ["", *sorted(extras_of("all"))]

oldest = {}
for requirement in map(Requirement, requires(NAME)):
    wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in WANTED)
    if wanted and requirement.name != NAME:
        (bound,) = (specifier.version for specifier in requirement.specifier if specifier.operator == ">=")
        extras, _ = oldest.get(requirement.name, (set(), bound))
        oldest[requirement.name] = (extras | requirement.extras, bound)
for name, (extras, bound) in sorted(oldest.items()):
    print(f"{name}{'[' + ','.join(sorted(extras)) + ']' if extras else ''}=={bound}")
