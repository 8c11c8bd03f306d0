// Command rhai runs four programs in Rhai and in other languages that are
// interpreted in Go, and prints how long each takes, and how long a script of a
// hundred lines takes to start.
//
//	go run ./rhai [-rounds 5]
//
// All engines run in one process, one after the other, in each round; what
// counts is the median of the rounds. Programs are compiled before the clock
// starts, and each engine's answer is compared with the others'.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// engine is a language: compile makes of a program a function that runs it and
// returns its result.
type engine struct {
	name    string
	compile func(source string) (func() (int64, error), error)
	sources map[string]string // by the program's name
}

var programs = []string{"fibonacci(27)", "prime sieve", "string loop", "map loop"}

func main() {
	rounds := flag.Int("rounds", 5, "how many times each program runs")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	engines := []engine{rhaiEngine(), gojaEngine(), tengoEngine(), starlarkEngine(), luaEngine()}
	took := make(map[string][]time.Duration)
	key := func(e engine, program string) string { return e.name + " " + program }
	results := make(map[string]int64)
	for range rounds {
		for _, p := range programs {
			for _, e := range engines {
				f, err := e.compile(e.sources[p])
				if err != nil {
					return fmt.Errorf("%s, %s: %w", e.name, p, err)
				}
				runtime.GC()
				since := time.Now()
				got, err := f()
				took[key(e, p)] = append(took[key(e, p)], time.Since(since))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", e.name, p, err)
				}
				if want, ok := results[p]; ok && got != want {
					return fmt.Errorf("%s, %s: %d, where others say %d", e.name, p, got, want)
				}
				results[p] = got
			}
		}
	}
	fmt.Printf("| language | %s |\n|---|%s\n", strings.Join(programs, " | "), strings.Repeat("--:|", len(programs)))
	for _, e := range engines {
		fmt.Printf("| %s |", e.name)
		for _, p := range programs {
			fmt.Printf(" %s |", ms(median(took[key(e, p)])))
		}
		fmt.Println()
	}
	fmt.Print("| median of the others |")
	for _, p := range programs {
		var others []time.Duration
		for _, e := range engines[1:] {
			others = append(others, median(took[key(e, p)]))
		}
		slices.Sort(others)
		fmt.Printf(" %s |", ms((others[1]+others[2])/2))
	}
	start, err := startTime(rounds)
	if err != nil {
		return err
	}
	fmt.Printf("\n\nA script of 100 lines, from its text to its end: %s.\n", ms(start))
	return nil
}

func median(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
