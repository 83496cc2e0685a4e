//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"
)

// confine puts the child into its own process group. These systems cannot tie
// its life to ours.
func confine(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
