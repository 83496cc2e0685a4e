package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
)

// A remote is a command that workers answer, with the names of the arguments
// that its words are.
type remote struct {
	name, short string
	args        []string // in order; the last of a variadic one takes the rest
	variadic    bool
	required    int
	timeout     time.Duration // zero is a second
}

// inspects and controls are Celery's commands, with its words for them.
var inspects = []remote{
	{name: "active", short: "tasks that run"},
	{name: "active_queues", short: "queues that are consumed"},
	{name: "clock", short: "the logical clock"},
	{name: "conf", short: "settings (with_defaults=true for all)", args: []string{"with_defaults"}},
	{name: "memdump", short: "samples of memory use", args: []string{"samples"}},
	{name: "memsample", short: "memory use now"},
	{name: "objgraph", short: "graph of Python's objects", args: []string{"type", "num", "max_depth"}, timeout: time.Minute},
	{name: "ping", short: "which workers answer"},
	{name: "query_task", short: "tasks by id", args: []string{"ids"}, variadic: true, required: 1},
	{name: "registered", short: "tasks that are served", args: []string{"taskinfoitems"}, variadic: true},
	{name: "report", short: "what a bug report needs"},
	{name: "reserved", short: "tasks that wait for a slot"},
	{name: "revoked", short: "ids of revoked tasks"},
	{name: "scheduled", short: "tasks that wait for their time"},
	{name: "stats", short: "counts and sizes"},
}

var controls = []remote{
	{name: "add_consumer", short: "consume one queue more", args: []string{"queue", "exchange", "exchange_type", "routing_key"}, required: 1},
	{name: "autoscale", short: "bounds of the pool", args: []string{"max", "min"}, required: 1},
	{name: "cancel_consumer", short: "stop consuming a queue", args: []string{"queue"}, required: 1},
	{name: "disable_events", short: "stop sending events of tasks"},
	{name: "enable_events", short: "send events of tasks"},
	{name: "election", short: "hold an election", args: []string{"id", "topic", "action"}, required: 2},
	{name: "heartbeat", short: "send a heartbeat now"},
	{name: "pool_grow", short: "run more tasks at once", args: []string{"n"}},
	{name: "pool_restart", short: "restart Python's pool"},
	{name: "pool_shrink", short: "run fewer tasks at once", args: []string{"n"}},
	{name: "rate_limit", short: "how often a task may begin: TASK 10/m", args: []string{"task_name", "rate_limit"}, required: 2},
	{name: "revoke", short: "keep tasks from running", args: []string{"task_id"}, variadic: true, required: 1},
	{name: "revoke_by_stamped_headers", short: "keep tasks with stamps from running: NAME=VALUE…", args: []string{"headers"}, variadic: true, required: 1},
	{name: "shutdown", short: "stop warmly"},
	{name: "terminate", short: "end running tasks: SIGNAL ID…", args: []string{"signal", "task_id"}, variadic: true, required: 2},
	{name: "time_limit", short: "time limits of a task: TASK SOFT [HARD]", args: []string{"task_name", "soft", "hard"}, required: 2},
}

// remoteFlags are those of every remote command.
type remoteFlags struct {
	destination      string
	pattern, matcher string
	timeout          time.Duration
	limit            int
}

func inspectCommand(s *settings) *cobra.Command {
	return remoteCommand(s, "inspect", "Ask workers, Python's too, what they do", inspects)
}

func controlCommand(s *settings) *cobra.Command {
	return remoteCommand(s, "control", "Change what workers, Python's too, do", controls)
}

func statusCommand(s *settings) *cobra.Command {
	f := &remoteFlags{}
	cmd := &cobra.Command{
		Use: "status", Short: "List the workers that answer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			replies, err := f.send(cmd.Context(), s, remote{name: "ping"}, nil)
			if err != nil {
				return err
			}
			if err := printReplies(cmd.OutOrStdout(), replies, s.json); err != nil {
				return err
			}
			if !s.json {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%d node(s) online.\n", len(replies))
			}
			return err
		},
	}
	f.register(cmd)
	return cmd
}

func remoteCommand(s *settings, use, short string, list []remote) *cobra.Command {
	f := &remoteFlags{}
	cmd := &cobra.Command{
		Use: use + " COMMAND [ARG… NAME=VALUE…]", Short: short,
		Long: short + ` over the broker (--broker), as celery ` + use + ` does.

Words are the command's arguments in their order; NAME=VALUE gives one by name,
with a value in JSON or as text.`,
	}
	f.register(cmd)
	for _, r := range list {
		words := make([]string, len(r.args))
		for i, a := range r.args {
			words[i] = strings.ToUpper(a)
			if i >= r.required {
				words[i] = "[" + words[i] + "]"
			}
		}
		if r.variadic {
			words[len(words)-1] += "…"
		}
		cmd.AddCommand(&cobra.Command{
			Use: strings.TrimSpace(r.name + " " + strings.Join(words, " ")), Short: r.short, Args: cobra.MinimumNArgs(r.required),
			RunE: func(cmd *cobra.Command, args []string) error {
				arguments, err := r.arguments(args)
				if err != nil {
					return err
				}
				replies, err := f.send(cmd.Context(), s, r, arguments)
				if err != nil {
					return err
				}
				if len(replies) == 0 && r.name != "shutdown" && r.name != "election" {
					return fmt.Errorf("no worker replied within %v (--timeout)", f.wait(r))
				}
				return printReplies(cmd.OutOrStdout(), replies, s.json)
			},
		})
	}
	return cmd
}

func (f *remoteFlags) register(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&f.destination, "destination", "d", "", "node names, separated by commas; all if empty")
	flags.StringVar(&f.pattern, "pattern", "", "pattern of node names, by --matcher")
	flags.StringVar(&f.matcher, "matcher", "glob", "how --pattern is read: glob or pcre")
	flags.VarP((*secondsValue)(&f.timeout), "timeout", "t", "how long to wait for replies: seconds, or 500ms and the like (default 1)")
	flags.IntVar(&f.limit, "limit", 0, "after how many replies to stop waiting")
}

func (f *remoteFlags) wait(r remote) time.Duration {
	switch {
	case f.timeout > 0:
		return f.timeout
	case r.timeout > 0:
		return r.timeout
	}
	return time.Second
}

func (f *remoteFlags) send(ctx context.Context, s *settings, r remote, arguments celery.Object) ([]celery.Reply, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	b := control.Broadcast{Method: r.name, Arguments: arguments, Timeout: f.wait(r), Limit: f.limit}
	if f.destination != "" {
		b.Destination = strings.Split(f.destination, ",")
	}
	if f.pattern != "" {
		b.Pattern, b.Matcher = f.pattern, f.matcher
	}
	replies, err := host.Broadcast(ctx, cfg, b)
	slices.SortFunc(replies, func(a, b celery.Reply) int { return strings.Compare(a.Node, b.Node) })
	return replies, err
}

// arguments are a command's words by their names.
func (r remote) arguments(words []string) (celery.Object, error) {
	var out celery.Object
	at := 0
	var rest []json.RawMessage
	for _, w := range words {
		name, value, named := strings.Cut(w, "=")
		if named && !(r.name == "revoke_by_stamped_headers") {
			out = append(out, celery.Member{Key: name, Value: jsonOrText(value)})
			continue
		}
		switch {
		case r.variadic && at >= len(r.args)-1:
			rest = append(rest, celery.Quote(w))
		case at >= len(r.args):
			return nil, fmt.Errorf("%s takes %d arguments: %s", r.name, len(r.args), strings.Join(r.args, ", "))
		default:
			out = append(out, celery.Member{Key: r.args[at], Value: jsonOrText(w)})
			at++
		}
	}
	if rest != nil {
		out = append(out, celery.Member{Key: r.args[len(r.args)-1], Value: celery.AppendArray(nil, rest)})
	}
	return out, nil
}

// jsonOrText is a word as the JSON that it is, or as text.
func jsonOrText(word string) json.RawMessage {
	if celery.Valid([]byte(word)) == nil {
		return json.RawMessage(word)
	}
	return celery.Quote(word)
}

func printReplies(w io.Writer, replies []celery.Reply, asJSON bool) error {
	var all celery.Object
	for _, r := range replies {
		all = append(all, celery.Member{Key: r.Node, Value: r.Value})
	}
	if asJSON {
		_, err := fmt.Fprintf(w, "%s\n", all.Append(nil))
		return err
	}
	for _, m := range all {
		if err := printReply(w, m); err != nil {
			return err
		}
	}
	return nil
}

func printReply(w io.Writer, m celery.Member) error {
	value, err := celery.Members(m.Value)
	if err == nil && len(value) == 1 && (value[0].Key == "ok" || value[0].Key == "error") {
		if text, ok := celery.Text(value[0].Value); ok {
			word := strings.ToUpper(value[0].Key)
			_, err := fmt.Fprintf(w, "->  %s: %s\n        %s\n", m.Key, word, strings.TrimSpace(text))
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "->  %s: OK\n", m.Key); err != nil {
		return err
	}
	list, err := celery.Elements(m.Value)
	if err != nil {
		_, err := fmt.Fprintf(w, "    %s\n", indented(m.Value))
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "    - empty -")
		return err
	}
	for _, v := range list {
		text, ok := celery.Text(v)
		if !ok {
			text = indented(v)
		}
		if _, err := fmt.Fprintf(w, "    * %s\n", text); err != nil {
			return err
		}
	}
	return nil
}

// indented is JSON for people; what only Python's JSON has stays as it is.
func indented(raw json.RawMessage) string {
	data, err := json.MarshalIndent(raw, "    ", "  ")
	if err != nil {
		return string(raw)
	}
	return string(data)
}
