package unit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

func TestEnvFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	for text, want := range map[string]string{
		"A=b\n# no\n\nexport C=\"d e\"\nF='g'\nH=": "[A=b C=d e F=g H=]",
		"A=b\nC=\x00":  "env:2: no NAME=value",
		"A=b\nnothing": "env:2: no NAME=value",
		"=x":           "env:1: no NAME=value",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := unit.ReadEnvFile(path)
		if s := fmt.Sprint(got, err); !strings.Contains(s, want) {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
	if got, err := unit.ReadEnvFile("-" + path + "x"); got != nil || err != nil {
		t.Errorf("one that may be missing: %v, %v", got, err)
	}
	if _, err := unit.ReadEnvFile(path + "x"); fault.Of(err) != fault.NotFound {
		t.Errorf("one that may not: %v", err)
	}
}

// FuzzEnvFile holds that what is accepted can stand in an environment.
func FuzzEnvFile(f *testing.F) {
	f.Add([]byte("A=b\n#\nexport C='d'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		vars, err := unit.ReadEnvFile(path)
		if err != nil {
			return
		}
		for _, v := range vars {
			if name, _, ok := strings.Cut(v, "="); !ok || name == "" || strings.ContainsAny(v, "\n\x00") {
				t.Fatalf("%q", v)
			}
		}
	})
}
