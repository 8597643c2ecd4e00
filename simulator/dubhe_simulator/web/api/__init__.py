"""The routes of the page's API."""
