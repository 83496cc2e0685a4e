//go:build unix

package module

import (
	"io/fs"
	"os"
	"syscall"
)

// owned reports whether a file belongs to the user that this process runs as.
func owned(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Uid == uint32(os.Geteuid())
}

// ownership is whose a file is, user and group.
func ownership(info fs.FileInfo) (user, group int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return 0, 0
}
