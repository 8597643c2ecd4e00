export protocol="tcp"
python3 -u app.py
