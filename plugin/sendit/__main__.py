"""`python -m sendit` is the worker. The plugin starts it; people use the command `sendit`.

The name matters: multiprocessing does not run a module called __main__ again in the processes of its pools.
"""

import gc

gc.disable()  # collecting garbage between imports would cost a tenth of them, and finds none
from sendit.worker import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
