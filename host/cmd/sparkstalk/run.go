package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// arguments are a task's, as given on the command line.
type arguments struct{ args, kwargs string }

func (a *arguments) flags(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w (an argument that begins with - goes behind --)", err)
	})
	cmd.Flags().StringVarP(&a.args, "args", "a", "", "positional arguments as a JSON `array`, before those on the line")
	cmd.Flags().StringVarP(&a.kwargs, "kwargs", "k", "", "keyword arguments as a JSON `object`")
}

var keyword = regexp.MustCompile(`^([\pL_][\pL\pN_]*)=`)

// parse merges the flags with the words of the command line: a word NAME=VALUE
// is a keyword argument, and a value is JSON where it parses as that, else text.
func (a *arguments) parse(words []string) (args []json.RawMessage, kwargs map[string]json.RawMessage, err error) {
	args, kwargs = []json.RawMessage{}, map[string]json.RawMessage{}
	if a.args != "" {
		if err := json.Unmarshal([]byte(a.args), &args); err != nil || args == nil {
			return nil, nil, fmt.Errorf("--args is not a JSON array: %s", a.args)
		}
	}
	if a.kwargs != "" {
		if err := json.Unmarshal([]byte(a.kwargs), &kwargs); err != nil || kwargs == nil {
			return nil, nil, fmt.Errorf("--kwargs is not a JSON object: %s", a.kwargs)
		}
	}
	for _, word := range words {
		if m := keyword.FindStringSubmatch(word); m != nil {
			kwargs[m[1]] = value(word[len(m[0]):])
			continue
		}
		args = append(args, value(word))
	}
	return args, kwargs, nil
}

func value(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil { // a string always marshals
		panic(err)
	}
	return quoted
}

// caller calls a task and waits for what it comes to.
type caller func(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (json.RawMessage, error)

// taskCommand completes a command whose words are a task and its arguments.
func taskCommand(cmd *cobra.Command, s *settings, call caller) *cobra.Command {
	var a arguments
	a.flags(cmd)
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		args, kwargs, err := a.parse(words[1:])
		if err != nil {
			return err
		}
		s.quiet = true // one call's result, not a worker's log
		cfg, err := s.config()
		if err != nil {
			return err
		}
		first, _, stop := stopSignals(cmd.Context())
		defer stop()
		result, err := call(first, cfg, words[0], args, kwargs)
		return report(cmd, s.json, result, err)
	}
	return cmd
}

func runCommand(s *settings) *cobra.Command {
	return taskCommand(&cobra.Command{
		Use:   "run TASK [ARG… NAME=ARG…]",
		Short: "Run one task in this process, without a broker",
		Example: `  sparkstalk run demo.simple_sum 100000
  sparkstalk run demo.WordCount /usr/share/common-licenses first_letter=a`,
	}, s, func(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (json.RawMessage, error) {
		line := newStateLine(os.Stderr)
		defer line.clear()
		return runOnce(ctx, cfg, name, args, kwargs, line.show)
	})
}

// openLimit is how long one call waits for its engine to come up.
const openLimit = 2 * time.Minute

// runOnce opens a runtime for one call. state is told the task's states.
func runOnce(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage, state func(string, json.RawMessage)) (_ json.RawMessage, err error) {
	opening, cancel := context.WithTimeoutCause(ctx, openLimit, fmt.Errorf("gave up after %v", openLimit))
	defer cancel()
	r, err := host.OpenRuntime(opening, cfg)
	if err != nil {
		return nil, err
	}
	runCtx, stopRun := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(runCtx) }()
	defer func() {
		stopRun()
		err = errors.Join(err, <-ended, r.Close())
	}()
	return r.CallTelling(ctx, name, args, kwargs, state)
}

// report prints a result, or a task's exception as its client would see it.
func report(cmd *cobra.Command, asJSON bool, result json.RawMessage, err error) error {
	if e, ok := errors.AsType[*celery.Exception](err); ok { // the same, by way of the broker
		err = &abi.Error{Type: e.Type, Module: e.Module, Args: e.Args, Traceback: e.Traceback}
	}
	exc, raised := errors.AsType[*abi.Error](err)
	switch {
	case asJSON && err != nil:
		if !raised {
			exc = abi.Errorf("sparkstalk.HostError", "%s", err)
		}
		return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"error": exc}), exitCode(1))
	case raised && exc.Traceback != "":
		if _, err := io.WriteString(cmd.ErrOrStderr(), exc.Traceback+"\n"); err != nil {
			return err
		}
		return exc
	case raised:
		return exc
	case err != nil:
		return err
	case asJSON:
		// By hand: a result may hold NaN, which encoding/json refuses to pass on.
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "{\"result\":%s}\n", result)
	default:
		_, err = fmt.Fprintln(cmd.OutOrStdout(), string(result))
	}
	return err
}
