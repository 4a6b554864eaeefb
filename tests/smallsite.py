"""A folder of packages with few of those of this interpreter: what jupyter-scale itself needs."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from jupyter_scale.environment.prepare import OF_A_NODE

#: What the laptop's side needs besides.
_OF_THE_LAPTOP = ("paramiko", "tornado", "ipywidgets")


def make_small_site(folder):
    """Link the packages into a folder; return it."""
    folder.mkdir(parents=True)
    wanted, seen = [*OF_A_NODE.packages, *_OF_THE_LAPTOP], set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform
        requirements = map(Requirement, package.requires or ())
        wanted += [
            r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})
        ]
        for top in {Path(file).parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            link = folder / top
            if not link.is_symlink():
                link.symlink_to(package.locate_file(top))
    return folder
