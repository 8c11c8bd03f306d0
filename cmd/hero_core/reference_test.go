package main

import (
	"flag"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli/clitest"
)

// update lets clitest write the reference anew.
var _ = flag.Bool("update", false, "write docs/reference/cli.md anew")

func TestReference(t *testing.T) { clitest.Reference(t, program()) }
