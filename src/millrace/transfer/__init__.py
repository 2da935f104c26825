"""Moving in and out: from other trackers' databases, folders and servers, to archives and back.

A `Source` gives records in a neutral form, whatever they are kept in; `carry` puts them into a
store, again and again without harm; `verify` compares any two sources.
"""
