"""The networks in torch: layers, fusions, whole models, and loading of their weights."""
