export protocol="http"
# The networks are small: a second thread costs more than it gives.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec python3 -u app.py
