"""The cluster's end of a session: a supervisor, and the shell process that runs the cells."""
