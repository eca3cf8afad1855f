"""How a back-projection was made, found in its header and its pixels."""
