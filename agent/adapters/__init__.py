"""One module per outside system; the only places that know its library."""
