"""List the packages that a change adds, with their versions and metadata.

No tool runs: two environments are compared, and the metadata of packages that differ is read. What
the differences mean for the change is decided by rules (`agent.policy.new_dependencies`).
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
    """Compare the environment of the change with base's.

    Args:
        declared: Packages that the change declares.
    """
    old, new = base.versions, head.versions
    changed = {name for name, version in new.items() if old.get(name) != version}
    installed = distributions.list_installed(head.path)
    packages = tuple(
        Package(
            name=name,
            version=new[name],
            is_new=name not in old,
            before=old.get(name, ""),
        )
        for name in sorted(changed)
        if name not in installed or not installed[name].is_local
    )
    added = AddedPackages(
        packages=packages,
        altered=distributions.find_altered(base.path, head.path),
        unasked=distributions.find_unasked(
            base.path,
            head.path,
            {need.name for need in declared},
            {need.source for need in declared if need.source},
        ),
    )
    new_count = sum(package.is_new for package in packages)
    changed_count = len(packages) - new_count
    counts = [f"{new_count} new"] if new_count else []
    counts += [f"{changed_count} in another version"] if changed_count else []
    return PackageRun(
        name=NAME,
        status=Status.PASSED,
        counts=", ".join(counts) or "none new",
        added_packages=added,
        output="\n".join(f"{package.name} {package.version}" for package in packages),
    )
