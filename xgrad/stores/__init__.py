"""Stores: where data are read from and where results are written."""
