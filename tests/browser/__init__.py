"""Real JupyterLab, driven in a real Chromium: what a person at a notebook sees and can do."""
