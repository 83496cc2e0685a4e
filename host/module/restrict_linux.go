package module

import "syscall"

// restrict bounds this process, a compiler, to so much memory, and puts it so far
// behind the others.
func restrict(mib, nice int) error {
	limit := uint64(mib) << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	// A group of its own: the priority is that of all of its threads.
	if err := syscall.Setpgid(0, 0); err != nil {
		return err
	}
	mine, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // the kernel counts from 40, the first, to 1
	if err != nil {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PGRP, 0, min(20-mine+nice, 19))
}
