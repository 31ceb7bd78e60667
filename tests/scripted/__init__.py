"""A model that says what a test has it say, over the wires of real providers.

`serving()` starts an HTTP server on loopback that speaks chat-completions, responses, Anthropic's
messages and Gemini's as streams, the first also whole; a script decides each reply by what was
sent. It can also fail in the ways in which providers do, and refuses what they refuse: then
`serving()` fails at its end. Nothing of the product is used here.
"""

from tests.scripted.script import Call, Fault, Said, Script, Seen
from tests.scripted.server import Server, serving

__all__ = ["Call", "Fault", "Said", "Script", "Seen", "Server", "serving"]
