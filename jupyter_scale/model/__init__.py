"""What things are: profiles, cluster state, messages, runs. Data only."""
