"""What brings events by itself: one file for each kind of source. `ari_app/intake.py` runs them."""
