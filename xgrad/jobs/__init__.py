"""The store-to-store job."""
