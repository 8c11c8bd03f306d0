package supervisor

// EnvFile is envFile, for the tests.
func EnvFile(path string) ([]string, error) { return envFile(path) }
