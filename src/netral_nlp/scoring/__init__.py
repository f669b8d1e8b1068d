"""One dump in, one labelled dump out."""
