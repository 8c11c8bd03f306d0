package access

// ReadSlowly reads a body without the short way for the common one.
var ReadSlowly = readSlowly

// Quick is the short way.
var Quick = quick

// Len returns how many pairs of a rule and a caller are kept.
func (m *Meter) Len() int { return len(m.left) }
