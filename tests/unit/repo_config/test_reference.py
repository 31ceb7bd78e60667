"""The reference and the schema say what is accepted, because they come from it."""

from __future__ import annotations

from repo_config import reference


def rows() -> dict[str, list[str]]:
    lines = reference.render_markdown().splitlines()
    assert lines[0] == "| key | type | default | meaning |"
    cells = [line.strip("| ").split(" | ") for line in lines[2:]]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_key_has_a_row_with_type_default_and_meaning():
    table = rows()
    known = {
        ".".join((*path, name))
        for path, section in reference.sections()
        for name, field in section.model_fields.items()
        if not reference.is_section(field.annotation)
    }
    assert set(table) == known
    assert all(len(row) == 3 and all(row) for row in table.values())
