"""Loops over one block of memory."""
