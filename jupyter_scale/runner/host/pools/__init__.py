"""Ready-made parallelism in a cell finds the cluster: joblib, process pools, Dask collections."""
