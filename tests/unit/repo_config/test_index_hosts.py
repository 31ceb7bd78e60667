"""Which hosts of package indexes files name, and what a repository has that no checkout holds."""

import pytest

from repo_config.absent_files import list_absent
from repo_config.index_hosts import list_index_hosts
from repo_config.project_files import ProjectFiles

POETRY_LOCK = """
[[package]]
name = "a"
[package.source]
type = "legacy"
url = "https://a.example/simple"

[[package]]
name = "b"
[package.source]
type = "git"
url = "https://git.example/b.git"
"""
UV_LOCK = """
[[package]]
name = "torch"
source = { registry = "https://a.example/whl/cpu" }
wheels = [{ url = "https://b.example/torch.whl", hash = "sha256:0" }]

[[package]]
name = "six"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://files.pythonhosted.org/six.whl" }]

[[package]]
name = "c"
source = { git = "https://git.example/c?rev=1#1" }
"""
NPM = '{"resolved": "https://a.example/x.tgz", "funding": {"url": "https://ads.example/x"}}'


@pytest.mark.parametrize(
    ("path", "text", "hosts"),
    [
        ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://A.example:8443/x"', "a.example:8443"),
        ("pyproject.toml", '[tool.uv]\nextra-index-url = ["https://u:p@a.example/"]', "a.example"),
        ("pyproject.toml", '[tool.uv.sources]\nx = { url = "https://a.example/x.whl" }', ""),
        ("pyproject.toml", '[[tool.poetry.source]]\nurl = "https://a.example/"', "a.example"),
        ("pyproject.toml", '[[tool.pdm.source]]\nurl = "https://a.example/"', "a.example"),
        ("pyproject.toml", '[project.urls]\nindex = "https://a.example/"', ""),
        ("pyproject.toml", "[tool.uv\n", ""),
        ("uv.toml", '[[index]]\nurl = "https://a.example/"', "a.example"),
        ("Pipfile", '[[source]]\nurl = "https://a.example/"', "a.example"),
        ("requirements.txt", "-i https://a.example/x\n--find-links=https://b.example\nx", "a b"),
        ("requirements/dev.in", "x @ https://a.example/x.whl\n# https://b.example", ""),
        (".npmrc", "@own:registry=https://a.example/npm/\nloglevel=info", "a.example"),
        ("uv.lock", UV_LOCK, "a b"),
        ("poetry.lock", POETRY_LOCK, "a.example"),
        ("Pipfile.lock", '{"sources": [{"url": "https://a.example/simple"}]}', "a.example"),
        ("package-lock.json", NPM, "a.example"),
        ("yarn.lock", '  resolved "https://a.example/x.tgz#1"', "a.example"),
        ("requirements.txt", "-i http://a.example/\n-i https://[::1]/\n-i https://a:x/\n", ""),
        ("docs/requirements.txt", "-i https://a.example/\n", ""),
    ],
)
def test_hosts_of_indexes_are_found_where_tools_are_told_of_them(tree, path, text, hosts):
    wanted = [host if "." in host else f"{host}.example" for host in hosts.split()]
    assert list_index_hosts(tree({path: text})) == dict.fromkeys(wanted, path)
    if path != "docs/requirements.txt":
        named = list_index_hosts(tree({f"api/{path}": text}), "api")
        assert named == dict.fromkeys(wanted, f"api/{path}")


def test_submodules_and_pointers_of_git_lfs_are_named(tree):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2\n"
    files = tree({
        ".gitmodules": '[submodule "data"]\n\tpath = vendor/data\n\turl = ../data\n',
        ".gitattributes": "*.py text\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
        "tests/a.bin": pointer, "tests/b.bin": pointer, "tests/real.bin": "x", "c.txt": pointer,
    })  # fmt: skip
    assert list_absent(ProjectFiles(files), files) == (
        "submodule vendor/data",
        "2 Git LFS files, such as tests/a.bin",
    )
    assert list_absent(ProjectFiles(tree({})), tree({})) == ()
