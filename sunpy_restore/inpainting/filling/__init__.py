"""Fills of holes: classical methods, first fills of the network, and their average."""
