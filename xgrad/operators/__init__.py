"""The labelled operations: gradient, magnitude, Laplacian, divergence, curl."""
