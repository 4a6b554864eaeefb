"""Provider ``aws``: nodes are EC2 instances, which end themselves."""
