"""`python -m agent`: the same as the `mergewright` command."""

from agent.cli.main import main

main()
