package scriptlib

// Split is split, for the tests.
var Split = split
