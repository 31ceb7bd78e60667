"""How files of a work tree are read and changed."""
