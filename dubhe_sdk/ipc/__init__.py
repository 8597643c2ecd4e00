"""How processes of one instance talk to each other and recognise each other."""
