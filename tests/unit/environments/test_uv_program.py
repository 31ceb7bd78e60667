from __future__ import annotations

from agent.environments import uv_program


def test_the_resolvers_words_lose_colours_progress_secrets_and_length():
    output = (
        "Resolving...\n\x1b[31merror\x1b[0m: https://user:hunter2@example.org/simple failed\n"
        + "\n".join(f"line {n}" for n in range(100))
    )
    said = uv_program.extract_essential_output(output)
    assert said.startswith("error: https://example.org/simple failed")
    assert "\x1b" not in said
    assert "Resolving" not in said
    assert said.endswith("more lines")
