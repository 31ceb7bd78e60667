"""What the labels, paths and titles of tickets say, each pure and of one subject."""
