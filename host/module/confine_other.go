//go:build !linux

package module

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

const processFD, interruptFD = 3, 4

var errNoProcess = errors.New("modules in processes of their own need Linux; leave isolation out of the setting modules")

func newSocketPair() ([2]int, error) { return [2]int{}, errNoProcess }

func startConfined([]string, string, []*os.File, io.Writer) (*exec.Cmd, []string, error) {
	return nil, nil, errNoProcess
}

func confine() ([]string, error) { return nil, errNoProcess }

func limitMemory(int) {}

func behindOthers() (back func()) { return func() {} }

// threadTime is not known here: there is no limit of it.
func threadTime() int64 { return 0 }
