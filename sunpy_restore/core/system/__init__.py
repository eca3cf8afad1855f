"""What all of the package needs of the machine: files, memory, threads and workers."""
