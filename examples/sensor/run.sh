export protocol="http"
python3 -u app.py
