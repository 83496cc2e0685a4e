package process

import (
	"os/exec"
	"syscall"
)

// confine puts the child into its own process group and has the kernel kill it
// when this process ends.
func confine(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
