"""The service: HTTP routes, command line and page over the indexed catalogue."""
