package engine

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

const (
	sailVersion = "0.7.2"
	sailMB      = 63 // its wheel
)

// sail is the embedded engine: one wheel without dependencies, no JVM.
type sail struct{ cfg Config }

func (*sail) label() string  { return "Sail " + sailVersion }
func (*sail) folder() string { return "sail-" + sailVersion }
func (*sail) target() string { return "sail" }

func (*sail) fetch(ctx context.Context, dir string, in *installer) error {
	venv, tmp := filepath.Join(dir, "venv"), filepath.Join(dir, "tmp")
	if err := in.makeVenv(ctx, venv); err != nil {
		return err
	}
	// A wheel or nothing: building it would take a Rust toolchain and an hour.
	if err := in.pip(ctx, venv, tmp, download{"pysail " + sailVersion, sailMB},
		"install", "--only-binary", ":all:", "--no-cache-dir", "pysail=="+sailVersion); err != nil {
		return err
	}
	return os.RemoveAll(tmp)
}

func (*sail) finish(context.Context, string, *installer) error { return nil }

func (*sail) check() error { return nil }

func (s *sail) command(dir string, run *rundir.Dir, port int) (process.Config, error) {
	checkpoints := run.Join("checkpoints")
	for _, dir := range []string{checkpoints, run.Join("warehouse")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return process.Config{}, err
		}
	}
	// A virtual environment's scripts name the path they were installed at; its
	// interpreter finds the packages wherever the folder was moved.
	return process.Config{
		Path: venvPython(filepath.Join(dir, "venv")),
		Args: []string{"-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", strconv.Itoa(port)},
		Env:  childEnv(s.environment(checkpoints), "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV"),
	}, nil
}

// environment holds Sail's options, which are variables.
func (s *sail) environment(checkpoints string) map[string]string {
	env := map[string]string{
		"SAIL_EXECUTION__CHECKPOINT__PATH": "file://" + checkpoints,
		// The host pings, but a suspended machine or a long pause must not
		// cost it the session and every cached frame: a year.
		"SAIL_SPARK__SESSION_TIMEOUT_SECS": "31536000",
		// The line that names the port, and what goes wrong.
		"RUST_LOG": "warn,sail_cli=info",
	}
	if s.cfg.MemoryMiB > 0 {
		env["SAIL_RUNTIME__MEMORY_POOL__TYPE"] = "greedy"
		env["SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE"] = strconv.Itoa(s.cfg.MemoryMiB << 20)
	}
	for name, value := range s.cfg.Conf {
		if option, ok := strings.CutPrefix(name, "sail."); ok {
			env["SAIL_"+strings.ToUpper(strings.ReplaceAll(option, ".", "__"))] = value
		}
	}
	return env
}

// sessionConf has the warehouse, without which Sail would put tables into the
// folder that the host was started in.
func (s *sail) sessionConf(run *rundir.Dir) map[string]string {
	conf := map[string]string{}
	if run != nil {
		conf["spark.sql.warehouse.dir"] = s.cfg.warehouse(run.Join(""))
	}
	for name, value := range s.cfg.Conf {
		if strings.HasPrefix(name, "spark.") {
			conf[name] = value
		}
	}
	return conf
}

var sailListens = regexp.MustCompile(`Starting the Spark Connect server on \S*:(\d+)\.\.\.`)

func (*sail) port(line string) (int, bool) { return portIn(sailListens, line) }

func (*sail) failed(line string) bool {
	// "[2026-11-23T21:05:07Z ERROR sail_session::…] text", or Rust's own words.
	head, _, _ := strings.Cut(line, "]")
	return strings.Contains(head, " ERROR ") || strings.Contains(line, "panicked at")
}

// portIn returns the port that the expression's first group finds in line.
func portIn(re *regexp.Regexp, line string) (int, bool) {
	m := re.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	port, err := strconv.Atoi(m[1])
	return port, err == nil
}

// childEnv is this process's environment with some variables set and others left
// out.
func childEnv(set map[string]string, drop ...string) []string {
	var env []string
next:
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if _, ok := set[name]; ok {
			continue
		}
		for _, d := range drop {
			if name == d {
				continue next
			}
		}
		env = append(env, kv)
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}
