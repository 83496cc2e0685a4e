//go:build linux || darwin

package engine

import "syscall"

// freeBytes returns how much a user may still write where dir is.
func freeBytes(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
