"""Formats that a body can be sent in, each in a module by its original's name."""
