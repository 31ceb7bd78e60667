from __future__ import annotations

from agent.environments import uv_program

ONLY_SOURCE = """\x1b[1m\x1b[31merror\x1b[0m: No solution found when resolving dependencies
  cause: Because all versions of docopt have no usable wheels and you require docopt, we can
conclude that your requirements are unsatisfiable.

hint: Wheels are required for `Doc_Opt` because building from source is disabled for all packages
(i.e., with `--no-build`)
"""


def test_of_the_resolvers_words_the_cause_is_said_in_one_line():
    assert uv_program.find_cause(uv_program.extract_essential_output(ONLY_SOURCE)) == (
        "Because all versions of docopt have no usable wheels and you require docopt, we can"
        " conclude that your requirements are unsatisfiable."
    )
    assert uv_program.find_cause("The build failed: no cc\nIts backend says:\nx.") == (
        "The build failed: no cc"
    )


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
