"""What surrounds missing pixels: the background of the corona, its noise, and stars and planets."""
