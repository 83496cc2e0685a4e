//go:build cgo && (linux || darwin || freebsd)

package native

import (
	"errors"
	"plugin"
)

// Supported returns nil, or why this host can load no plugins.
func Supported() error { return nil }

// openPlugin loads a plugin, which runs its init functions.
func openPlugin(path string) error {
	p, err := plugin.Open(path)
	if err != nil {
		return err
	}
	if _, err := p.Lookup("SparkstalkModule"); err != nil {
		return errors.New("a Go plugin that is no task module; " + mend)
	}
	return nil
}
