"""Objects ↔ bytes: what two namespaces hold in common, and what has to travel to make them equal."""
