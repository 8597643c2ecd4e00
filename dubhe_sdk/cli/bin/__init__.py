"""The script that starts `dubhe`; see `dubhe_sdk.process.command`."""
