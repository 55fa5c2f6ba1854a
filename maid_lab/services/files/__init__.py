"""Which files MAID Lab itself may read: roots, the protected core, and `.maidignore`."""
