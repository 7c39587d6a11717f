"""Measures how fast a model is on this machine, and how close that is to the machine's limit.

    cases -> runner -> (one process per case: worker) -> store -> table, plot

`benchmarks/SPEED.md` in this package's repository defines each number. Only the process of a case imports torch or
onnxruntime.
"""
