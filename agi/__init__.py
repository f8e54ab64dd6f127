"""What does the dialplan ask about incoming calls, and what do we answer? FastAGI (O15)."""
