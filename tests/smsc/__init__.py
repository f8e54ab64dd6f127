"""The gateway against SMSCs that misbehave, over the wire."""
