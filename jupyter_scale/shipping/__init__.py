"""Objects ↔ bytes: what two namespaces hold in common, and what makes them equal again."""
