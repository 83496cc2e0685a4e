//go:build !(cgo && (linux || darwin || freebsd))

package native

import (
	"errors"
	"runtime"
)

// Supported returns nil, or why this host can load no plugins.
func Supported() error {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd":
		return errors.New("this host was built without cgo, which Go plugins need; with a C compiler at hand: CGO_ENABLED=1 go build ./host/cmd/sparkstalk")
	}
	return errors.New("Go has no plugins on " + runtime.GOOS)
}

func openPlugin(string) error { return Supported() }
