"""Back-projections of STIX and other Fourier imagers of X-rays, and how to remove the dirty beam from them."""
