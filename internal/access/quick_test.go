package access_test

import (
	"bytes"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

var quickSeeds = []string{
	`{"jsonrpc":"2.0","method":"a.b","params":{"x":1,"y":[{"z":null},-1.5e+3,true,"ü"]},"id":1}`,
	` { "id" : "x" , "method" : "a" , "jsonrpc" : "2.0" } `,
	`{"jsonrpc":"2.0","method":"a","id":null}`, `{"jsonrpc":"2.0","method":"a"}`, `{"jsonrpc":"2.0","method":"a","params":[]}`,
	`{"jsonrpc":"2.0","method":"a","method":"b"}`, `{"jsonrpc":"2.0","method":"a",}`, `{,"jsonrpc":"2.0","method":"a"}`,
	`{"jsonrpc":"2.0","method":"a","params":{"x":1,"x":2}}`, `{"jsonrpc":"2.0","method":"a","params":{"x":1,}}`,
	`{"jsonrpc":"2.0","method":"a","params":[1,]}`, `{"jsonrpc":"2.0","method":"a","params":{"\u0078":1,"x":2}}`,
	`{"jsonrpc":"2.0","method":"a","id":01}`, `{"jsonrpc":"2.0","method":"a","id":{}}`, `{"jsonrpc":"2.0","method":"a"}x`,
	`{"jsonrpc":"2.0","method":"a","params":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
	`{"jsonrpc":"2.0","method":"a","params":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
	"\ufeff{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", `{}`, `{`, ``,
}

// sameCall holds that the short way finds what the long one finds, or nothing.
func sameCall(t *testing.T, body []byte) bool {
	t.Helper()
	method, id, ok := access.Quick(body)
	if !ok {
		return false
	}
	calls, batch, err := access.ReadSlowly(body)
	if err != nil || batch || len(calls) != 1 || calls[0].Method != string(method) || (id == nil) != (calls[0].ID == nil) || !bytes.Equal(id, calls[0].ID) {
		t.Fatalf("%q: %q with id %q; the long way: %v, %v", body, method, id, calls, err)
	}
	return true
}

func TestQuick(t *testing.T) {
	taken := 0
	for _, s := range quickSeeds {
		if sameCall(t, []byte(s)) {
			taken++
		}
	}
	if taken != 6 {
		t.Errorf("%d bodies went the short way, not 6", taken)
	}
}

func FuzzQuick(f *testing.F) {
	for _, s := range quickSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sameCall(t, body) })
}

func BenchmarkRead(b *testing.B) {
	body := []byte(`{"jsonrpc":"2.0","id":42,"method":"delivery.track","params":{"order":"01JBENCH0000000000000042","note":"` + strings.Repeat("x", 90) + `"}}`)
	b.Run("quick", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := access.Read(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("slowly", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := access.ReadSlowly(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
