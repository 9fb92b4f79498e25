"""Derivatives of unlabelled arrays, in memory or chunk by chunk."""
