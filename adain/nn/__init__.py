"""The networks in torch: one description of the layers, the fusions, the models and their backend.

Nothing outside this package and `adain.training` imports torch.
"""
