"""How fast is it, and against what? One file a subject; each measures ours beside its limit or a peer in the same run."""
