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
	"github.com/sparkstalk/sparkstalk/host/term"
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
type caller func(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (answer, error)

// An answer is what a call has come to, and how long the task took.
type answer struct {
	host.Outcome
	took time.Duration
}

// taskCommand completes a command whose words are a task and its arguments.
func taskCommand(cmd *cobra.Command, s *settings, call caller) *cobra.Command {
	var a arguments
	var rows int
	a.flags(cmd)
	cmd.Flags().IntVar(&rows, "rows", defaultRows, "how many rows of a table to show (`number`); 0 is all")
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
		first, stop := untilTold(cmd.Context())
		defer stop()
		result, err := call(first, cfg, words[0], args, kwargs)
		if s.json {
			return reportJSON(cmd.OutOrStdout(), result, err)
		}
		return report(cmd, result, term.Table{Rows: rows, Width: widest}, err)
	}
	return cmd
}

// Of tables that are shown.
const (
	defaultRows = 20
	widest      = 80 // characters of a value
)

func runCommand(s *settings) *cobra.Command {
	return taskCommand(&cobra.Command{
		Use:   "run TASK [ARG… NAME=ARG…]",
		Short: "Run one task in this process, without a broker",
		Long: `run starts the engine and the modules, calls one task, and shows its result: the
rows of a DataFrame as a table, all else as JSON. On a terminal it shows how far
Spark and the task are. The exit status is 1 if the task failed; its exception is
shown with the places in the module's source that it came by.`,
		Example: `  sparkstalk run demo.simple_sum 100000
  sparkstalk run demo.WordCount /usr/share/common-licenses first_letter=a
  sparkstalk run demo.WordCount /usr/share/common-licenses a --json | jq .result`,
	}, s, func(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (answer, error) {
		line := term.NewStateLine(os.Stderr)
		defer line.Clear()
		return runOnce(ctx, cfg, name, args, kwargs, line.Show)
	})
}

// openLimit is how long one call waits for its engine to come up.
const openLimit = 2 * time.Minute

// runOnce opens a runtime for one call. state is told the task's states.
func runOnce(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage, state func(string, json.RawMessage)) (_ answer, err error) {
	opening, cancel := context.WithTimeoutCause(ctx, openLimit, fmt.Errorf("gave up after %v", openLimit))
	defer cancel()
	state("starting the engine", nil)
	r, err := host.OpenRuntime(opening, cfg)
	if err != nil {
		return answer{}, err
	}
	runCtx, stopRun := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(runCtx) }()
	defer func() {
		stopRun()
		err = errors.Join(err, <-ended, r.Close())
	}()
	state("running", nil)
	began := time.Now()
	outcome, err := r.CallTelling(ctx, name, args, kwargs, state)
	return answer{outcome, time.Since(began)}, err
}

// raised returns the exception that a task ended with, nil if err is another.
func raised(err error) *abi.Error {
	if e, ok := errors.AsType[*celery.Exception](err); ok { // by way of the broker
		return &abi.Error{Type: e.Type, Module: e.Module, Args: e.Args, Traceback: e.Traceback}
	}
	e, _ := errors.AsType[*abi.Error](err)
	return e
}

// reportJSON writes what programs read: {"result": …} or {"error": …}.
func reportJSON(w io.Writer, a answer, err error) error {
	if err != nil {
		e := raised(err)
		if e == nil {
			e = abi.Errorf("sparkstalk.HostError", "%s", err)
		}
		return errors.Join(json.NewEncoder(w).Encode(map[string]any{"error": e}), exitCode(1))
	}
	columns := ""
	if a.Columns != nil {
		data, err := json.Marshal(a.Columns)
		if err != nil {
			return err
		}
		columns = fmt.Sprintf(`,"columns":%s`, data)
	}
	// By hand: a result may hold NaN, which encoding/json refuses to pass on.
	_, err = fmt.Fprintf(w, "{\"result\":%s%s,\"seconds\":%.3f}\n", a.Value, columns, a.took.Seconds())
	return err
}

// report writes a result for people, or a task's exception with the source that
// it came by, if that is below the working folder.
func report(cmd *cobra.Command, a answer, table term.Table, err error) error {
	if e := raised(err); e != nil {
		_, err := io.WriteString(cmd.ErrOrStderr(), term.Failure(e, term.Sources{Dir: "."}, term.StyleFor(cmd.ErrOrStderr())))
		return errors.Join(err, exitCode(1))
	}
	if err != nil {
		return err
	}
	if a.Columns != nil {
		err = table.Write(cmd.OutOrStdout(), a.Columns, a.Value)
	} else {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), string(a.Value))
	}
	if err == nil && a.took > 0 && term.IsTerminal(cmd.ErrOrStderr()) {
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), term.StyleFor(cmd.ErrOrStderr()).Dim("took "+term.Took(a.took)))
	}
	return err
}
