"""The rules that a change must pass, in modules by subject; most read it before it runs."""
