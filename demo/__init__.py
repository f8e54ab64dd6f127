"""Does the main job work on this machine? The whole system against the simulated world, judged by its own records.

It knows the system from outside only: its commands, its HTTP and its logs.
"""
