"""The parts of the docker room: the engine, what a room shows, and what makes and takes it down."""
