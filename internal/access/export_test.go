package access

// ReadSlowly reads a body without the short way for the common one.
var ReadSlowly = readSlowly

// Quick is the short way.
var Quick = quick
