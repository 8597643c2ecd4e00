export protocol="http"
# MMEngine's checkpoints hold more than weights; PyTorch 2.6 and newer would refuse to load them.
export TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1
exec python3 -u app.py
