package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// elsewhere has the flags of Celery's worker that this one has not, by their long
// and short names, with what is in their place.
var elsewhere = func() map[string]string {
	const (
		slots     = "tasks are instances of WASM modules within one process; --concurrency says how many run at once, memory_mib what one may take"
		modules   = "tasks come from the modules in the folder of --plugins"
		supervise = "let systemd (examples/systemd) or another supervisor run the worker"
	)
	return map[string]string{
		"app": modules, "A": modules, "include": modules, "I": modules,
		"pool": slots, "P": slots, "pool-start-method": slots, "max-tasks-per-child": slots, "max-memory-per-child": slots,
		"optimization": "a message goes to whichever slot is free, which is Celery's fair", "O": "a message goes to whichever slot is free, which is Celery's fair",
		"disable-prefetch": "--prefetch-multiplier 1 is the least",
		"detach":           supervise, "D": supervise, "uid": supervise, "gid": supervise, "umask": supervise, "executable": supervise,
		"discard":   "--purge is its other name",
		"scheduler": "the beat's is the only one",
	}
}()

// withCelerysFlags has a command say what is in place of a flag of Celery's that
// it has not.
func withCelerysFlags(cmd *cobra.Command) *cobra.Command {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
			if words := elsewhere[unknown.GetSpecifiedName()]; words != "" {
				return fmt.Errorf("%w: %s", err, words)
			}
		}
		return err
	})
	return cmd
}
