// Command hero_proc supervises services: it starts, watches and restarts them,
// keeps what they say, and knows how each of their layers is.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(program().Run(ctx, cli.Process()))
}

func program() cli.Program {
	return cli.Program{
		Name: "hero_proc", Version: sdk.Version, Help: "supervises services",
		Commands: []cli.Command{
			upCommand(), listCommand(), statusCommand(), healthCommand(), domainsCommand(), contextsCommand(),
			startCommand(), stopCommand(), restartCommand(), signalCommand(),
			addCommand(), setCommand(), applyCommand(), editCommand(), removeCommand(), migrateCommand(),
			logsCommand(), eventsCommand(), whyCommand(), historyCommand(), statsCommand(), topCommand(),
			doctorCommand(), installCommand(), upgradeCommand(),
			runCommand(), replCommand(), uiCommand(),
		},
	}
}
