# How the platform starts the algorithm. "http" or "tcp": how it sends its requests.
export protocol="http"
exec python3 -u app.py
