"""Deconvolution and super-resolution of SDO/HMI images: forward model, methods, public function and training."""
