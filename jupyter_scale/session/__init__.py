"""The notebook's side: keeps two namespaces coherent, cell by cell."""
