package main

import (
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

// A logFile appends to a file, and to a new one once logrotate or whoever else
// has moved it away, as Celery's log handler does.
type logFile struct {
	name string

	mu   sync.Mutex
	file *os.File
	as   os.FileInfo // of file
}

// openLogFile opens the file of --logfile. %n in its name is the node's name, %h
// its host and %d the host's domain, %p all of node: Celery's abbreviations.
func openLogFile(name, node string) (*logFile, error) {
	if node == "" {
		node = host.DefaultHostname
	}
	node, err := host.Nodename(node)
	if err != nil {
		return nil, err
	}
	short, full, _ := strings.Cut(node, "@")
	_, domain, _ := strings.Cut(full, ".")
	l := &logFile{name: strings.NewReplacer("%%", "%", "%n", short, "%h", full, "%d", domain, "%p", node, "%i", "0", "%I", "").Replace(name)}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() (err error) {
	if l.file, err = os.OpenFile(l.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
		return err
	}
	l.as, err = l.file.Stat()
	return err
}

// Write appends p.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now, err := os.Stat(l.name); err != nil || !os.SameFile(now, l.as) {
		before := l.file
		if err := l.open(); err != nil {
			return 0, err
		}
		if err := before.Close(); err != nil {
			return 0, err
		}
	}
	return l.file.Write(p)
}

// withLogfile gives a command that serves the flag --logfile.
func withLogfile(s *settings, cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&s.logfile, "logfile", "f", "", "`file` that the log goes to instead of standard error; %n is the node's name, %h its host")
	return cmd
}
