package cli

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// completeWord is the hidden command that the shells' completion calls.
const completeWord = "__complete"

// patience is how long a shell waits for completion.
const patience = 2 * time.Second

// scripts are the completions of the shells; every PROGRAM is the program's name.
func scripts() map[string]string {
	return map[string]string{
		"bash": `# bash completion of PROGRAM: source <(PROGRAM completion bash)
_PROGRAM() {
	local IFS=$'\n'
	COMPREPLY=($(PROGRAM __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _PROGRAM PROGRAM
`,
		"zsh": `#compdef PROGRAM
# zsh completion of PROGRAM: source <(PROGRAM completion zsh)
_PROGRAM() {
	local -a found
	found=("${(@f)$(PROGRAM __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _PROGRAM PROGRAM
`,
		"fish": `# fish completion of PROGRAM: PROGRAM completion fish | source
complete -c PROGRAM -f -a '(PROGRAM __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
	}
}

// completion is the command that every program has.
func (p Program) completion() Command {
	return Command{
		Name: "completion", Args: "bash|zsh|fish", Help: "print what makes a shell complete commands, flags and names", Min: 1, Max: 1,
		Complete: func(context.Context, Env, []string) []string { return []string{"bash", "zsh", "fish"} },
		Run: func(_ context.Context, c Call) error {
			script, ok := scripts()[c.Args[0]]
			if !ok {
				return fault.Errorf(fault.Invalid, "completion: %q is none of bash, zsh and fish", c.Args[0])
			}
			_, err := fmt.Fprint(c.Stdout, strings.ReplaceAll(script, "PROGRAM", p.Name))
			return err
		},
	}
}

// all are the commands, with the one that every program has.
func (p Program) all() []Command { return append(slices.Clone(p.Commands), p.completion()) }

// complete prints what the last of the words may become.
func (p Program) complete(ctx context.Context, env Env, words []string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	var found []string
	if len(words) == 1 {
		for _, c := range p.all() {
			found = append(found, c.Name)
		}
		found = append(found, "help", "version")
	} else if i := slices.IndexFunc(p.all(), func(c Command) bool { return c.Name == words[0] }); i >= 0 {
		c := p.all()[i]
		switch {
		case slices.Contains(words[1:len(words)-1], "--"):
		case strings.HasPrefix(last, "-"):
			flags := c.flags()
			flags.VisitAll(func(f *flag.Flag) { found = append(found, dashes(f.Name)+f.Name) })
			found = append(found, "--help")
		case c.Complete != nil:
			found = c.Complete(ctx, env, words[1:len(words)-1])
		}
	}
	slices.Sort(found)
	for _, f := range slices.Compact(found) {
		if strings.HasPrefix(f, last) {
			fmt.Fprintln(env.Stdout, f)
		}
	}
}

// dashes are what a flag is written with: one for a letter, two for a word.
func dashes(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}
