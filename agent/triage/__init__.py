"""What the labels of tickets say."""
