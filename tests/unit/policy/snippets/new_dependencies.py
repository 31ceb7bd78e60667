"""Packages that a change declares, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

Content = str | bytes | None


def _pyproject(*needs: str) -> str:
    listed = "".join(f'  "{one}",\n' for one in needs)
    return f'[project]\nname = "app"\ndependencies = [\n{listed}]\n'


def _asked(
    after: tuple[str, ...],
    line: int | None = None,
    base: tuple[str, ...] = ("httpx",),
    scope: str = "ask",
) -> Snippet:
    files: dict[str, Content] = {"pyproject.toml": _pyproject(*after)}
    return Snippet(
        files,
        base={"pyproject.toml": _pyproject(*base)},
        line=line,
        config={"scope": {"new_dependencies": scope}},
    )


def _files(
    after: dict[str, Content], base: dict[str, str | bytes], line: int | None = None
) -> Snippet:
    return Snippet(after, base=base, line=line)


CASES = {
    "new-dependency": Cases(
        fails={
            "in pyproject": _asked(("httpx", "tablib"), 5),
            "in a requirements file": _files(
                {"requirements.txt": "httpx\ntablib\n"}, {"requirements.txt": "httpx\n"}, 2
            ),
        },
        passes={
            "written otherwise": _asked(("Typing_Extensions",), base=("typing-extensions",)),
            "allowed": _asked(("httpx", "tablib"), scope="allow"),
        },
    ),
    "forbidden-dependency": Cases(
        fails={"in pyproject": _asked(("httpx", "tablib"), 5, scope="forbid")},
        passes={
            "allowed": _asked(("httpx", "tablib"), scope="allow"),
            "newer": _asked(("httpx>=0.28",), scope="forbid"),
        },
    ),
    "dependency-source": Cases(
        fails={
            "in a requirements file": _files(
                {"requirements.txt": "git+https://example.org/tablib.git@main#egg=tablib\n"},
                {"requirements.txt": ""},
                1,
            ),
            "of another index": _files(
                {"requirements.txt": "-i https://a.example/simple\n"}, {"requirements.txt": ""}
            ),
            "of another index in a lock": _files(
                {"uv.lock": 'source = { registry = "https://a.example/simple" }\n'},
                {"uv.lock": 'source = { registry = "https://pypi.org/simple" }\n'},
            ),
            "that came from the index": _asked(
                ("httpx @ git+https://example.org/httpx",), 4, scope="allow"
            ),
        },
        passes={
            "an index that was named before": _files(
                {".npmrc": "registry=https://a.example\n"},
                {".npmrc": "@own:registry=https://a.example/npm\n"},
            ),
            "from the index": _asked(("httpx", "tablib>=3")),
            "the project itself": _files({"requirements.txt": "-e .\n"}, {"requirements.txt": ""}),
        },
    ),
}
