"""HTTP only: what the engine and the store can do, as Rancher's clients expect to find it.

A noun a file. Who is calling is settled in `auth`, what they may do in `access`, errors are made in `errors`; the
routes all nouns share are made once in `resources`, from the `Noun` each noun's file declares.
"""
