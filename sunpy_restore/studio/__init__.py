"""The studio: restore, compare and make solar images in a browser or a notebook; needs the extra ``app``."""
