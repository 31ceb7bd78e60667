"""Import a tree whose root has an `__init__.py` as the package that its repository is.

In the sandbox the tree lies in a folder of another name. What pytest imports by that name, since it
derives names from paths, is the same module: nothing is imported twice.
"""

import importlib
import importlib.util
import os
import sys


class RootFinder:
    """Finds the package by its name, and by that of its folder."""

    def __init__(self, name, tree):
        self._name, self._tree, self._folder = name, tree, os.path.basename(tree)
        self._specs = {}

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self._name:
            place = os.path.join(self._tree, "__init__.py")
            places = [self._tree]
            find = importlib.util.spec_from_file_location
            return find(fullname, place, submodule_search_locations=places)
        if fullname.partition(".")[0] != self._folder:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def create_module(self, spec):
        module = importlib.import_module(self._name + spec.name[len(self._folder) :])
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has put the spec of the second name there.
        module.__spec__ = self._specs.pop(module.__spec__.name)


def install(name, tree):
    sys.meta_path.insert(0, RootFinder(name, tree))
