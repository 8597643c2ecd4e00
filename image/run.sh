#!/bin/bash
# For algorithms that bring no run.sh of their own.
if [ ! -f app.py ]; then
    echo "dubhe-base: there is no app.py in $PWD. Copy your algorithm there (COPY . /app) or mount it." >&2
    exit 2
fi
export protocol="${protocol:-tcp}"
exec python3 -u app.py
