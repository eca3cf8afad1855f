"""How uncertain restored images are, and what is measured in them."""
