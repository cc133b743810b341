"""Everything that imports ray: trials and the processes that train them."""
