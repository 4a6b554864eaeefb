"""Process-wide state that a cell can read or change without naming a notebook variable."""
