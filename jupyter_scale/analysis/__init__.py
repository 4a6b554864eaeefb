"""Pure analysis of notebook cells: from source text to facts and loops."""
