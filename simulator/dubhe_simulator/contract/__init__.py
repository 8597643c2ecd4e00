"""The platform's side of the contract: messages, payloads, predictions, model files, topics."""
