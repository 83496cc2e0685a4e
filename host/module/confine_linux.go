package module

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// processFD is the descriptor of the socket in a module's process, interruptFD
	// that of what it is to end.
	processFD   = 3
	interruptFD = 4
	// confinedVariable says that a process has confined itself.
	confinedVariable = "SPARKSTALK_CONFINED"
	// cacheVariable is the folder that a process may write to.
	cacheVariable = "SPARKSTALK_CACHE"
	// processFiles is how many descriptors a module's process may have.
	processFiles = 64
)

func newSocketPair() ([2]int, error) {
	return syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}

// startConfined starts a module's process: with no environment, on a network
// without interfaces where the system lets it, and to die with the host. files are
// its descriptors from processFD on. lacks is what the system does not offer.
func startConfined(command []string, cacheDir string, files []*os.File, stderr io.Writer) (_ *exec.Cmd, lacks []string, _ error) {
	start := func(flags uintptr) (*exec.Cmd, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = []string{cacheVariable + "=" + cacheDir}
		cmd.Dir = "/"
		cmd.ExtraFiles = files
		cmd.Stderr = stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Cloneflags: flags}
		if flags&syscall.CLONE_NEWUSER != 0 {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		}
		// The signal of Pdeathsig comes when the thread ends that started it. Go
		// ends none that is not locked.
		return cmd, cmd.Start()
	}
	const alone = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	for _, flags := range []uintptr{alone, alone | syscall.CLONE_NEWUSER} {
		cmd, err := start(flags)
		if err == nil || !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOSPC) {
			return cmd, nil, err
		}
		lacks = []string{"a network without interfaces: " + err.Error()}
	}
	cmd, err := start(0)
	return cmd, lacks, err
}

// confine gives up what a module's process does not need, for good, and starts
// the program anew, so that all of its threads are held. It returns what the
// system does not offer, once that is done.
func confine() (lacks []string, err error) {
	if done, ok := os.LookupEnv(confinedVariable); ok {
		if done != "" {
			lacks = []string{done}
		}
		return lacks, nil
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no new privileges: %w", err)
	}
	for what, most := range map[int]uint64{syscall.RLIMIT_NOFILE: processFiles, syscall.RLIMIT_CORE: 0, unix.RLIMIT_MEMLOCK: 0} {
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return nil, fmt.Errorf("limit %d of the process: %w", what, err)
		}
	}
	lack := ""
	if err := landlock(); err != nil {
		lack = "landlock: " + err.Error()
	}
	// Root would have them all; without new privileges the exec gives none back.
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return nil, fmt.Errorf("no capabilities: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// These must outlive the exec; they are the process's own already.
	for _, fd := range []uintptr{processFD, interruptFD} {
		if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
			return nil, fmt.Errorf("no host at the other end: %w", err)
		}
	}
	return nil, fmt.Errorf("start anew: %w", syscall.Exec(exe, os.Args, []string{confinedVariable + "=" + lack, "GOTRACEBACK=none"}))
}

// landlock takes from the thread what files, network and processes it could
// reach: no file can be opened for writing, executed, or read, but for the
// program, the system's libraries, and what Go asks of the kernel, and no process
// but its own gets a signal.
func landlock() error {
	version, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errno
	}
	all := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1)
	if version >= 2 {
		all |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		all |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	// As in linux/landlock.h: names in x/sys differ between its versions.
	attr := struct{ fs, net, scoped uint64 }{fs: all}
	size := unsafe.Sizeof(attr.fs)
	if version >= 4 {
		attr.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr.net)
	}
	if version >= 6 {
		attr.scoped = 1<<0 | 1<<1 // abstract Unix sockets, signals
		size += unsafe.Sizeof(attr.scoped)
	}
	rules, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return errno
	}
	defer func() { _ = unix.Close(int(rules)) }() // nothing was written to it
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cache := os.Getenv(cacheVariable)
	if cache == "" || cache == NoCache {
		cache = "/nonexistent"
	}
	const file = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	for path, access := range map[string]uint64{
		exe: file, cache: all &^ unix.LANDLOCK_ACCESS_FS_EXECUTE, "/lib": file | unix.LANDLOCK_ACCESS_FS_READ_DIR, "/lib64": file | unix.LANDLOCK_ACCESS_FS_READ_DIR, "/usr/lib": file | unix.LANDLOCK_ACCESS_FS_READ_DIR,
		"/sys/kernel/mm/transparent_hugepage": unix.LANDLOCK_ACCESS_FS_READ_FILE, "/dev/urandom": unix.LANDLOCK_ACCESS_FS_READ_FILE,
	} {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		beneath := struct {
			allowed uint64
			parent  int32
		}{access, int32(fd)}
		_, _, errno := syscall.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, rules, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
		_ = unix.Close(fd) // it only names a place
		if errno != 0 {
			return fmt.Errorf("%s: %w", path, errno)
		}
	}
	if _, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// limitMemory bounds the addresses of the process: what Go and the compiler
// need, and a module's memory.
func limitMemory(memoryMiB int) {
	most := uint64(memoryMiB)<<20 + 4<<30
	// It only fails for more than there is.
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most})
}

// behindOthers has this thread give way to whoever wakes on its processor, until
// back is called. Linux lets a thread that runs have its slice of time first, and
// looks again up to 4 ms later, unless who wakes asks for a shorter one. So this one
// asks for a long one, which Linux before 6.12 ignores.
func behindOthers() (back func()) {
	ask := func(slice time.Duration) {
		if attr, err := unix.SchedGetAttr(0, 0); err == nil {
			attr.Runtime = uint64(slice)
			_ = unix.SchedSetAttr(0, attr, 0) // a wish; the call goes on without
		}
	}
	ask(20 * time.Millisecond)
	return func() { ask(0) }
}

// threadTime is the processor's time that this thread has had.
func threadTime() (ns int64) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return t.Nano()
}
