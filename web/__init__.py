"""What do others reach over HTTP? Top-ups in, health and metrics out; the console comes here later."""
