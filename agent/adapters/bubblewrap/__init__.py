"""The parts of the bubblewrap room: walls, slots, cgroup, channel, and the attempts on them."""
