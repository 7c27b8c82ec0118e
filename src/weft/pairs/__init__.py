"""What training and evaluation ask of a product: queries, and how relevant any other product is to them."""
