"""Wires of other services, for programs that speak them; off unless a setting names them."""
