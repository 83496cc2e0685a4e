package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"

	"github.com/sparkstalk/sparkstalk/host"
)

// settings collects a [host.Config] from flags, the environment and a file, in
// that order of precedence.
type settings struct {
	flags   *pflag.FlagSet // the persistent ones
	file    string
	logfile string // empty for standard error
	json    bool
	quiet   bool // without a word on it, only warnings are logged
}

// setting is one way to give a Config field: its name in sparkstalk.yaml, which
// in upper case behind SPARKSTALK_ is its environment variable, the usual
// variables of Celery and Spark, and its flag.
type setting struct {
	name, flag, short, env, usage string
}

// settingsTable lists the settings that have a flag or a variable of another
// program's; every other field of host.Config has its yaml name and its
// SPARKSTALK_ variable all the same.
var settingsTable = []setting{
	{"broker", "broker", "b", "CELERY_BROKER_URL", "broker `URL`, default " + host.DefaultBroker},
	{"result_backend", "result-backend", "", "CELERY_RESULT_BACKEND", "result backend `URL`: rpc://, redis://… or disabled://"},
	{"plugins", "plugins", "", "", "watched `folder` of task modules, default " + host.DefaultPlugins},
	{"spark", "spark", "", "SPARK_REMOTE", "`engine`: sail (default), local[N], local[*] or sc://host:port"},
	{"spark_conf", "conf", "", "", "setting of the engine (`NAME=VALUE`), repeated for more"},
	{"spark_memory", "spark-memory", "", "", "memory of a local engine (`size`), such as 2g"},
	{"spark_jars", "jars", "", "", "`jars` for a local Spark, with commas: files, folders or patterns"},
	{"spark_tls_ca", "spark-tls-ca", "", "", "`file` of the authorities to trust for sc://"},
	{"spark_token", "", "", "SPARK_CONNECT_AUTHENTICATE_TOKEN", ""},
	{"home", "home", "", "", "`folder` of installed engines and compiled modules"},
	{"queues", "queues", "Q", "", "`queues` to consume, with commas; NAME or NAME:EXCHANGE:KEY"},
	{"purge", "purge", "", "", "drop the tasks that wait in the queues when the worker starts"},
	{"exclude_queues", "exclude-queues", "X", "", "`queues` not to consume, with commas, of those that would be"},
	{"consumer_priority", "consumer-priority", "", "CONSUMER_PRIORITY", "consumer's x-priority (`number`)"},
	{"concurrency", "concurrency", "c", "", "how many tasks run at once (`number`), default one for each CPU, as with auto"},
	{"prefetch_multiplier", "prefetch-multiplier", "", "", "messages taken in advance for each slot (`number`), default 1; 0 is no limit"},
	{"hostname", "hostname", "n", "", "node `name`; %h full host name, %n its first part, %d the rest, %i process id"},
	{"task_acks_late", "acks-late", "", "", "acknowledge after a task has ended, unless it says otherwise"},
	{"task_track_started", "track-started", "", "", "store the state STARTED"},
	{"task_time_limit", "time-limit", "", "", "`seconds` after which a task is interrupted"},
	{"task_soft_time_limit", "soft-time-limit", "", "", "`seconds` after which a task is told to end"},
	{"autoscale", "autoscale", "", "", "bounds of the pool (`MAX,MIN`, or MAX from none), which then grows and shrinks by what waits"},
	{"statedb", "statedb", "S", "", "`file` that keeps revoked tasks over a restart"},
	{"task_events", "task-events", "E", "", "send task events"},
	{"worker_gossip", "without-gossip", "", "", "do not listen to the events of other workers"},
	{"worker_mingle", "without-mingle", "", "", "do not ask other workers at the start what is revoked"},
	{"worker_heartbeat", "without-heartbeat", "", "", "do not tell others that this worker lives"},
	{"worker_heartbeat_interval", "heartbeat-interval", "", "", "`seconds` between two heartbeats, default 2"},
	{"beat", "beat", "B", "", "send scheduled tasks as well; of several hosts, one does"},
	{"beat_schedule_filename", "schedule", "s", "", "`file` of the last runs of scheduled tasks"},
	{"beat_max_loop_interval", "max-interval", "", "", "longest sleep of the beat in `seconds`, default 300"},
	{"timezone", "timezone", "", "", "IANA `zone` of crontabs, default UTC"},
	{"grace", "grace", "", "", "`seconds` that running tasks may go on at a warm stop, default without end"},
	{"loglevel", "loglevel", "l", "", "`level` of the log: debug, info (a worker's default), warning or error"},
	{"allow_all", "allow-all", "", "", "let modules read, write, run and send whatever they ask for, as in development"},
	{"allow", "allow", "", "", "let modules do this (`RIGHT[=PATTERN]`), repeated for more: http=api.example.com, env=TOKEN, sql"},
	{"memory_mib", "memory-mib", "", "", "most `MiB` of memory of one module instance, default 512"},
}

// without begins the flags that turn a setting off.
const without = "without-"

func newSettings(flags *pflag.FlagSet) *settings {
	s := &settings{flags: flags}
	fields := configFields(&host.Config{})
	for _, row := range settingsTable {
		switch kind := fields[row.name].Kind(); {
		case row.flag == "": // a secret is not for the command line
		case kind == reflect.Bool || strings.HasPrefix(row.flag, without):
			flags.BoolP(row.flag, row.short, false, row.usage)
		case kind == reflect.Map || row.name == "allow":
			flags.StringArrayP(row.flag, row.short, nil, row.usage)
		default:
			flags.StringP(row.flag, row.short, "", row.usage)
		}
	}
	flags.StringVar(&s.file, "config", "", "settings `file`, default sparkstalk.yaml if there is one")
	flags.BoolVar(&s.json, "json", false, "write JSON, for programs")
	return s
}

// config merges the sources. Its error names every bad value and where it came
// from.
func (s *settings) config() (host.Config, error) {
	var cfg host.Config
	fields := configFields(&cfg)
	bad := s.readFile(&cfg)

	alias := map[string]setting{}
	for _, row := range settingsTable {
		alias[row.name] = row
	}
	for name, field := range fields {
		row := alias[name]
		for _, env := range []string{row.env, "SPARKSTALK_" + strings.ToUpper(name)} {
			if v, ok := os.LookupEnv(env); ok && env != "" && v != "" {
				if err := set(field, forAuto(name, v)); err != nil {
					bad = append(bad, fmt.Errorf("environment %s: %w", env, err))
				}
			}
		}
		if f := s.flags.Lookup(row.flag); row.flag != "" && f.Changed {
			text := f.Value.String()
			if many, ok := f.Value.(pflag.SliceValue); ok {
				between := "\n"
				if field.Kind() == reflect.Slice {
					between = ","
				}
				text = strings.Join(many.GetSlice(), between)
			}
			if strings.HasPrefix(row.flag, without) {
				text = map[string]string{"true": "false", "false": "true"}[text]
			}
			if err := set(field, forAuto(name, text)); err != nil {
				bad = append(bad, fmt.Errorf("flag --%s: %w", row.flag, err))
			}
		}
	}
	if cfg.LogLevel == "" && s.quiet {
		cfg.LogLevel = "warning"
	}
	log, err := s.logger(cfg.LogLevel, cfg.Hostname)
	cfg.Log = log
	cfg.Compiler = compiler
	return cfg, errors.Join(append(bad, err)...)
}

// forAuto is a setting's text with Celery's "auto" for the concurrency, which is
// the default here: one for each CPU that the process may use, rounded up.
func forAuto(name, text string) string {
	if text == "auto" && (name == "concurrency" || name == "worker_concurrency") {
		return "0"
	}
	return text
}

func (s *settings) readFile(cfg *host.Config) []error {
	name := s.file
	if name == "" {
		name = "sparkstalk.yaml"
	}
	data, err := os.ReadFile(name)
	if s.file == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []error{fmt.Errorf("settings: %w", err)}
	}
	if err := unmarshal(data, cfg); err != nil {
		return []error{fmt.Errorf("settings %s: %s", name, yaml.FormatError(err, false, true))}
	}
	return nil
}

// unmarshal reads YAML into v, whose fields are known by their json tags.
func unmarshal(data []byte, v any) (err error) {
	defer func() {
		// The library trips over a tag without a name, among others.
		if p := recover(); p != nil {
			err = fmt.Errorf("this YAML cannot be read as a %s: %v", reflect.TypeOf(v).Elem(), p)
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return err
	}
	for _, doc := range file.Docs {
		// The library would follow one for ever.
		if name := ownAlias(doc.Body, nil); name != "" {
			return fmt.Errorf("the alias *%s stands within what it means", name)
		}
	}
	return yaml.UnmarshalWithOptions(data, v, yaml.Strict(), yaml.UseJSONUnmarshaler())
}

// ownAlias finds an alias within the value of its own anchor, and returns its
// name or "". within are the anchors that node is part of.
func ownAlias(node ast.Node, within []string) string {
	visit := &aliasVisitor{within: within}
	if node != nil {
		ast.Walk(visit, node)
	}
	return visit.found
}

type aliasVisitor struct {
	within []string
	found  string
}

// Visit implements [ast.Visitor].
func (v *aliasVisitor) Visit(node ast.Node) ast.Visitor {
	switch n := node.(type) {
	case *ast.AnchorNode:
		if found := ownAlias(n.Value, append(slices.Clip(v.within), n.Name.String())); found != "" {
			v.found = found
		}
		return nil
	case *ast.AliasNode:
		if name := n.Value.String(); slices.Contains(v.within, name) {
			v.found = name
		}
		return nil
	}
	return v
}

// configFields maps yaml names to the settable fields of cfg.
func configFields(cfg *host.Config) map[string]reflect.Value {
	v := reflect.ValueOf(cfg).Elem()
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("json"); name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// set parses text into a field by the field's type.
func set(field reflect.Value, text string) error {
	if field.Kind() == reflect.Pointer {
		p := reflect.New(field.Type().Elem())
		if err := set(p.Elem(), text); err != nil {
			return err
		}
		field.Set(p)
		return nil
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		field.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, field.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		field.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		field.SetFloat(f)
	case reflect.Slice:
		if field.Type().Elem().Kind() != reflect.String {
			return unmarshal([]byte(text), field.Addr().Interface())
		}
		field.Set(reflect.ValueOf(strings.Split(text, ",")))
	case reflect.Map:
		if m, ok := field.Addr().Interface().(*map[string]string); ok && !strings.HasPrefix(text, "{") {
			return setPairs(m, text)
		}
		return unmarshal([]byte(text), field.Addr().Interface())
	case reflect.Struct:
		return unmarshal([]byte(text), field.Addr().Interface())
	default:
		return fmt.Errorf("a %s cannot be given as text", field.Kind())
	}
	return nil
}

// setPairs adds lines NAME=VALUE to what is there.
func setPairs(m *map[string]string, lines string) error {
	if *m == nil {
		*m = map[string]string{}
	}
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return fmt.Errorf("%q is not NAME=VALUE", line)
		}
		(*m)[name] = value
	}
	return nil
}

// logger writes to standard error, or to the file of --logfile, whose name may
// have parts of the node's.
func (s *settings) logger(name, node string) (*slog.Logger, error) {
	var level slog.Level
	switch strings.ToLower(name) {
	case "debug":
		level = slog.LevelDebug
	case "", "info":
		level = slog.LevelInfo
	case "warn", "warning":
		level = slog.LevelWarn
	case "error", "critical", "fatal":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("loglevel %q is not debug, info, warning or error", name)
	}
	var out io.Writer = os.Stderr
	if s.logfile != "" {
		file, err := openLogFile(s.logfile, node)
		if err != nil {
			return nil, fmt.Errorf("flag --logfile: %w", err)
		}
		out = file
	}
	options := &slog.HandlerOptions{Level: level}
	if s.json {
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return slog.New(slog.NewTextHandler(out, options)), nil
}
