package module

import (
	"fmt"
	"os"
)

// FolderExposed says who else than the user that this process runs as may write
// to a folder of modules, and with that what runs here; empty if nobody may.
// The folders that it lies in are not looked at.
func FolderExposed(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	owner, group := ownership(info)
	mode := info.Mode().Perm()
	switch {
	case mode&0o002 != 0:
		return fmt.Sprintf("its mode %04o lets every user write to it", mode), nil
	case mode&0o020 != 0 && group != owner: // else it is the group of that user alone, as many systems make them
		return fmt.Sprintf("its mode %04o lets the group %d write to it", mode, group), nil
	case owner > 0 && !owned(info):
		return fmt.Sprintf("it belongs to the user %d", owner), nil
	}
	return "", nil
}
