"""Operators on labelled data: gradient, magnitude, Laplacian, divergence, curl."""
