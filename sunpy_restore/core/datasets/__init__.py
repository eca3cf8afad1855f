"""Images from which networks are trained: lists, folders, splits and samples."""
