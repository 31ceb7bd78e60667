"""Two environments held against each other, as they lie in the store."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

from agent.checks import packages
from agent.models.checks import Status
from agent.models.record import replace
from agent.policy import new_dependencies
from agent.setup.distributions import find_altered
from repo_config.dependencies import Dependency
from tests.unit.checks.test_limits import ENVIRONMENT


def environment(folder, **needs):
    """An environment with metadata files: what each package needs, or the address it is from."""
    for name, need in needs.items():
        place = folder / f"lib/python3.11/site-packages/{name}-1.0.dist-info"
        place.mkdir(parents=True, exist_ok=True)
        (place / "METADATA").write_text(
            f"Name: {name}\nVersion: 1.0\nRequires-Dist: {need or name}"
        )
        if "://" in need:
            (place / "direct_url.json").write_text(f'{{"url": "{need}"}}')
    found = tuple(f"{name}==1.0" for name in needs)
    return replace(ENVIRONMENT, key=folder.name, path=str(folder), packages=found)


def looked(tmp_path, declared, **head):
    result = packages.check_packages(
        environment(tmp_path / "base", pytest=""),
        environment(tmp_path / "head", pytest="", **head),
        tuple(Dependency(name, "pyproject.toml", runtime=True) for name in declared),
    )
    assert result.status is Status.PASSED
    return result


def rules(result):
    return {
        problem.rule for problem in new_dependencies.find_package_problems(result.added_packages)
    }


def test_what_is_declared_is_told_with_what_it_needs(tmp_path):
    result = looked(tmp_path, ["httpx"], httpx="certifi>=2 ; extra == 'x'", certifi="")
    assert result.counts == "2 new"
    assert {package.name for package in result.added_packages.packages} == {"certifi", "httpx"}
    assert "package-unasked" not in rules(result)


def test_what_nothing_declares_is_for_the_reviewer_whichever_file_brought_it(tmp_path):
    result = looked(tmp_path, ["httpx"], httpx="https://evil.example/httpx.whl", fastest="")
    assert "package-unasked" in rules(result)
    named = ("fastest", "httpx from https://evil.example/httpx.whl")
    assert result.added_packages.unasked == named


def test_a_file_that_no_package_accounts_for_is_for_the_reviewer(tmp_path):
    looked(tmp_path, [])
    for side in ("base", "head"):
        place = tmp_path / side / "lib/python3.11/site-packages"
        (place / "pytest-1.0.dist-info/RECORD").write_text("pytest.py,,\n")
        (place / "pytest.py").write_text(f"side = {side!r}\n")
    (place / "sitecustomize.py").write_text("planted = True\n")
    result = looked(tmp_path, [])
    assert result.added_packages.altered == ("pytest.py", "sitecustomize.py")
    assert rules(result) == {"environment-altered"}


def test_of_a_file_that_two_packages_have_either_content_may_be_installed(tmp_path):
    contents = {"tox-uv": b"of = 'tox-uv'\n", "tox-uv-bare": b"of = 'tox-uv-bare'\n"}
    for side, last in (("base", "tox-uv"), ("head", "tox-uv-bare")):
        path = environment(tmp_path / side, **dict.fromkeys(contents, "")).path
        place = Path(path, "lib/python3.11/site-packages")
        for package, content in contents.items():
            digest = urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
            record = place / f"{package}-1.0.dist-info/RECORD"
            record.write_text(f"shared.py,sha256={digest},{len(content)}\n")
        (place / "shared.py").write_bytes(contents[last])
    assert find_altered(str(tmp_path / "base"), path) == ()
    (place / "shared.py").write_text("of = 'neither'\n")
    assert find_altered(str(tmp_path / "base"), path) == ("shared.py",)
