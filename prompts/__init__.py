"""What does a caller hear? Written Vietnamese -> spoken -> telephone sound, all made before any call."""
