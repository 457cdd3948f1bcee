"""Workspaces: what a statistical model is made of, as plain data.

| you have | use |
|---|---|
| a JSON file of pyhf, or of `neyman fit build` | `Workspace.load(path)`, then `.model()` |
| a background-only file and a file of signals | `PatchSet.load`, then `Workspace.load(path, patches=[signals[name]])` |
| two analyses | `combine` |
| a model that is too large, or named otherwise | `prune`, `rename`, `sorted_workspace` |
| no idea what is in the file | `inspect`, then `describe` |
| events and density ratios in place of bins | channels of `"type": "unbinned"`; `arrays.array_reference` names a file |
"""

from neyman.likelihood.workspace.description import describe
from neyman.likelihood.workspace.inspection import Inspection, inspect
from neyman.likelihood.workspace.operations import combine, prune, rename, sorted_workspace
from neyman.likelihood.workspace.patching import Patch
from neyman.likelihood.workspace.patchsets import PatchSet
from neyman.likelihood.workspace.workspace import Workspace

__all__ = [
    "Inspection",
    "Patch",
    "PatchSet",
    "Workspace",
    "combine",
    "describe",
    "inspect",
    "prune",
    "rename",
    "sorted_workspace",
]
