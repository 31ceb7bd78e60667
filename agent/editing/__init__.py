"""How a model changes files: what it is shown and asked, its tools, and the gate before them."""
