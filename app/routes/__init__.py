"""HTTP routes: parse, call, shape."""
