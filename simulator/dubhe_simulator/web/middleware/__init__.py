"""What happens to each request before its route: access guard and language."""
