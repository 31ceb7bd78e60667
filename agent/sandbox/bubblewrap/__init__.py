"""The parts of the bubblewrap room: walls, cgroup, and what makes and takes it down."""
