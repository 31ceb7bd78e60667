"""The parts of the bubblewrap sandbox: walls, cgroup, and what makes and takes it down."""
