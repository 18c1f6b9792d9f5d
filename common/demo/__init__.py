"""The page in the browser: a tab for each exported model, built by the applications' modules `demo`."""
