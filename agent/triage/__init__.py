"""Who can carry a ticket out: rules over its words, each pure and of one subject."""
