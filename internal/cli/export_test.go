package cli

// On returns a Paint that colours, whatever its text is for.
func On() Paint { return Paint{on: true} }
