"""What is in an algorithm's folder: layout, dataset, template."""
