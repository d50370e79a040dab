"""What needs a container engine: `make test-image`, never part of `make test`."""
