"""Images, differences and curves as a page shows them."""
