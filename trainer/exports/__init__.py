"""A trained translation as a file that runs without Diptych: ONNX, torch.export, a folder for the Hub."""
