"""Hours of load with faults: does everything that must hold still hold, by the records of the world outside?"""
