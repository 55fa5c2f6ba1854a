"""Bundled targets on loopback, each a process of its own, with switches for trouble. Production code knows only `demo.launch`."""
