"""How do messages reach an SMSC and come back? SMPP 3.4; everything but gateway.py is the protocol alone."""
