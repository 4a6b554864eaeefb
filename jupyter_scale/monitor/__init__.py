"""What goes on in a cluster: samples of its workers, facts of its runs."""
