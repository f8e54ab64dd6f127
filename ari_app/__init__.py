"""The outbound program: contacts become calls, through one ARI connection per Asterisk node."""
