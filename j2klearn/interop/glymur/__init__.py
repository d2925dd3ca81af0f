"""glymur's interface over our reader and writer."""
