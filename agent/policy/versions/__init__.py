"""Rules on which Python and which packages changed code may need."""
