package engine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// A SparkProgram is one of Spark's programs beside the local engine: the master
// or a worker of a standalone cluster, or the Connect server of one. It runs on
// the jars that `engine install local` keeps, which have all that it takes.
type SparkProgram struct {
	// Main is the class, such as org.apache.spark.deploy.master.Master.
	Main string

	// Dir is the folder of another Spark than the installed one; its jars are in
	// the folder jars there.
	Dir string

	// Args are its arguments.
	Args []string

	// Conf are settings, beside and before those that a local engine has.
	Conf map[string]string

	// MemoryMiB is the limit of its heap. Zero means 512.
	MemoryMiB int

	// Port is where a Connect server listens; zero lets it choose.
	Port int

	// Line gets what the program prints, as in [process.Config].
	Line func(line string)
}

// Start starts the program in the folder run, which is its own. What is not
// installed is a *NotInstalledError.
func (p SparkProgram) Start(run *rundir.Dir) (*process.Process, error) {
	cfg, err := Config{Spec: "local[2]", Quick: true, MemoryMiB: max(p.MemoryMiB, 512)}.withDefaults()
	if err != nil {
		return nil, err
	}
	local, _, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s, ok := local.(*spark)
	if !ok {
		return nil, fmt.Errorf("start %s: %s is no Spark", p.Main, local.label())
	}
	dir := p.Dir
	if dir == "" {
		dir = installDir(cfg.Home, s)
	}
	if p.Dir == "" && !installed(dir) {
		return nil, &NotInstalledError{Engine: s.label(), Target: s.target(), Dir: dir}
	}
	command, err := s.command(dir, run, p.Port)
	if err != nil {
		return nil, err
	}
	if err := p.arguments(s, dir, run); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Main, err)
	}
	// A worker starts its executors with the jars that it finds there. It looks
	// for the version in a folder that only Spark's own distribution has.
	command.Env = append(command.Env, "SPARK_HOME="+dir, "SPARK_SCALA_VERSION=2.13")
	command.Line = p.Line
	return process.Start(command)
}

// arguments replaces those that the local engine would have been started with.
func (p SparkProgram) arguments(s *spark, dir string, run *rundir.Dir) error {
	j, err := findJava()
	if err != nil {
		return err
	}
	args, err := s.arguments(dir, run, p.Port, j)
	if err != nil {
		return err
	}
	at := slices.Index(args, "-cp")
	if at < 0 {
		return errors.New("there is no class path")
	}
	options, classPath := slices.Clone(args[:at]), args[at:at+2]
	for _, name := range slices.Sorted(maps.Keys(p.Conf)) {
		options = append(options, "-D"+name+"="+p.Conf[name]) // the last one counts
	}
	args = slices.Concat(options, classPath, []string{p.Main}, p.Args)
	return os.WriteFile(filepath.Join(run.Path(), "java.args"), argumentFile(args), 0o600)
}
