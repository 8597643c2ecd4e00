"""What a report of each batch takes of a training, inside the training frameworks."""
