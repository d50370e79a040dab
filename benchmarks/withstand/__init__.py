"""Attacks on a service of this machine, and what its other clients notice of them."""
