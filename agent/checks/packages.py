"""The packages that come with a change: which, in which version, and their metadata.

No tool is run: two environments are compared, and the metadata of what differs is
read. What follows from all of it is left to rules
(`agent.policy.new_dependencies`).
"""

from collections.abc import Collection

from agent.models.checks import AddedPackages, Package, PackageRun, Status
from agent.models.environment import Environment
from agent.setup import distributions
from repo_config.dependencies import Dependency

NAME = "packages"


def check_packages(
    base: Environment, head: Environment, declared: Collection[Dependency]
) -> PackageRun:
    """Say what the environment of the change has that the one of base has not."""
    old, new = base.versions, head.versions
    other = {name for name, version in new.items() if old.get(name) != version}
    after = distributions.list_installed(head.path)
    found = tuple(
        Package(
            name=name,
            version=new[name],
            is_new=name not in old,
            before=old.get(name, ""),
        )
        for name in sorted(other)
        if name not in after or not after[name].is_local
    )
    added = AddedPackages(
        packages=found,
        altered=distributions.find_altered(base.path, head.path),
        unasked=distributions.find_unasked(
            base.path,
            head.path,
            {one.name for one in declared},
            {one.source for one in declared if one.source},
        ),
    )  # fmt: skip
    new_count = sum(package.is_new for package in found)
    other_count = len(found) - new_count
    counts = [f"{new_count} new"] if new_count else []
    counts += [f"{other_count} in another version"] if other_count else []
    return PackageRun(
        name=NAME,
        status=Status.PASSED,
        counts=", ".join(counts) or "none new",
        added_packages=added,
        output="\n".join(f"{package.name} {package.version}" for package in found),
    )
