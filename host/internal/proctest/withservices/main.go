// Withservices runs a command beside the services that the tests use, each
// started once and named in its environment, and stops them after it:
//
//	go run ./host/internal/proctest/withservices -- go test ./...
//	go run ./host/internal/proctest/withservices -services rabbitmq,sail -- sh
//
// It exits as the command does. Ctrl-C reaches the command, which ends first.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func main() {
	services := flag.String("services", strings.Join(proctest.ServiceNames, ","), "what to start, separated by commas")
	repeat := flag.Bool("failures", false, "the command is go test: say again at the end what failed")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: withservices [-services LIST] [-failures] -- COMMAND [ARGUMENT…]\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	out := failures{out: os.Stdout}
	var stdout io.Writer = os.Stdout
	if *repeat {
		stdout = &out
	}
	code, err := run(strings.Split(*services, ","), flag.Args(), stdout)
	if *repeat {
		err = errors.Join(err, out.repeat())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservices:", err)
	}
	os.Exit(code)
}

func run(services, command []string, stdout io.Writer) (int, error) {
	// Services start before anybody may interrupt them half-way: a signal then
	// is looked at once they are up.
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	begin := time.Now()
	fmt.Fprintf(os.Stderr, "services: starting %s\n", strings.Join(services, ", "))
	env, err := proctest.StartServices(services)
	if err != nil {
		return 1, err
	}
	defer proctest.Stop()
	fmt.Fprintf(os.Stderr, "services: up after %v\n", time.Since(begin).Round(100*time.Millisecond))
	select {
	case sig := <-signals:
		return 1, fmt.Errorf("%v before the command began", sig)
	default:
	}

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second // a process that a test has left may hold the output
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case sig := <-signals:
			// A terminal sends Ctrl-C to the command too; others do not.
			if sig != os.Interrupt {
				_ = cmd.Process.Signal(sig)
			}
		case err := <-done:
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return exitCode(exit), nil
			} else if err != nil {
				return 1, err
			}
			return 0, nil
		}
	}
}

// exitCode is the command's, as a shell would give it.
func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
