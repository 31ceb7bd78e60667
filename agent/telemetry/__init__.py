"""What runs leave behind: log, ledger, metrics and figures."""
