"""Parse private values that are files of their own, clean them entry by entry, and write them again in the same form.

They are Siemens' CSA headers, the protocol in these headers and in attributes of XA, and GE's protocol data block. An
entry stays only if a table in tables/private/blocks/ lists it, and only with a value of the kind that the table gives;
a value that cannot be parsed completely is removed. The output contains nothing else of the original: no padding, no
unused memory, no file name within a gzip stream.
"""
