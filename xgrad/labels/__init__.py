"""What the labels of an xarray object mean."""
