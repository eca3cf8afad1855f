"""Print the oldest supported release of every direct dependency of the installed package, as pip's requirements."""

from importlib.metadata import requires

from packaging.requirements import Requirement

# constraints.txt says which PyTorch: its oldest supported release comes with several GB of CUDA on Linux.
LEFT_OUT = {"torch"}

for requirement in map(Requirement, requires("sunpy_restore")):
    wanted = requirement.marker is None or requirement.marker.evaluate({"extra": "train"})
    if wanted and requirement.name not in LEFT_OUT:
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        (bound,) = (specifier.version for specifier in requirement.specifier if specifier.operator == ">=")
        print(f"{requirement.name}{extras}=={bound}")
