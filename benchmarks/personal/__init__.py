"""Parts of `make bench-personal`: listeners made of data, and how well their planes are learned."""
