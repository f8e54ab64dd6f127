"""Does smpp/ speak SMPP 3.4 as the specification, two judges and a misbehaving peer want it?"""
