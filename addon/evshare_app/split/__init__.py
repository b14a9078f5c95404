"""Who bears which part of what the building pays, and who gets which part of its sun. Pure: no clock, no database."""
