export protocol="http"
exec python3 -u app.py
