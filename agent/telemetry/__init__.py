"""What runs leave behind: log, events, metrics and figures."""
