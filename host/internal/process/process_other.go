//go:build !unix

package process

import "os/exec"

func confine(*exec.Cmd) {}

func killGroup(int) {}
