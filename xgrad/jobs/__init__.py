"""Jobs from store to store, region by region, which survive being killed."""
