"""Set up repositories, by their own declarations or by found ones, without trusting them."""
