"""Deconvolution and super-resolution of HMI images: the optics, the classical methods, the verb and its training."""
