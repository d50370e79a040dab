"""What goes over the wire: request and response bodies."""
