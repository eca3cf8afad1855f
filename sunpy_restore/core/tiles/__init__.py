"""Images cut into tiles and windows, and put together again."""
