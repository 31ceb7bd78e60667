"""What sandboxes of every kind share: places, users, lent folders, order, answer, attempts."""
