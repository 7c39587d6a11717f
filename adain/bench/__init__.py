"""How fast a model is on this machine, and how near that is to what the machine can do.

    cases -> runner -> (one process per case: worker) -> store -> table, plot

`benchmarks/SPEED.md` of this package's repository says what each number means. Nothing here imports torch or
onnxruntime before a case runs, and only the process of that case does.
"""
