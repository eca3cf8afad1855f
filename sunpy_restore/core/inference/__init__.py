"""Networks that are applied to images of any size, and the engines that compute them."""
