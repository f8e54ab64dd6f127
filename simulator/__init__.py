"""What does the world outside look like? A mobile network, an SMSC and a package system.

For demo, tests and benchmarks. Imports nothing of the system under test; what reached each part stands in
that part's own record (README.md).
"""
