"""The emotion curve as a figure: SVG and PNG."""
