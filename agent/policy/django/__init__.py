"""Rules on Django code: signals, managers, SQL, fields, settings, views, queries."""
