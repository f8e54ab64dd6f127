"""What does our Asterisk read? Templates, filled from config.yaml by runtime/asterisk_files.py; see README.md."""
