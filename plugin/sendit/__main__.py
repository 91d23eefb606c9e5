"""`python -m sendit` is the worker. The plugin starts it; people use the command `sendit`.

The name matters: multiprocessing does not run a module called __main__ again in the processes of its pools.
"""

from sendit.worker import main

if __name__ == "__main__":
    main()
