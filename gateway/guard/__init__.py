"""What stands between a request and the graph: what a document may be, how much a client may ask, how much all may."""
